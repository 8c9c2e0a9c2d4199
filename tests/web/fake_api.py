"""A gateway that does what a test tells it: the chat API of docs/chat-api.md on a real port, without Rasa."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

WEB = Path(__file__).parents[2] / "bot" / "web"

# What the gateway sends with the demo page; the widget must work under it.
DEMO_CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"

DISCLAIMER = "This is general education, not medical advice. Talk with your provider about your own care."

Json = dict[str, Any]


def clinic(**changes: Any) -> Json:
    """A `Clinic` that is closed, with the sample's name and number."""
    facts = {
        "name": "Sample Pain Clinic",
        "phone": "+1 212-555-0142",
        "phone_uri": "tel:+12125550142",
        "open_now": False,
        "opens_at": "2026-03-02T12:30:00Z",
        "hours_text": "Closed now. Opens Monday at 7:30 AM.",
        "emergency": {"emergency": "911", "crisis": "988", "poison": "1-800-222-1222"},
    }
    return {**facts, **changes}


def reply(kind: str, text: str = "", **changes: Any) -> Json:
    """A `Reply` without an id; the server gives one out each time it is sent."""
    return {"kind": kind, "text": text, "passages": [], "disclaimer": None, "notice": None, "buttons": [], **changes}


def passage(heading: str, text: str, **changes: Any) -> Json:
    """A `Passage` with a source and a reviewer."""
    facts = {
        "id": "gut-brain#1",
        "heading": heading,
        "text": text,
        "article": "The gut-brain link",
        "source": "National Institute of Diabetes and Digestive and Kidney Diseases",
        "url": "https://www.niddk.nih.gov/health-information/digestive-diseases",
        "reviewed_by": "Sample reviewer",
        "reviewed_on": "2026-02-16",
    }
    return {**facts, **changes}


SLEEP = passage(
    "Why does my gut hurt more after a bad night?",
    "Poor sleep can turn up the volume on pain. After a short or broken night, the nerves between the gut and the"
    " brain tend to react more strongly.\n\nSmall steps may help:\n- Get up at the same time each day.\n"
    "- See daylight in the morning.\n- Keep caffeine for before lunch.",
)


def answer(*passages: Json, **changes: Any) -> Json:
    """An `answer` as the real gateway sends it, with related questions."""
    buttons = [
        {"label": "How does stress reach the gut?", "value": "b1.stress"},
        {"label": "Say it simpler", "value": "b1.simpler"},
        {"label": "Save for my appointment", "value": "client:save"},
    ]
    usual = {
        "passages": list(passages or [SLEEP]),
        "disclaimer": DISCLAIMER,
        "notice": "Sample content, not yet reviewed by a clinician.",
        "buttons": buttons,
    }
    return reply("answer", **{**usual, **changes})


EMERGENCY = reply(
    "emergency",
    "This could be an emergency.\n\nCall 911 now. Do not drive yourself."
    " If you can, unlock your door and stay with someone.",
    buttons=[{"label": "Call 911", "value": "tel:911"}],
)
CRISIS = reply(
    "crisis",
    "I'm really glad you told me. You do not have to carry this alone.\n\n"
    "Please call or text 988 now. If you might act on it, call 911.",
    buttons=[
        {"label": "Call 988", "value": "tel:988"},
        {"label": "Text 988", "value": "sms:988"},
        {"label": "Call 911", "value": "tel:911"},
    ],
)
POISON = reply(
    "poison",
    "Please call Poison Control now: 1-800-222-1222. It is free, day and night, even if the person feels fine.\n"
    "Call 911 instead if anyone has collapsed, has a seizure, is hard to wake, or has trouble breathing.\n"
    "If it was on purpose, call 911, and call or text 988.\nDo not drive yourself.",
    buttons=[
        {"label": "Call Poison Control: 1-800-222-1222", "value": "tel:18002221222"},
        {"label": "Call 911", "value": "tel:911"},
    ],
)
GREETING = reply(
    "menu",
    "Hello. What would you like to know?",
    buttons=[
        {"label": "Can the gut make pain worse?", "value": "g.pain"},
        {"label": "Sleep and pain", "value": "g.sleep"},
    ],
)


@dataclass
class Fault:
    """What goes wrong with the next message: a status, a delay, or both."""

    status: int = 0
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "We cannot answer right now."


@dataclass
class Fake:
    """The server's memory; a test writes `answers`, `faults` and `clinic` and reads the rest."""

    answers: dict[str, list[Json]] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    clinic: Json = field(default_factory=clinic)
    greeting: list[Json] = field(default_factory=lambda: [GREETING])
    summary: Json = field(default_factory=dict)
    full: bool = False
    down: bool = False
    sessions: dict[str, list[Json]] = field(default_factory=dict)
    received: list[Json] = field(default_factory=list)
    feedback: list[Json] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    done: dict[str, list[Json]] = field(default_factory=dict)
    count: itertools.count[int] = field(default_factory=itertools.count)

    def reset(self) -> None:
        """Forgets everything, between two tests."""
        self.__init__()  # type: ignore[misc]

    def texts(self) -> list[str]:
        """What patients sent, buttons included, in order; a repeated id counts once."""
        once = {message["client_message_id"]: message for message in self.received}
        return [message.get("text") or message["button"] for message in once.values()]

    def numbered(self, replies: list[Json]) -> list[Json]:
        """Replies with an id each."""
        return [{"id": f"r{next(self.count)}", **one} for one in replies]

    def answer_to(self, message: Json) -> list[Json]:
        """The scripted replies to a message; the sleep passage where nothing is scripted."""
        asked = (message.get("text") or message["button"]).lower()
        scripted = next((replies for words, replies in self.answers.items() if words in asked), [answer()])
        return self.numbered(scripted)


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in the shape of the API."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def build_app(fake: Fake) -> FastAPI:
    """The routes of docs/chat-api.md and the static files, over `fake`."""
    app = FastAPI()

    def now() -> str:
        return datetime.now(UTC).isoformat()

    def session_of(request: Request) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return token if token in fake.sessions else None

    @app.middleware("http")
    async def gate(request: Request, call_next: Any) -> Response:
        headers = {"Access-Control-Allow-Origin": "*"}
        if request.method == "OPTIONS":
            allowed = {
                "Access-Control-Allow-Headers": "authorization, content-type",
                "Access-Control-Allow-Methods": "GET, POST, DELETE",
            }
            return Response(status_code=204, headers=headers | allowed)
        is_api = request.url.path.startswith("/api/")
        response: Response = (
            refusal(503, "outage", "We cannot answer right now.") if is_api and fake.down else await call_next(request)
        )
        response.headers.update(
            headers | {"Cache-Control": "no-store" if is_api else "no-cache", "X-Content-Type-Options": "nosniff"}
        )
        return response

    @app.get("/api/v1/clinic")
    def get_clinic() -> Json:
        return fake.clinic

    @app.post("/api/v1/sessions", status_code=201, response_model=None)
    def open_session() -> Json | JSONResponse:
        if fake.full:
            return refusal(429, "rate_limited", "That was a lot at once.")
        token = f"token-{secrets.token_hex(8)}"
        replies = fake.numbered(fake.greeting)
        fake.sessions[token] = [{"role": "bot", "at": now(), "reply": one} for one in replies]
        return {"token": token, "expires_at": "2099-01-01T00:00:00Z", "clinic": fake.clinic, "replies": replies}

    @app.post("/api/v1/messages", response_model=None)
    async def send(request: Request) -> Json | JSONResponse:
        message = await request.json()
        fake.received.append(message)
        fault = fake.faults.popleft() if fake.faults else Fault()
        await asyncio.sleep(fault.delay)
        token = session_of(request)
        if token is None:  # an emergency needs no session
            replies = fake.answer_to(message)
            emergency = replies[0]["kind"] == "emergency"
            return {"replies": replies} if emergency else refusal(401, "session_expired", "This chat has expired.")
        if fault.status == 401:
            del fake.sessions[token]
        if fault.status:
            return refusal(fault.status, "fault", fault.message, fault.headers)
        key = message["client_message_id"]
        if key not in fake.done:
            fake.done[key] = fake.answer_to(message)
            asked = {
                "role": "user",
                "at": now(),
                "text": message.get("text") or message["button"],
                "client_message_id": key,
            }
            fake.sessions[token] += [asked, *({"role": "bot", "at": now(), "reply": one} for one in fake.done[key])]
        return {"replies": fake.done[key]}

    @app.get("/api/v1/messages", response_model=None)
    def history(request: Request) -> Json | JSONResponse:
        token = session_of(request)
        return (
            refusal(401, "session_expired", "This chat has expired.")
            if token is None
            else {"messages": fake.sessions[token]}
        )

    @app.post("/api/v1/feedback", status_code=204)
    async def rate(request: Request) -> Response:
        fake.feedback.append(await request.json())
        return Response(status_code=204)

    @app.get("/api/v1/summary", response_model=None)
    def summary(request: Request) -> Json | JSONResponse:
        if session_of(request) is None:
            return refusal(401, "session_expired", "This chat has expired.")
        usual = {
            "title": "For my appointment",
            "clinic": fake.clinic,
            "made_on": "2026-03-01",
            "items": [{"question": "Why does my gut hurt after a bad night?", "passages": [SLEEP]}],
            "questions_to_ask": ["Could my sleep be part of my pain?", "Which small change should I try first?"],
            "disclaimer": DISCLAIMER,
            "notice": "Sample content, not yet reviewed by a clinician.",
        }
        return {**usual, **fake.summary}

    @app.delete("/api/v1/session", response_model=None)
    def erase(request: Request) -> Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        fake.sessions.pop(token, None)  # an expired session can be erased, too
        fake.erased.append(token)
        return Response(status_code=204)

    @app.get("/")
    def index() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"Content-Security-Policy": DEMO_CSP})

    @app.get("/{name}.js")
    def script(name: str) -> FileResponse:
        return FileResponse(WEB / f"{name}.js", media_type="text/javascript")

    @app.get("/web/{name}")
    def static(name: str) -> FileResponse:
        return FileResponse(WEB / name)

    return app


def build_site(pages: dict[str, tuple[str, str]]) -> FastAPI:
    """Somebody else's website on another origin: path to (HTML, Content-Security-Policy)."""
    app = FastAPI()

    @app.get("/{path:path}")
    def page(path: str) -> HTMLResponse:
        html, policy = pages.get(path, ("<!doctype html><title>none</title>", ""))
        return HTMLResponse(html, headers={"Content-Security-Policy": policy} if policy else {})

    return app


class Server:
    """An ASGI app on a port of 127.0.0.1, in a thread; it can be killed and come back on the same port."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", lifespan: Literal["on", "off"] = "off") -> None:
        self.app = app
        self.lifespan: Literal["on", "off"] = lifespan
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://{host}:{self.port}"

    def start(self) -> None:
        """Returns once the port answers."""
        config = uvicorn.Config(
            self.app, "127.0.0.1", self.port, log_level="warning", timeout_graceful_shutdown=1, lifespan=self.lifespan
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the fake gateway did not start on port {self.port}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Closes the port and every connection."""
        self.server.should_exit = True
        self.thread.join(10)
