"""What an update gets for an answer: the drafts that go into the outbox."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.gateway import words
from bot.gateway.api import clinic_out
from bot.gateway.conversation import MAX_TEXT, Incoming
from bot.gateway.house import House
from bot.gateway.limits import RateLimit
from bot.gateway.replies import Button, Reply
from bot.gateway.summary import summarise
from bot.telegram import phrases
from bot.telegram.commands import Command, Me, addressed, is_slug, passage_payload
from bot.telegram.keyboards import Action, Keyboards
from bot.telegram.letters import Draft, Keyboard
from bot.telegram.mailbox import Mailbox
from bot.telegram.render import ALARMS, plain, render
from bot.telegram.summary_page import summary_page
from bot.telegram.topics import Topics
from bot.telegram.updates import Received

logger = logging.getLogger("vagus.telegram")

ALBUMS = 1_000
"""Albums remembered, so that ten pictures at once get one answer."""

DIALOGUE_COMMANDS = {
    "hours": ("When are you open?", "/hours"),
    "callback": ("Ask for a call back", "/request_callback"),
}
"""Commands that the dialogue answers: what the patient is shown to have said, and the payload."""

PRIVATE_PAYLOADS = ("/request_callback",)
"""What asks for a name or a phone number: not in a group."""

FREE = ("help", "privacy", "forget", "stop", "erase", "erased", "kept")
"""Commands, and actions of our own buttons, that no limit turns away: the numbers to call, and the way out."""

MANY_SECONDS = 60.0
"""How long who is over the limit is told so no second time."""

TOPIC = "topic:"
"""Payload of the button that opens a topic."""


class Clerk:
    """Answers one update at a time for each person, many side by side. Answering the same update twice does no harm."""

    def __init__(self, house: House, mailbox: Mailbox, me: Me, unsend: Callable[[str], Awaitable[None]]) -> None:
        """Set up.

        Args:
            house: The gateway's parts.
            mailbox: Inbox, outbox and whose session is whose.
            me: Who we are on Telegram.
            unsend: Takes what was not sent yet to a person out of the outbox.
        """
        self._house = house
        self._mailbox = mailbox
        self._me = me
        self._unsend = unsend
        self._keyboards = Keyboards(house.signatures)
        self._topics = Topics(house.settings.build)
        self._albums: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._told_to_wait = RateLimit(1, MANY_SECONDS)

    def person(self, received: Received) -> str:
        """Who talks with us where, as a keyed hash: all that is stored of a chat's id."""
        return self._house.signatures.keyed_id(received.name)

    def toast(self, received: Received) -> str | None:
        """What a press of a button says at once, before anything is looked up."""
        action = self._keyboards.action_of(self.person(received), received.data)
        return phrases.THANKS if action is not None and action.name in ("up", "down") else None

    def concerns_us(self, received: Received) -> bool:
        """Whether there is anything to do: not when others in a group talk with each other."""
        return received.kind != "message" or addressed(received, self._me) is not None

    async def answer(self, received: Received) -> list[Draft]:
        """The answer to an update; empty when it gets none."""
        if received.kind == "left":
            await self.end(self.person(received))
            return []
        if received.kind == "button":
            return await self._press(received)
        text = addressed(received, self._me)
        if text is None:
            return []
        if not received.text:
            return self._to_attachment(received)
        command = Command.of(text)
        if command is not None and not self._house.conversations.is_alarming(text):
            return await self._follow(received, command)
        return await self._say(received, text)

    def slow_down(self, received: Received) -> list[Draft] | None:
        """What someone gets who writes or presses too much: a word, once, and then nothing. None: answer them.

        Counts the update, so that it must be called once for each.
        """
        if received.kind == "left" or self._is_in_answered_album(received) or not self._is_too_much(received):
            return None
        if self._told_to_wait.wait(self.person(received)):
            return []
        return [self._note(received, phrases.many_at_once(self._house.clinic))]

    def is_alarming(self, received: Received) -> bool:
        """Whether a message by itself is an emergency. May be called from any thread."""
        return self._house.conversations.is_alarming(received.text)

    def alarm(self, received: Received) -> list[Draft]:
        """The reply to an emergency, from memory alone; empty when the message by itself is none."""
        reply = self._house.conversations.alarm(received.text) if received.text else None
        return self._at_once(received, reply) if reply else []

    def excuse(self, received: Received) -> list[Draft]:
        """What an update gets when it cannot be answered; an emergency still gets its own reply. Needs no storage."""
        if received.kind == "left":
            return []
        return self.alarm(received) or self._at_once(received, words.outage(self._house.clinic, datetime.now(UTC)))

    def _at_once(self, received: Received, reply: Reply) -> list[Draft]:
        return [self._draft(received, {"text": text}, reply.kind) for text in render(reply)]

    async def end(self, person: str) -> None:
        """End a person's session without a word, and send them nothing more."""
        await self._unsend(person)
        for session_id in await self._house.in_thread(self._mailbox.sessions, person):
            await self._house.in_thread(self._house.store.end_session, session_id)

    def _is_too_much(self, received: Received) -> bool:
        """Whether a person has to wait. Emergencies never do, nor what is `FREE`."""
        person = self.person(received)
        if not self._house.message_limit.wait(person):
            return False
        command = Command.of(addressed(received, self._me) or "")
        asked = command or self._keyboards.action_of(person, received.data)
        return (asked is None or asked.name not in FREE) and not self.is_alarming(received)

    async def _say(self, received: Received, text: str) -> list[Draft]:
        drafts = await self._hand_over(received, Incoming(message_id=f"tg-{received.update_id}", text=text))
        if received.attached and not any(draft.urgent for draft in drafts):
            return [self._note(received, phrases.WORDS_ONLY_READ), *drafts]
        return drafts

    async def _ask(self, received: Received, shown: str, payload: str) -> list[Draft]:
        """Have the dialogue follow a payload of ours; `shown` is what the patient said by it."""
        if not received.private and payload in PRIVATE_PAYLOADS:
            return [self._note(received, phrases.PRIVATE_ONLY)]
        incoming = Incoming(message_id=f"tg-{received.update_id}", text=shown, payload=payload)
        return await self._hand_over(received, incoming)

    async def _hand_over(self, received: Received, incoming: Incoming) -> list[Draft]:
        """Have the gateway answer, in the session that goes on or in a new one."""
        session_id, fresh = await self._session(received)
        replies = await self._house.conversations.handle(session_id, incoming)
        if not received.private and any(reply.kind == "callback" for reply in replies):
            return self._drafts(received, session_id, [await self._drop_request(session_id, incoming, replies)])
        if _is_unread(incoming.text) and not _alarming(replies):
            replies = [phrases.unread(reply, self._house.clinic) for reply in replies]
        return self._drafts(received, session_id, replies, note=fresh and not received.private)

    async def _drop_request(self, session_id: str, incoming: Incoming, replies: Sequence[Reply]) -> Reply:
        """Take back the call back request that a message in a group began; what the safety screen noticed is still said."""
        cancel = replace(incoming, message_id=f"{incoming.message_id}-cancel", button=None, payload="/cancel_request")
        await self._house.conversations.handle(session_id, cancel)
        return Reply(kind="redirect", text=phrases.PRIVATE_ONLY, notice=replies[0].notice)

    async def _follow(self, received: Received, command: Command) -> list[Draft]:
        if command.name in DIALOGUE_COMMANDS:
            return await self._ask(received, *DIALOGUE_COMMANDS[command.name])
        match command.name:
            case "start":
                return await self._start(received, command.rest)
            case "help":
                return [self._note(received, phrases.help_text(self._house.clinic))]
            case "topics":
                return await self._show_topics(received)
            case "save":
                return await self._save(received)
            case "privacy":
                settings = self._house.settings
                kept = settings.session_hours, settings.retention_hours, settings.callback_days
                return [self._note(received, phrases.privacy_text(self._house.clinic, *kept))]
            case "forget":
                return self._forget(received)
            case "stop":
                await self.end(self.person(received))
                return [self._note(received, phrases.STOPPED)]
            case _:
                return [self._note(received, phrases.unknown_command(self._house.clinic))]

    async def _start(self, received: Received, rest: str = "") -> list[Draft]:
        person = self.person(received)
        known = await self._house.in_thread(self._mailbox.sessions, person)
        session_id, greeting = await self._open(person)
        replies = [phrases.start(reply, self._house.clinic) for reply in greeting]
        drafts = self._drafts(received, session_id, replies, note=not received.private)
        if received.private and not known and drafts:
            drafts[0].body["pin"] = True  # the numbers stay in sight above the chat
        return drafts + (await self._follow_link(received, rest) if is_slug(rest) else [])

    async def _follow_link(self, received: Received, slug: str) -> list[Draft]:
        """The first passage of the article that a deep link names; the topics when there is no such article."""
        topic = await self._house.in_thread(self._topics.find, slug)
        if topic is None:
            return await self._show_topics(received)
        return await self._ask(received, topic.title, passage_payload(topic.passages[0][0]))

    async def _show_topics(self, received: Received) -> list[Draft]:
        topics = await self._house.in_thread(self._topics.all)
        buttons = tuple(Button(label=topic.title, payload=f"{TOPIC}{topic.slug}") for topic in topics)
        return await self._offer(received, phrases.TOPICS if topics else phrases.NO_TOPICS, buttons)

    async def _show_topic(self, received: Received, slug: str) -> list[Draft]:
        topic = await self._house.in_thread(self._topics.find, slug)
        if topic is None:
            return await self._show_topics(received)
        buttons = tuple(Button(label=heading, payload=passage_payload(name)) for name, heading in topic.passages)
        return await self._offer(received, phrases.topic(topic.title), buttons)

    async def _offer(self, received: Received, text: str, buttons: tuple[Button, ...]) -> list[Draft]:
        """A menu of our own. It is stored, so that its buttons work."""
        session_id, _ = await self._session(received)
        reply = Reply(kind="menu", text=text, buttons=buttons)
        await self._house.in_thread(self._house.store.add_replies, session_id, [reply])
        return self._drafts(received, session_id, [reply])

    async def _save(self, received: Received) -> list[Draft]:
        if not received.private:
            return [self._note(received, phrases.PRIVATE_ONLY)]
        session_id, _ = await self._session(received)
        turns = await self._house.in_thread(self._house.store.turns, session_id)
        today = datetime.now(self._house.clinic.zone).date()
        summary = summarise(turns, clinic_out(self._house).model_dump(), today)
        if not summary.items:
            return [self._note(received, phrases.NOTHING_TO_SAVE)]
        body = {
            "name": phrases.SUMMARY_FILE,
            "content": summary_page(summary),
            "caption": phrases.SUMMARY_CAPTION,
        }
        return [Draft("document", received.chat_id, body | _place(received))]

    def _forget(self, received: Received) -> list[Draft]:
        keyboard = self._keyboards.confirm_erasing(self.person(received))
        return [self._note(received, phrases.FORGET_SURE, keyboard)]

    async def _erase(self, received: Received) -> list[Draft]:
        """Erase a person everywhere: gateway, dialogue, inbox and outbox."""
        person = self.person(received)
        sessions = await self._house.in_thread(self._mailbox.sessions, person)
        for session_id in sessions:
            await self._house.conversations.erase(session_id)
        await self._unsend(person)
        await self._house.in_thread(self._mailbox.erase, person, received.update_id)
        left = set(await self._house.in_thread(self._house.store.pending_erasures)) & set(sessions)
        return [*self._without_buttons(received), self._note(received, phrases.forgotten(not left))]

    async def _press(self, received: Received) -> list[Draft]:
        action = self._keyboards.action_of(self.person(received), received.data)
        if action is not None:
            return await self._act(received, action)
        for session_id in await self._house.in_thread(self._mailbox.sessions, self.person(received)):
            button = await self._button(session_id, received.data)
            if button is not None and button.payload.startswith(TOPIC):
                return await self._show_topic(received, button.payload.removeprefix(TOPIC))
            if button is not None:
                return await self._ask(received, button.label, button.payload)
        stale = Incoming(message_id=f"tg-{received.update_id}", button=received.data)
        return await self._hand_over(received, stale)  # explains that it no longer works

    async def _act(self, received: Received, action: Action) -> list[Draft]:
        match action.name:
            case "save":
                return await self._save(received)
            case "new":
                return await self._start(received)
            case "erase":
                return self._forget(received)
            case "erased":
                return await self._erase(received)
            case "kept":
                return [*self._without_buttons(received), self._note(received, phrases.KEPT)]
            case "page":
                return await self._turn_page(received, action)
            case _:
                await self._rate(received, action)
                return []

    async def _turn_page(self, received: Received, action: Action) -> list[Draft]:
        for session_id in await self._house.in_thread(self._mailbox.sessions, self.person(received)):
            reply = await self._house.in_thread(self._house.store.reply, session_id, action.reply_id)
            if reply is not None:
                keyboard = self._keyboards.of_reply(self.person(received), session_id, reply, action.page)
                body = {"message_id": received.message_id, "keyboard": keyboard}
                return [Draft("keyboard", received.chat_id, body)]
        return await self._show_topics(received)

    async def _rate(self, received: Received, action: Action) -> None:
        for session_id in await self._house.in_thread(self._mailbox.sessions, self.person(received)):
            if await self._house.in_thread(self._house.store.reply, session_id, action.reply_id) is not None:
                await self._house.in_thread(self._house.store.add_feedback, action.reply_id, action.name, "")

    async def _button(self, session_id: str, data: str) -> Button | None:
        """The button of a session's reply; None when it was forged, or is of another session."""
        named = self._house.signatures.button_of(session_id, data)
        reply = await self._house.in_thread(self._house.store.reply, session_id, named[0]) if named else None
        return reply.buttons[named[1]] if named and reply and named[1] < len(reply.buttons) else None

    async def _session(self, received: Received) -> tuple[str, bool]:
        """The session that goes on, or a new one; and whether it is new."""
        person = self.person(received)
        for latest in (await self._house.in_thread(self._mailbox.sessions, person))[:1]:
            if await self._house.in_thread(self._house.store.is_live, latest):
                return latest, False
        return (await self._open(person))[0], True

    async def _open(self, person: str) -> tuple[str, list[Reply]]:
        session_id, _ = self._house.signatures.new_session()
        await self._house.in_thread(self._mailbox.add_session, person, session_id)  # first: /forget must find it
        _, greeting = await self._house.conversations.open(session_id, "telegram")
        return session_id, greeting

    def _to_attachment(self, received: Received) -> list[Draft]:
        if self._is_in_answered_album(received):
            return []
        self._albums[received.chat_id, received.album] = None
        if len(self._albums) > ALBUMS:
            self._albums.popitem(last=False)
        return [self._note(received, phrases.cannot_read(received.attached, self._house.clinic))]

    def _is_in_answered_album(self, received: Received) -> bool:
        """Whether it is one more picture, without words, of an album that got its answer."""
        return bool(received.album) and not received.text and (received.chat_id, received.album) in self._albums

    def _drafts(
        self, received: Received, session_id: str, replies: Sequence[Reply], *, note: bool = False
    ) -> list[Draft]:
        """The messages that replies become; `note` adds what everyone in a group should know."""
        person = self.person(received)
        drafts = []
        for reply in replies:
            texts = render(reply)
            for position, text in enumerate(texts):
                last = position == len(texts) - 1
                keyboard = self._keyboards.of_reply(person, session_id, reply) if last else []
                drafts.append(self._draft(received, {"text": text, "keyboard": keyboard}, reply.kind))
        return [*drafts, self._note(received, phrases.GROUP_NOTE)] if note and not _alarming(replies) else drafts

    def _note(self, received: Received, text: str, keyboard: Keyboard | None = None) -> Draft:
        return self._draft(received, {"text": plain(text), "keyboard": keyboard or []}, "other")

    def _draft(self, received: Received, body: dict[str, object], kind: str) -> Draft:
        return Draft("message", received.chat_id, body | _place(received), kind, urgent=kind in ALARMS)

    def _without_buttons(self, received: Received) -> list[Draft]:
        return [Draft("keyboard", received.chat_id, {"message_id": received.message_id, "keyboard": []})]


def _place(received: Received) -> dict[str, object]:
    if received.private:
        return {}
    answered = received.message_id if received.kind == "message" else None
    return {"thread": received.thread_id, "reply_to": answered}


def _is_unread(text: str | None) -> bool:
    """Whether a text holds too many words, or none: nobody read it."""
    return text is not None and (len(text) > MAX_TEXT or not any(map(str.isalnum, text)))


def _alarming(replies: Sequence[Reply]) -> bool:
    return any(reply.kind in ALARMS for reply in replies)
