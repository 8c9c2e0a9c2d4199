"""The dialogue as the gateway sees it: the honest REST protocol over real HTTP, with answers a test can foretell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from tests.telegram.http_server import Answer, HttpServer, Request, json_answer

DISCLAIMER = "This is general education, not medical advice."


def passage(name: str, text: str = "Leaky gut is a phrase. Research <goes> on & on.") -> dict[str, str]:
    return {
        "id": name,
        "heading": f"What is {name}?",
        "text": text,
        "article": "Leaky gut and pain",
        "source": "Lacy & others",
        "url": "https://example.org/leaky?a=1&b=2",
        "reviewed_by": "Sample reviewer",
        "reviewed_on": "2026-01-05",
    }


def answer(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": "answer",
        "text": "",
        "passages": [passage(name)],
        "disclaimer": DISCLAIMER,
        "notice": "Sample content.",
        "buttons": [
            {"label": "Next question", "payload": '/ask_passage{"passage": "next#1"}'},
            {"label": "Save for my appointment", "payload": "client:save"},
        ],
    } | changes


def said(text: str) -> dict[str, Any]:
    return {"schema": 1, "kind": "smalltalk", "text": text, "buttons": []}


class FakeRasa(HttpServer):
    """`what is X` and `/ask_passage` get an answer about X, `call me back` begins a request; anything else is said back.

    `held` texts wait until they are released; `delay` slows every answer.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.forgotten: list[str] = []
        self.delay = 0.0
        self.down = False
        self._held: dict[str, asyncio.Event] = {}
        self.reached: dict[str, threading.Event] = {}
        super().__init__()

    def questions(self, text: str) -> int:
        return sum(asked == text for _, asked in self.asked)

    @contextlib.contextmanager
    def holding(self, text: str) -> Iterator[threading.Event]:
        """Keep the answer to `text` back; gives the event that tells when it was asked."""
        self._held[text], self.reached[text] = asyncio.Event(), threading.Event()
        try:
            yield self.reached[text]
        finally:
            self.loop.call_soon_threadsafe(self._held.pop(text).set)

    async def handle(self, request: Request) -> Answer:
        if request.path == "/webhooks/vagus/health":
            return json_answer({"ready": True})
        if self.down:
            return json_answer({"error": "down"}, 500)
        if request.method == "DELETE":
            self.forgotten.append(unquote(request.path.rsplit("/", 1)[1]))
            return json_answer({"erased_events": 1})
        body = json.loads(request.body)
        text = body["message"]
        self.asked.append((body["sender"], text))
        if text in self._held:
            event = self._held[text]
            self.reached[text].set()
            await event.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        return json_answer({"messages": self.reply_to(text)})

    def reply_to(self, text: str) -> list[dict[str, Any]]:
        if text.startswith("/red_flag"):
            return []
        if text.startswith("/ask_passage"):
            return [answer(json.loads(text.removeprefix("/ask_passage"))["passage"])]
        if text.lower().startswith("what is "):
            return [answer(text[8:].rstrip("?"))]
        if "call me back" in text or text == "yes":
            return [said("What name should they ask for?") | {"kind": "callback"}]
        if text == "/cancel_request":
            return [said("All right, I've dropped it.") | {"kind": "callback"}]
        if text == "/hours":
            return [said("Open now until 4:30 PM.") | {"kind": "clinic"}]
        if text == "long one":
            body = " ".join(f"Sentence number {n} is here & now." for n in range(400))
            return [answer("long", passages=[passage("long", body)])]
        return [said(f"You said: {text}")]
