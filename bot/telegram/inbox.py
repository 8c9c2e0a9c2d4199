"""Stores updates as they come in, many in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.telegram.clerk import Clerk
from bot.telegram.mailbox import Mailbox
from bot.telegram.updates import Received, distil


class Inbox:
    """What was stored is safe: Telegram may be told so."""

    def __init__(self, mailbox: Mailbox, clerk: Clerk) -> None:
        self._mailbox = mailbox
        self._clerk = clerk
        self._arrived: list[tuple[Received, asyncio.Future[bool]]] = []
        self._storing = asyncio.Lock()

    async def store(self, raws: Sequence[object]) -> list[Received]:
        """Store the updates that concern us; returns those that were not known yet, in Telegram's order.

        Raises:
            SQLAlchemyError: If they could not be stored.
        """
        updates = [received for received in map(distil, raws) if received is not None]
        kept = sorted((u for u in updates if self._clerk.concerns_us(u)), key=lambda u: u.update_id)
        fresh = await asyncio.gather(*(self._store(received) for received in kept))
        return [received for received, new in zip(kept, fresh, strict=True) if new]

    async def _store(self, received: Received) -> bool:
        """Store one update together with all that arrived meanwhile; returns whether it is new."""
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrived.append((received, mine))
        async with self._storing:
            if not mine.done():
                batch, self._arrived = self._arrived, []
                await self._store_batch(batch)
        return await mine

    async def _store_batch(self, batch: list[tuple[Received, asyncio.Future[bool]]]) -> None:
        rows = {received.update_id: (self._clerk.person(received), received) for received, _ in batch}
        try:
            fresh = await asyncio.to_thread(self._mailbox.receive, list(rows.values()))
        except Exception as error:  # handed to everyone who waits
            for _, future in batch:
                future.set_exception(error)
            return
        for received, future in batch:
            future.set_result(received.update_id in fresh)
            fresh.discard(received.update_id)  # twice in one batch: one answer
