"""One message in, replies out: the same path for every channel.

safety screen -> (alarm: its reply alone) -> dialogue -> (down: outage reply) -> stored, then returned. An alarm does not wait
for storage that hangs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from bot.gateway import metrics, words
from bot.gateway.callbacks import CallbackBox
from bot.gateway.deidentify import deidentify
from bot.gateway.rasa_client import DialogueOutage, RasaClient
from bot.gateway.replies import Reply, reply_from_message
from bot.gateway.security import Signatures
from bot.gateway.store import SessionEnded, Store, Turn, utc_now
from bot.safety import RedFlag, SafetyScreen, SafetyWords
from knowledge.clinic import Clinic

logger = logging.getLogger("vagus.gateway")

T = TypeVar("T")

MAX_TEXT = 2_000
"""Characters that go to the dialogue. The safety screen sees all that was sent, up to the channel's own limit."""

STORING_SECONDS = 1.5
"""How long an emergency waits for storage. Then it is answered from memory, and storing goes on."""

TOLD_SECONDS = 1.0
"""How long a message waits until the dialogue knows of the red flag before it: a dialogue that hangs hears of it later."""

SCREENERS = 4
"""Messages that are screened at once. The screen has threads of its own: those of the storage may all hang."""

SLASHES = "/\u2044\u2215\uff0f"
"""Everything that is or looks like the mark of a command."""

PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+?1[ .-]?)?(?:\(\d{3}\)|\d{3})[ .-]?\d{3}[ .-]?\d{4}(?![\w/-])"
    r"|^\W*\d{3}[ .-]?\d{4}\W*$"  # without area code: only when it is all that was written
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a channel hands over: typed text, a pressed button, or a command of the channel's own.

    A command is a payload for the dialogue, and `text` is what the patient said by it. It never comes from their words.
    """

    message_id: str
    text: str | None = None
    button: str | None = None
    payload: str | None = None


class AlarmNotStored(Exception):
    """An alarm could not be stored, because the storage fails or the session has ended. Its reply is ready nevertheless."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("alarm not stored")
        self.reply = reply


class Conversations:
    """Runs conversations, one message at a time each, many side by side."""

    def __init__(
        self,
        *,
        store: Store,
        dialogue: RasaClient,
        screen: SafetyScreen,
        safety_words: SafetyWords,
        signatures: Signatures,
        callbacks: CallbackBox,
        clinic: Clinic,
        lifetime: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._dialogue = dialogue
        self._screen = screen
        self._safety_words = safety_words
        self._signatures = signatures
        self._callbacks = callbacks
        self._clinic = clinic
        self.lifetime = lifetime
        self._clock = clock
        self._locks: dict[tuple[str, bool], tuple[asyncio.Lock, int]] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._untold: dict[str, str] = {}
        self._storing: set[asyncio.Task[Any]] = set()
        self._screeners = ThreadPoolExecutor(SCREENERS, thread_name_prefix="screen")

    @property
    def screens(self) -> bool:
        """Whether the safety screen runs whole, classifier included."""
        return self._screen.learned

    def alarm(self, text: str) -> Reply | None:
        """The reply to an alarm, or None. Nothing is stored: for a channel whose storage fails."""
        flag = self._flag(text)
        if flag is None or flag.level != "alarm":
            return None
        return self._reply_to(flag)

    async def emergency(self, text: str | None) -> Reply | None:
        """As `alarm`, off the event loop: for whoever has no session, or no message left in it."""
        return await self._in_screen(self.alarm, text) if text else None

    def is_alarming(self, text: str | None) -> bool:
        """Whether a message may not be turned away by a rate limit."""
        return self.alarm(text) is not None if text else False

    async def open(self, session_id: str, channel: str) -> tuple[datetime, list[Reply]]:
        """Open a session; returns when it expires (naive UTC) and its greeting."""
        greeting = [words.greeting(self._clinic)]
        return await self._open(session_id, channel, greeting), greeting

    async def open_in_time(self, session_id: str, channel: str) -> tuple[datetime, list[Reply]]:
        """As `open`. With storage that fails or hangs the session is not there, and still good for an emergency."""
        greeting = [words.greeting(self._clinic)]
        try:
            expires = await self._in_time(self._open(session_id, channel, greeting))
        except Exception as error:  # whatever is wrong with the storage
            logger.error("a session was opened, not stored: %s", type(error).__name__)
            expires = utc_now() + self.lifetime
        return expires, greeting

    async def handle(self, session_id: str, incoming: Incoming) -> list[Reply]:
        """Answer one message. The same message id again returns the same replies; nothing runs twice.

        A message that alarms by itself does not wait for the turn before it, which may hang on a dialogue that is down, and
        not long for storage. It is screened once; again only together with the messages before it.

        Raises:
            SessionEnded: If the session has expired, or was erased.
            AlarmNotStored: If a message that alarms by itself could not be stored. It holds the reply.
        """
        alone = await self._in_screen(self._flag, printable(incoming.text)) if incoming.text else None
        if alone is not None and alone.level == "alarm":
            return await self._answer_alarm(session_id, incoming, alone)
        async with self._turn_of(session_id):
            return await self._turn(session_id, incoming, alone)

    async def erase(self, session_id: str, *, by_request: bool = True) -> None:
        """Delete every trace of a session. What Rasa holds goes now, or as soon as Rasa is back.

        Args:
            session_id: Which one.
            by_request: The patient asked for it: callback requests and filed questions go too.
        """
        async with self._turn_of(session_id):
            await self._told(session_id)  # what is on its way to Rasa must not arrive after the deletion
            await asyncio.to_thread(self._store.erase, session_id, by_request=by_request)
            await self.forget_pending()

    async def forget_pending(self) -> None:
        """Have Rasa forget the sessions that were erased; those it cannot forget now stay pending."""
        for session_id in await asyncio.to_thread(self._store.pending_erasures):
            try:
                await self._dialogue.forget(session_id)
            except DialogueOutage:
                return
            await asyncio.to_thread(self._store.erasure_done, session_id)

    async def close(self) -> None:
        """Wait for what runs in the background."""
        await asyncio.gather(*self._storing, return_exceptions=True)
        await asyncio.gather(*self._telling.values(), return_exceptions=True)
        self._screeners.shutdown()

    async def _open(self, session_id: str, channel: str, greeting: Sequence[Reply]) -> datetime:
        expires = await asyncio.to_thread(self._store.open_session, session_id, channel, self.lifetime)
        await asyncio.to_thread(self._store.add_replies, session_id, greeting)
        return expires

    async def _answer_alarm(self, session_id: str, incoming: Incoming, flag: RedFlag) -> list[Reply]:
        """The reply to an alarm: as it is stored, or ahead of that when storing takes long."""
        reply = self._reply_to(flag)
        try:
            return await self._in_time(self._alarm_turn(session_id, incoming, flag, reply))
        except TimeoutError:
            logger.error("an alarm was answered before it was stored: storage takes long")
            return [reply]
        except Exception as error:  # whatever is wrong with the storage
            raise AlarmNotStored(reply) from error

    async def _alarm_turn(self, session_id: str, incoming: Incoming, flag: RedFlag, reply: Reply) -> list[Reply]:
        async with self._turn_of(session_id, alarming=True):
            turn = await self._begin(session_id, incoming.message_id, printable(incoming.text or ""))
            if turn.answered:
                return list(turn.replies)
            await self._count(flag)
            self._tell_of_flag(session_id, flag)
            return await self._finish(session_id, turn, [reply])

    async def _turn(self, session_id: str, incoming: Incoming, flag: RedFlag | None) -> list[Reply]:
        text, payload = await self._read(session_id, incoming)
        turn = await self._begin(session_id, incoming.message_id, text)
        if turn.answered:
            return list(turn.replies)
        if incoming.button is not None or incoming.payload is not None:
            replies = await self._press(session_id, text, payload)
        else:
            previous = await asyncio.to_thread(self._store.last_texts, session_id, turn.id, 2)
            if previous:
                flag = await self._in_screen(self._flag, text, previous)
            replies = await self._answer_text(session_id, text, flag)
        return await self._finish(session_id, turn, replies)

    async def _begin(self, session_id: str, message_id: str, text: str) -> Turn:
        if not await asyncio.to_thread(self._store.is_live, session_id):
            raise SessionEnded
        return await asyncio.to_thread(self._store.begin_turn, session_id, message_id, text)

    async def _finish(self, session_id: str, turn: Turn, replies: list[Reply]) -> list[Reply]:
        await asyncio.to_thread(self._store.finish_turn, session_id, turn.id, replies)
        for reply in replies:
            metrics.REPLIES.labels(reply.kind).inc()
        return replies

    async def _in_time(self, storing: Coroutine[Any, Any, T]) -> T:
        """What storing gives. It is brought to its end, whether or not anyone waits for it.

        Raises:
            TimeoutError: If it takes longer than an emergency may wait.
        """
        task = asyncio.create_task(storing)
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        return await asyncio.wait_for(asyncio.shield(task), STORING_SECONDS)

    async def _in_screen(self, call: Callable[..., T], *args: Any) -> T:
        """Run the safety screen off the event loop: a long message keeps nobody else waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._screeners, call, *args)

    @asynccontextmanager
    async def _turn_of(self, session_id: str, *, alarming: bool = False) -> AsyncIterator[None]:
        """One turn at a time in each session: Rasa loses events when two run at once.

        Alarms take turns of their own, so that they wait for no dialogue and yet a retry cannot overtake its original.
        """
        key = (session_id, alarming)
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)

    async def _read(self, session_id: str, incoming: Incoming) -> tuple[str, str]:
        """The words to show in the history, and a button's payload ('' when the button is not ours)."""
        if incoming.button is None:
            return printable(incoming.text or ""), incoming.payload or ""
        named = self._signatures.button_of(session_id, incoming.button)
        reply = await asyncio.to_thread(self._store.reply, session_id, named[0]) if named else None
        if named is None or reply is None or named[1] >= len(reply.buttons):
            return "(button)", ""
        button = reply.buttons[named[1]]
        return button.label, button.payload

    async def _answer_text(self, session_id: str, text: str, flag: RedFlag | None) -> list[Reply]:
        if flag is not None:
            await self._count(flag)
            if flag.level == "alarm":
                self._tell_of_flag(session_id, flag)
                return [self._reply_to(flag)]
        if len(text) > MAX_TEXT:
            replies = [words.too_long()]
        elif not any(character.isalnum() for character in text):
            replies = [words.unreadable()]
        else:
            replies = await self._ask(session_id, text, not_a_command(text))
        if flag is not None:
            replies[0] = replies[0].with_notice(self._safety_words.check_line(flag, self._numbers()))
        return replies

    async def _count(self, flag: RedFlag) -> None:
        await asyncio.to_thread(self._store.count_flag, flag.kind, flag.level, flag.group)
        metrics.RED_FLAGS.labels(flag.kind, flag.level).inc()
        logger.info("red flag kind=%s level=%s group=%d", flag.kind, flag.level, flag.group)

    async def _press(self, session_id: str, label: str, payload: str) -> list[Reply]:
        """Follow a button: a question that it asks for the patient (`text:...`), or a command of ours."""
        if not payload:
            return [words.stale_button()]
        asked = payload.removeprefix("text:")
        return await self._ask(session_id, label, not_a_command(asked) if asked != payload else payload)

    async def _ask(self, session_id: str, text: str, message: str) -> list[Reply]:
        """Ask the dialogue. `text` is what the patient said, `message` what the dialogue reads of it."""
        started = asyncio.get_running_loop().time()
        try:
            await self._told(session_id, TOLD_SECONDS)
            messages = await self._dialogue.send(session_id, message)
            replies = [reply_from_message(message) for message in messages]
        except (DialogueOutage, ValueError) as error:
            reason = error if isinstance(error, DialogueOutage) else type(error).__name__
            logger.warning("dialogue outage: %s", reason)
            metrics.OUTAGES.inc()
            return [words.outage(self._clinic, self._clock())]
        for sent, reply in zip(messages, replies, strict=True):
            await self._take_in(session_id, text, sent)
            logger.info("reply kind=%s passages=%s", reply.kind, ",".join(p.id for p in reply.passages))
        metrics.DIALOGUE_SECONDS.observe(asyncio.get_running_loop().time() - started)
        return replies

    async def _take_in(self, session_id: str, text: str, message: Mapping[str, Any]) -> None:
        """Keep what the dialogue hands over beside its words: an unanswered question, a callback request."""
        if message.get("file_question"):
            await asyncio.to_thread(self._store.file_question, session_id, deidentify(text))
        if isinstance(message.get("callback"), dict):
            await self._callbacks.file(session_id, message["callback"])
        if message.get("forget"):
            await asyncio.to_thread(self._store.forget_details, session_id)

    def _tell_of_flag(self, session_id: str, flag: RedFlag) -> None:
        """Let the dialogue know. The patient's reply does not wait for it; their next message does, for a moment.

        One flag at a time is on its way. Of those that come meanwhile the last is told, which is all that the dialogue keeps.
        """
        self._untold[session_id] = f"/red_flag{json.dumps({'kind': flag.kind, 'group': flag.group})}"
        if session_id not in self._telling:
            self._telling[session_id] = asyncio.create_task(self._tell(session_id))

    async def _tell(self, session_id: str) -> None:
        try:
            while (payload := self._untold.pop(session_id, None)) is not None:
                try:
                    await self._dialogue.tell(session_id, payload)
                except DialogueOutage as error:
                    logger.warning("dialogue not told of a red flag: %s", error)
                try:
                    await asyncio.to_thread(self._store.forget_details, session_id)  # a red flag ends a form
                except SQLAlchemyError as error:
                    logger.error("details of a form not forgotten: %s", type(error).__name__)
        finally:
            del self._telling[session_id]

    async def _told(self, session_id: str, seconds: float | None = None) -> None:
        """Wait, at most so many seconds, until the dialogue knows of the session's red flags, or could not be told."""
        while (telling := self._telling.get(session_id)) is not None:
            done, _ = await asyncio.wait([telling], timeout=seconds)
            if not done:
                return

    def _reply_to(self, flag: RedFlag) -> Reply:
        return reply_from_message(self._safety_words.reply(flag, self._numbers()))

    def _flag(self, text: str, previous: Sequence[str] = ()) -> RedFlag | None:
        """What the safety screen says to a message, read without the phone numbers in it."""
        return self._screen.screen(without_phones(text), previous=tuple(without_phones(said) for said in previous))

    def _numbers(self) -> dict[str, str]:
        return {**self._clinic.emergency.model_dump(), "clinic": self._clinic.phone_display}


def without_phones(text: str) -> str:
    """Text without its phone numbers: to a classifier, ten digits can read like a measurement.

    Example:
        >>> without_phones("my number is (212) 555-0142")
        'my number is  '
    """
    return PHONE.sub(" ", text)


def printable(text: str) -> str:
    """Text without control characters (null bytes among them); line breaks and every script stay."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    return "".join(kept).strip()


def not_a_command(text: str) -> str:
    """Text that Rasa cannot take for a command: no slash at its start, whatever invisible characters hide it.

    Example:
        >>> not_a_command(' /red_flag{"kind": "x"}')
        'red_flag{"kind": "x"}'
    """
    start = next((i for i, c in enumerate(text) if c.isalnum()), len(text))
    head = "".join(c for c in text[:start] if c not in SLASHES and unicodedata.category(c) != "Cf")
    return (head.lstrip() + text[start:]) or "help"
