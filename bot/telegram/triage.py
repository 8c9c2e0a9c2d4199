"""Looks for emergencies among the messages that wait, the newest first, so that none stands in line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.telegram.updates import Received


class Triage:
    """Screens on a thread of its own. It only decides who comes first: every message is screened when it is answered."""

    def __init__(
        self,
        is_alarming: Callable[[Received], bool],
        waits: Callable[[Received], bool],
        on_alarm: Callable[[Received], None],
    ) -> None:
        """Set up.

        Args:
            is_alarming: Whether the safety screen takes a message for an emergency; called on the thread.
            waits: Whether a message still waits for its answer.
            on_alarm: Called on the event loop with a message that may not wait.
        """
        self._is_alarming = is_alarming
        self._waits = waits
        self._on_alarm = on_alarm
        self._stack: list[Received] = []
        self._thread = ThreadPoolExecutor(1, "telegram-triage")
        self._looking: asyncio.Task[None] | None = None

    def look_at(self, received: Received) -> None:
        """Screen a message soon, before all that came earlier."""
        if not received.text:
            return
        self._stack.append(received)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Stop."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._thread.shutdown(wait=False)

    async def _look(self) -> None:
        await asyncio.sleep(0)  # what can be answered at once is answered without this
        while self._stack:
            received = self._stack.pop()
            if not self._waits(received):
                continue
            alarming = await asyncio.get_running_loop().run_in_executor(self._thread, self._is_alarming, received)
            if alarming and self._waits(received):
                self._on_alarm(received)
