"""Puts updates that overtook one another back into Telegram's order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

LONGEST_WAIT = 0.15
"""Seconds that an update waits for one numbered before it. Telegram numbers them without gaps, as a rule."""


class Order:
    """Lets things through by number. One that comes early waits for what is missing before it, but not for long."""

    def __init__(self, longest_wait: float = LONGEST_WAIT) -> None:
        self._longest_wait = longest_wait
        self._through: int | None = None
        self._early: list[tuple[int, Callable[[], None]]] = []

    def offer(self, number: int, begin: Callable[[], None]) -> None:
        """Call `begin` at once, or when its turn has come. Must be called on the event loop."""
        if self._through is None or number <= self._through:
            self._through = number if self._through is None else self._through
            begin()
            return
        if any(number == early for early, _ in self._early):
            begin()
            return
        heapq.heappush(self._early, (number, begin))
        self._release()
        if self._early:
            asyncio.get_running_loop().call_later(self._longest_wait, self._give_up, number)

    def _give_up(self, number: int) -> None:
        """What is missing before `number` is not coming."""
        if any(number == early for early, _ in self._early):
            self._through = max(self._through or 0, self._early[0][0] - 1)
            self._release(number)

    def _release(self, up_to: int = -1) -> None:
        while self._early and self._early[0][0] <= max((self._through or 0) + 1, up_to):
            self._through, begin = heapq.heappop(self._early)
            begin()
