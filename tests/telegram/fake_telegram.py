"""The Bot API over real HTTP, as strict as Telegram about what it takes, and scripted by the test."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.telegram.http_server import Answer, Dropped, HttpServer, Request, json_answer

TOKEN = "123456:secret-token-of-the-tests"
BOT = {"id": 123456, "is_bot": True, "first_name": "Vagus", "username": "vagus_bot"}
TAGS = {"b", "i", "a", "u", "s", "code", "pre"}

Fault = Callable[["FakeTelegram", Request], Awaitable[Answer | None]]
"""What happens instead of an ordinary answer; None goes on to the ordinary one."""


@dataclass
class Sent:
    """A message that a person sees."""

    chat_id: int
    message_id: int
    text: str
    html: str
    bold: list[str]
    buttons: list[tuple[str, str]]
    values: dict[str, str]
    at: float
    method: str = "sendMessage"


@dataclass
class Chat:
    sent: list[Sent] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)
    edits: list[tuple[int, list[tuple[str, str]]]] = field(default_factory=list)


class FakeTelegram(HttpServer):
    """Holds updates until they are acknowledged by offset, and what was sent to each chat."""

    def __init__(self) -> None:
        self.chats: dict[int, Chat] = defaultdict(Chat)
        self.answered: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.updates: dict[int, dict[str, Any]] = {}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.chat_faults: dict[int, deque[Fault]] = defaultdict(deque)
        """For a chat's messages and edits; "typing" comes or not as the machine's speed has it, and takes none."""
        self.blocked: set[int] = set()
        self.bad_token = False
        self.webhook: dict[str, str] = {}
        self._numbers = itertools.count(int(time.time()) % 100_000_000)
        self._message_ids = itertools.count(1_000)
        self._news: asyncio.Event | None = None
        self.changed = threading.Condition()
        super().__init__()

    # what a test does

    @property
    def base_url(self) -> str:
        return f"{self.url}/bot"

    def message(self, chat_id: int, text: str | None = None, **changes: Any) -> dict[str, Any]:
        """A message update, not sent yet."""
        person = {"id": chat_id, "is_bot": False, "first_name": "Pat", "username": "pat_e_t"}
        message = {
            "message_id": next(self._message_ids),
            "date": int(time.time()),
            "chat": {"id": chat_id, "type": "private", "first_name": "Pat"},
            "from": person,
        }
        message |= ({"text": text} if text is not None else {}) | changes
        return {"update_id": next(self._numbers), "message": message}

    def press_of(self, chat_id: int, data: str, message_id: int = 1, **changes: Any) -> dict[str, Any]:
        """A pressed button's update, not sent yet."""
        number = next(self._numbers)
        chat = {"id": chat_id, "type": "private"}
        query = {
            "id": f"q{number}",
            "from": {"id": chat_id, "is_bot": False, "first_name": "Pat"},
            "message": {"message_id": message_id, "date": 1, "chat": chat, "text": "?"},
            "chat_instance": "1",
            "data": data,
        }
        return {"update_id": number, "callback_query": query | changes}

    def send(self, *updates: dict[str, Any]) -> None:
        """Offer updates to whoever polls."""

        def add() -> None:
            self.updates.update({update["update_id"]: update for update in updates})
            if self._news is not None:
                self._news.set()

        self.loop.call_soon_threadsafe(add)

    def say(self, chat_id: int, text: str, replies: int = 1, seconds: float = 20.0) -> list[Sent]:
        """Write a message and wait for so many messages back."""
        before = len(self.chats[chat_id].sent)
        self.send(self.message(chat_id, text))
        self.wait_for(lambda: len(self.chats[chat_id].sent) >= before + replies, seconds)
        return self.chats[chat_id].sent[before:]

    def press(self, chat_id: int, label: str, replies: int = 1) -> list[Sent]:
        """Press the latest button with this label and wait for so many messages back."""
        before = len(self.chats[chat_id].sent)
        message_id, data = self.button(chat_id, label)
        self.send(self.press_of(chat_id, data, message_id))
        self.wait_for(lambda: len(self.chats[chat_id].sent) >= before + replies)
        return self.chats[chat_id].sent[before:]

    def button(self, chat_id: int, label: str) -> tuple[int, str]:
        for sent in reversed(self.chats[chat_id].sent):
            for shown, data in sent.buttons:
                if label in shown:
                    return sent.message_id, data
        raise AssertionError(f"no button {label!r}")

    def texts(self, chat_id: int) -> list[str]:
        return [sent.text for sent in self.chats[chat_id].sent]

    def wait_for(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            with self.changed:
                self.changed.wait(0.1)

    def settle(self, seconds: float = 0.4) -> None:
        """Wait until nothing was sent for a while."""
        count = -1
        while count != (count := sum(len(chat.sent) for chat in self.chats.values())):
            time.sleep(seconds)

    # the server

    async def handle(self, request: Request) -> Answer:
        prefix, _, method = request.path.rpartition("/")
        if prefix != f"/bot{TOKEN}" or self.bad_token:
            return _error(401, "Unauthorized")
        values = request.values
        if method != "getUpdates":
            self.calls.append((method, values))
        chat_id = int(values.get("chat_id", 0))
        of_chat = (
            self.chat_faults[chat_id] if method.startswith(("send", "edit")) and method != "sendChatAction" else deque()
        )
        for faults in (self.faults[method], of_chat):
            if faults:
                answer = await faults.popleft()(self, request)
                if answer is not None:
                    return answer
        try:
            return await self._answer(method, chat_id, values)
        finally:
            with self.changed:
                self.changed.notify_all()

    async def _answer(self, method: str, chat_id: int, values: dict[str, str]) -> Answer:
        if method == "getMe":
            return _ok(BOT)
        if method == "getUpdates":
            return await self._updates(int(values.get("offset", 0)), float(values.get("timeout", 0)))
        if method in ("setWebhook", "deleteWebhook"):
            self.webhook = values if method == "setWebhook" else {}
            return _ok(True)
        if chat_id in self.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        if method in ("sendMessage", "sendDocument"):
            return self.deliver(method, chat_id, values)
        if method == "sendChatAction":
            self.chats[chat_id].actions.append(values["action"])
        if method == "pinChatMessage":
            self.chats[chat_id].pinned.append(int(values["message_id"]))
        if method == "answerCallbackQuery":
            self.answered[values["callback_query_id"]] = values.get("text", "")
        if method == "editMessageReplyMarkup":
            self.chats[chat_id].edits.append((int(values["message_id"]), _buttons(values)))
            return _ok({"message_id": int(values["message_id"]), "date": 1, "chat": {"id": chat_id, "type": "private"}})
        return _ok(True)

    def deliver(self, method: str, chat_id: int, values: dict[str, str]) -> Answer:
        """Show a message to its chat, or refuse it as Telegram would."""
        html = values.get("text") or values.get("caption", "")
        reader = _Reader()
        if values.get("parse_mode") == "HTML":
            reader.feed(html)
            reader.close()
            if reader.bad or reader.open:
                return _error(400, "Bad Request: can't parse entities")
        text = reader.text if values.get("parse_mode") == "HTML" else html
        if not text.strip():
            return _error(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return _error(400, "Bad Request: message is too long")
        buttons = _buttons(values)
        if any(not 1 <= len(data.encode()) <= 64 for _, data in buttons):
            return _error(400, "Bad Request: BUTTON_DATA_INVALID")
        number = next(self._message_ids)
        at = time.monotonic()
        self.chats[chat_id].sent.append(Sent(chat_id, number, text, html, reader.bold, buttons, values, at, method))
        chat = {"id": chat_id, "type": "private"}
        return _ok({"message_id": number, "date": int(time.time()), "chat": chat, "text": text})

    async def _updates(self, offset: int, timeout: float) -> Answer:
        for number in [number for number in self.updates if number < offset]:
            del self.updates[number]
        deadline = self.loop.time() + timeout
        while not self.updates and self.loop.time() < deadline:
            self._news = asyncio.Event()
            try:
                await asyncio.wait_for(self._news.wait(), deadline - self.loop.time())
            except asyncio.TimeoutError:
                break
        return _ok([self.updates[number] for number in sorted(self.updates)][:100])


def reply_with(status: int, description: str = "", **parameters: Any) -> Fault:
    async def fault(fake: FakeTelegram, request: Request) -> Answer | None:
        del fake, request
        return _error(status, description or f"error {status}", **parameters)

    return fault


def garbage(body: bytes, status: int = 200) -> Fault:
    async def fault(fake: FakeTelegram, request: Request) -> Answer | None:
        del fake, request
        return Answer(status, body)

    return fault


async def drop(fake: FakeTelegram, request: Request) -> Answer | None:
    """Close the connection; the request was not carried out."""
    raise Dropped


async def drop_after_delivery(fake: FakeTelegram, request: Request) -> Answer | None:
    """Carry the request out, then close the connection: what a crash between sending and marking looks like."""
    fake.deliver(request.path.rpartition("/")[2], int(request.values["chat_id"]), request.values)
    raise Dropped


@dataclass
class Hold:
    """A fault that holds the request open, before or after it is carried out; `reached` tells when."""

    after_delivery: bool = False
    seconds: float = 30.0
    reached: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, fake: FakeTelegram, request: Request) -> Answer | None:
        if self.after_delivery:
            fake.deliver(request.path.rpartition("/")[2], int(request.values["chat_id"]), request.values)
        self.reached.set()
        await asyncio.sleep(self.seconds)
        raise Dropped


class _Reader(HTMLParser):
    """Reads Telegram's HTML: text, what is bold, and whether it is well formed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.bold: list[str] = []
        self.open: list[str] = []
        self.bad = False

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.bad = self.bad or tag not in TAGS
        self.open.append(tag)
        if tag == "b":
            self.bold.append("")

    def handle_endtag(self, tag: str) -> None:
        self.bad = self.bad or not self.open or self.open.pop() != tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "b" in self.open:
            self.bold[-1] += data

    def handle_comment(self, _data: str) -> None:
        self.bad = True

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)


def _buttons(values: dict[str, str]) -> list[tuple[str, str]]:
    rows = json.loads(values.get("reply_markup") or "{}").get("inline_keyboard", [])
    return [(button["text"], button["callback_data"]) for row in rows for button in row]


def _ok(result: Any) -> Answer:
    return json_answer({"ok": True, "result": result})


def _error(status: int, description: str, **parameters: Any) -> Answer:
    body = {"ok": False, "error_code": status, "description": description}
    return json_answer(body | ({"parameters": parameters} if parameters else {}), status)
