"""Takes updates in: stored first, then acknowledged, then answered; in order in each chat, many chats side by side."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from telegram import Bot
from telegram.constants import ChatAction

from bot.telegram.clerk import Clerk
from bot.telegram.inbox import Inbox
from bot.telegram.letters import Draft
from bot.telegram.mailbox import Mailbox
from bot.telegram.order import Order
from bot.telegram.post import post
from bot.telegram.sender import Sender
from bot.telegram.triage import Triage
from bot.telegram.updates import Received, distil, update_id_of

logger = logging.getLogger("vagus.telegram")

AT_ONCE = 8
"""Chats answered at once, emergencies not counted."""
CALM_SECONDS = 0.3
"""How long at most an emergency keeps other answers from being begun: a flood of them must not stop everyone."""
EXCUSES = 10_000
"""Updates remembered to have been excused while they could not be stored."""
TYPING_AFTER, TYPING_EVERY = 0.4, 4.5
"""Seconds without an answer after which the chat says "typing", and how often that is renewed: it fades after five."""
RETRIES = (0.5, 2.0)
"""Seconds before an update whose answer failed is tried again; then the patient is told whom to call."""


class Receiver:
    """Stores updates, and answers each one once."""

    def __init__(self, bot: Bot, mailbox: Mailbox, clerk: Clerk, sender: Sender) -> None:
        self._bot = bot
        self._mailbox = mailbox
        self._clerk = clerk
        self._sender = sender
        self._inbox = Inbox(mailbox, clerk)
        self._order = Order()
        self._triage = Triage(clerk.is_alarming, self._waits, self._begin_urgent)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._calm = asyncio.Event()
        self._calm.set()
        self._urgent = 0
        self._waiting: set[int] = set()
        self._queues: dict[int, list[tuple[int, Received]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._excused: OrderedDict[int, None] = OrderedDict()
        self._closing = False

    def resume(self, unanswered: Sequence[Received]) -> None:
        """Answer what an earlier run stored and did not answer. Must be called on the event loop."""
        for received in unanswered:
            self._expect(received)
            self._begin(received)

    async def take(self, raws: Sequence[object], *, ordered: bool = True) -> None:
        """Store updates; when this returns they are safe and may be acknowledged. Known ones are not answered again.

        Args:
            raws: Updates as Telegram sent them.
            ordered: False when earlier ones may still be on their way, as with a webhook.

        Raises:
            SQLAlchemyError: If they could not be stored. They must not be acknowledged then.
        """
        try:
            fresh = {received.update_id: received for received in await self._inbox.store(raws)}
        except SQLAlchemyError:
            self._excuse(raws)
            raise
        for received in fresh.values():
            self._expect(received)
        for number in sorted(number for number in map(update_id_of, raws) if number is not None):
            begin = partial(self._begin, fresh.pop(number)) if number in fresh else _nothing
            if ordered:
                begin()
            else:
                self._order.offer(number, begin)

    def _excuse(self, raws: Sequence[object]) -> None:
        """Tell the patients, once, whom to call: what they wrote cannot be stored. Telegram will send it again."""
        for received in map(distil, raws):
            if received is None or received.update_id in self._excused or not self._clerk.concerns_us(received):
                continue
            self._excused[received.update_id] = None
            if len(self._excused) > EXCUSES:
                self._excused.popitem(last=False)
            self._spawn(self._send_unstored(received))

    async def _send_unstored(self, received: Received) -> None:
        await self._send_now(self._clerk.excuse(received))  # a favour, as far as it goes: it is answered in full later

    async def _send_now(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Send past the outbox, once; returns what Telegram did not take."""
        unsent = []
        for draft in drafts:
            try:
                await post(self._bot, draft)
            except Exception as error:  # whatever a broken answer of Telegram's does to the client
                logger.info("a reply of kind %s not sent at once (%s)", draft.kind, type(error).__name__)
                unsent.append(draft)
        return unsent

    async def close(self, seconds: float = 3.0) -> None:
        """Let what is being answered finish, for a while. What does not is answered after the next start."""
        self._closing = True
        await self._triage.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _expect(self, received: Received) -> None:
        self._waiting.add(received.update_id)
        self._triage.look_at(received)
        if received.kind == "button":
            self._spawn(self._acknowledge(received))

    def _waits(self, received: Received) -> bool:
        return received.update_id in self._waiting

    def _begin(self, received: Received) -> None:
        """Put an update into its chat's queue."""
        queue = self._queues.get(received.chat_id)
        if queue is not None:
            heapq.heappush(queue, (received.update_id, received))
        else:
            self._queues[received.chat_id] = [(received.update_id, received)]
            self._spawn(self._work(received.chat_id))

    def _begin_urgent(self, received: Received) -> None:
        """Answer an emergency now, whatever stands before it."""
        self._waiting.discard(received.update_id)
        self._spawn(self._answer_urgent(received))

    async def _work(self, chat_id: int) -> None:
        queue = self._queues[chat_id]
        while queue and not self._closing:
            async with self._slots:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._calm.wait(), CALM_SECONDS)
                _, received = heapq.heappop(queue)
                if self._waits(received):
                    self._waiting.discard(received.update_id)
                    await self._answer(received)
        del self._queues[chat_id]

    async def _answer(self, received: Received) -> None:
        async with self._typing(received):
            drafts = await self._drafts(received)
        await self._put_out(received, drafts)

    async def _answer_urgent(self, received: Received) -> None:
        """Send the reply to an emergency first, then do with it what is done with every message.

        The update stays undone until then: after a crash in between, the reply comes once more.
        """
        async with self._emergency():
            replies = self._clerk.alarm(received)
            unsent = await self._send_now(replies)
        drafts = await self._drafts(received)
        await self._put_out(received, unsent if replies else drafts)

    async def _drafts(self, received: Received) -> list[Draft]:
        slowed_down = self._clerk.slow_down(received)
        if slowed_down is not None:
            return slowed_down
        for wait in (*RETRIES, None):
            try:
                return await self._clerk.answer(received)
            except Exception as error:  # a patient gets a useful reply whatever went wrong
                logger.error("update %d failed: %s", received.update_id, type(error).__name__, exc_info=False)
                if wait is not None:
                    await asyncio.sleep(wait)
        return self._clerk.excuse(received)

    async def _put_out(self, received: Received, drafts: Sequence[Draft]) -> None:
        wait = 0.5
        while True:
            try:
                person = self._clerk.person(received)
                letters = await asyncio.to_thread(self._mailbox.answered, received.update_id, person, drafts)
                break
            except Exception as error:  # a full or locked database; the answer waits for it
                logger.error("update %d: answer not stored (%s)", received.update_id, type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(2 * wait, 30.0)
        self._sender.take(letters)

    async def _acknowledge(self, received: Received) -> None:
        """Take the waiting sign off a pressed button; Telegram shows it until then."""
        try:
            await self._bot.answer_callback_query(received.query_id, text=self._clerk.toast(received))
        except Exception as error:  # the answer comes all the same
            logger.info("a press could not be acknowledged (%s)", type(error).__name__)

    @asynccontextmanager
    async def _emergency(self) -> AsyncIterator[None]:
        """While an emergency is answered nobody else's answer is begun."""
        self._urgent += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._calm.set()

    @asynccontextmanager
    async def _typing(self, received: Received) -> AsyncIterator[None]:
        """Show "typing" when an answer takes longer than people notice."""
        task = asyncio.create_task(self._type(received))
        try:
            yield
        finally:
            task.cancel()

    async def _type(self, received: Received) -> None:
        await asyncio.sleep(TYPING_AFTER)
        while True:
            try:
                await self._bot.send_chat_action(
                    received.chat_id, ChatAction.TYPING, message_thread_id=received.thread_id
                )
            except Exception as error:  # a sign that is missing is no reason to answer less
                logger.info("typing could not be shown (%s)", type(error).__name__)
                return
            await asyncio.sleep(TYPING_EVERY)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _nothing() -> None:
    """Begins nothing."""
