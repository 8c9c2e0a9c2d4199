"""Sends the outbox: in order in each chat, many chats side by side, emergencies past everything else."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import ParamSpec

from sqlalchemy.exc import SQLAlchemyError
from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.warnings import PTBDeprecationWarning

from bot.gateway.limits import RateLimit
from bot.telegram.letters import Draft, Letter
from bot.telegram.mailbox import Mailbox
from bot.telegram.post import post

logger = logging.getLogger("vagus.telegram")
warnings.filterwarnings("ignore", message=".*retry_after.*", category=PTBDeprecationWarning)  # read by `seconds_of`

P = ParamSpec("P")

AT_ONCE = 32
"""Requests under way at once, emergencies not counted."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before a failed request is tried again, doubled each time up to the longest."""
MOST_ATTEMPTS = 1_500
"""With those waits, about a day."""

_GONE = ("chat not found", "user is deactivated", "bot was kicked", "bot was blocked", "peer_id_invalid")
_TAG = re.compile(r"<[^>]*>")


class Sender:
    """Takes letters that are in the outbox, and keeps at each until Telegram has it or will never take it."""

    def __init__(self, bot: Bot, mailbox: Mailbox, per_second: int, on_gone: Callable[[str], Awaitable[None]]) -> None:
        """Set up; nothing is sent yet.

        Args:
            bot: Where letters go.
            mailbox: Where they are kept until then.
            per_second: Messages over all chats in a second; 0 for no limit. Telegram allows 30.
            on_gone: Called with a person who blocked the bot or left.
        """
        self._bot = bot
        self._mailbox = mailbox
        self._on_gone = on_gone
        self._all = RateLimit(per_second, 1.0)
        self._chats = RateLimit(5, 5.0)
        self._groups = RateLimit(20, 60.0)
        self._turn = asyncio.Lock()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._lines: dict[int, deque[Letter]] = {}
        self._open: dict[int, Letter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, letters: Sequence[Letter]) -> None:
        """Send letters, in this order in each chat; urgent ones at once."""
        for letter in letters:
            self._open[letter.id] = letter
            if letter.draft.urgent:
                self.spawn(self._deliver(letter))
            elif letter.draft.chat_id in self._lines:
                self._lines[letter.draft.chat_id].append(letter)
            else:
                self._lines[letter.draft.chat_id] = deque([letter])
                self.spawn(self._drain(letter.draft.chat_id))

    async def unsend(self, person: str) -> None:
        """Forget what was not sent yet to a person. What is under way right now still arrives."""
        for letter in [letter for letter in self._open.values() if letter.person == person]:
            del self._open[letter.id]
        await asyncio.to_thread(self._mailbox.unsend, person)

    def spawn(self, work: Awaitable[None]) -> None:
        """Run something in the background until it ends or the sender is closed."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop. What was not sent stays in the outbox for the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drain(self, chat_id: int) -> None:
        line = self._lines[chat_id]
        while line:
            await self._deliver(line[0])
            line.popleft()
        del self._lines[chat_id]

    async def _deliver(self, letter: Letter) -> None:
        """Keep at a letter until it is settled or taken back."""
        while self._is_open(letter):
            await asyncio.sleep(max(0.0, letter.not_before - time.time()))
            if letter.draft.urgent:
                again = await self._try(letter)
            else:
                await self._wait_for_turn(letter.draft.chat_id)
                async with self._at_once:
                    again = await self._try(letter)
            if again is None or not self._is_open(letter):
                return
            self._open[letter.id] = letter = again
            await self._note(self._mailbox.postponed, letter)

    def _is_open(self, letter: Letter) -> bool:
        """Whether this very letter still has to be sent: another may have its number by now."""
        return self._open.get(letter.id) is letter

    async def _wait_for_turn(self, chat_id: int) -> None:
        """Wait until Telegram's limits allow a message: in this chat, then over all chats, first come first served."""
        await _allowed(self._chats if chat_id > 0 else self._groups, str(chat_id))
        async with self._turn:
            await _allowed(self._all, "all chats")

    async def _try(self, letter: Letter) -> Letter | None:
        """Try once; returns the letter to try again, or None when it is settled."""
        if not self._is_open(letter):
            return None
        try:
            message_id = await post(self._bot, letter.draft)
        except Exception as error:  # whatever a broken answer of Telegram's does to the client
            return await self._missed(letter, error)
        await self._settle([letter], "sent")
        if letter.draft.body.get("pin"):
            self.spawn(self._pin(letter.draft.chat_id, message_id))
        return None

    async def _missed(self, letter: Letter, error: Exception) -> Letter | None:
        """What a failure means: wait, write differently, or give up. Errors are named, never quoted."""
        attempts = letter.attempts + 1
        if attempts > MOST_ATTEMPTS:
            logger.error(
                "letter %d of kind %s could not be sent for a day; it is dropped", letter.id, letter.draft.kind
            )
            await self._settle([letter], "dropped")
            return None
        if isinstance(error, RetryAfter):
            return replace(letter, attempts=attempts, not_before=time.time() + seconds_of(error))
        if isinstance(error, ChatMigrated):
            return replace(letter, draft=letter.draft.moved(error.new_chat_id))
        if isinstance(error, Forbidden) or (isinstance(error, BadRequest) and _says(error, *_GONE)):
            await self._gone(letter)
            return None
        if isinstance(error, BadRequest):
            return await self._refused(letter, error)
        if isinstance(error, InvalidToken):
            logger.error("TELEGRAM_TOKEN: refused by Telegram. Was it revoked? Copy the new one from BotFather.")
        elif not isinstance(error, TelegramError):
            logger.warning("Telegram's answer could not be read (%s)", type(error).__name__)
        wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT) * random.uniform(0.8, 1.2)
        logger.warning("letter %d not sent (%s); again in %.0f s", letter.id, type(error).__name__, wait)
        return replace(letter, attempts=attempts, not_before=time.time() + wait)

    async def _refused(self, letter: Letter, error: BadRequest) -> Letter | None:
        if _says(error, "not modified"):
            await self._settle([letter], "sent")
            return None
        if _says(error, "parse entities") and not letter.draft.body.get("bare"):
            logger.error("letter %d: Telegram refused its HTML; it is sent as plain text", letter.id)
            return replace(letter, attempts=letter.attempts + 1, draft=_bare(letter.draft))
        logger.error("letter %d of kind %s refused by Telegram; it is dropped", letter.id, letter.draft.kind)
        await self._settle([letter], "dropped")
        return None

    async def _gone(self, letter: Letter) -> None:
        """The person blocked the bot, or the group removed it: nothing more is sent, and their session ends quietly."""
        logger.info("a chat is gone; its session ends")
        theirs = [other for other in self._open.values() if other.draft.chat_id == letter.draft.chat_id]
        await self._settle(theirs, "dropped")
        for person in {other.person for other in theirs}:
            try:
                await self._on_gone(person)
            except SQLAlchemyError as error:
                logger.error("a session could not be ended (%s)", type(error).__name__)

    async def _settle(self, letters: Sequence[Letter], state: str) -> None:
        settled = [letter.id for letter in letters if self._is_open(letter)]
        for number in settled:
            del self._open[number]
        await self._note(self._mailbox.settled, settled, state)

    async def _note(self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Record something; when the database does not take it, say so and go on sending."""
        for wait in (0.2, 1.0, 0.0):
            try:
                await asyncio.to_thread(call, *args, **kwargs)
                return
            except SQLAlchemyError as error:
                logger.error("the outbox could not be written (%s)", type(error).__name__)
                await asyncio.sleep(wait)

    async def _pin(self, chat_id: int, message_id: int) -> None:
        try:
            await self._bot.pin_chat_message(chat_id, message_id, disable_notification=True)
        except Exception as error:  # a favour: the numbers stand in the greeting without it
            logger.info("a greeting could not be pinned (%s)", type(error).__name__)


async def _allowed(limit: RateLimit, key: str) -> None:
    while True:
        wait = limit.wait(key)
        if not wait:
            return
        await asyncio.sleep(wait)


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    wait: object = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(str(wait))


def _says(error: BadRequest, *parts: str) -> bool:
    return any(part in error.message.lower() for part in parts)


def _bare(draft: Draft) -> Draft:
    return replace(draft, body=draft.body | {"bare": True, "text": unescape(_TAG.sub("", draft.body["text"]))})
