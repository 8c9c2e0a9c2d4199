"""The real gateway on a fake Rasa, without a port of its own."""

from __future__ import annotations

import itertools
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.gateway import house
from bot.gateway.app import create_app
from bot.gateway.settings import GatewaySettings
from bot.safety import SafetyScreen, SafetyWords
from tests.databases import emptied
from tests.gateway.fakes import FakeRasa, Json

PATIENT = "203.0.113.9"
_SCREEN = SafetyScreen.load(None)
_WORDS = SafetyWords.load()


class Chat:
    """One patient's conversation."""

    def __init__(self, http: httpx.AsyncClient, session: Json) -> None:
        self.http = http
        self.session = session
        self._numbers = itertools.count()

    async def post(self, body: Json) -> httpx.Response:
        return await self.http.post("/api/v1/messages", json=body)

    async def send(self, text: str, message_id: str | None = None) -> httpx.Response:
        return await self.post({"client_message_id": message_id or f"m-{next(self._numbers)}", "text": text})

    async def say(self, text: str, message_id: str | None = None) -> list[Json]:
        """What a message was answered with."""
        return _replies(await self.send(text, message_id))

    async def press(self, value: str) -> list[Json]:
        return _replies(await self.post({"client_message_id": f"m-{next(self._numbers)}", "button": value}))

    async def history(self) -> list[Json]:
        found: list[Json] = (await self.http.get("/api/v1/messages")).raise_for_status().json()["messages"]
        return found

    async def erase(self) -> httpx.Response:
        return await self.http.delete("/api/v1/session")


def _replies(response: httpx.Response) -> list[Json]:
    found: list[Json] = response.raise_for_status().json()["replies"]
    return found


class Gateway:
    """A running gateway."""

    def __init__(self, app: FastAPI, rasa: FakeRasa, settings: GatewaySettings, stack: AsyncExitStack) -> None:
        self.app = app
        self.rasa = rasa
        self.settings = settings
        self._stack = stack

    @property
    def house(self) -> house.House:
        found: house.House = self.app.state.house
        return found

    async def client(self, address: str = PATIENT, *, strict: bool = True, **headers: str) -> httpx.AsyncClient:
        """A client at an address. `strict`: an error inside the application is the test's error."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=strict, client=(address, 40_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)
        return await self._stack.enter_async_context(client)

    async def chat(self, address: str = PATIENT, *, strict: bool = True, **headers: str) -> Chat:
        """A conversation that was just opened."""
        http = await self.client(address, strict=strict, **headers)
        session = (await http.post("/api/v1/sessions")).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {session['token']}"
        return Chat(http, session)

    async def stop(self) -> None:
        """Stop it as a server would."""
        await self._stack.aclose()


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def rasa() -> Iterator[FakeRasa]:
    """A Rasa that says "Heard."."""
    fake = FakeRasa()
    yield fake
    fake.close()


@pytest.fixture
async def start(tmp_path: Path, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts gateways with settings of the test's own; limits are off unless it sets them.

    The safety screen is the real one without its classifier; it and its wording are read once for all tests.
    """
    monkeypatch.setattr(house, "SafetyScreen", types.SimpleNamespace(load=lambda folder: _SCREEN))
    monkeypatch.setattr(house, "SafetyWords", types.SimpleNamespace(load=lambda: _WORDS))
    running: list[Gateway] = []
    database = emptied()

    async def begin(**changes: Any) -> Gateway:
        defaults: Json = {
            "var": tmp_path / "var",
            "database": database,
            "rasa_url": rasa.url,
            "action_url": rasa.url,
            "metrics_port": 0,
            "messages_per_minute": 0,
            "requests_per_minute": 0,
            "sessions_per_hour": 0,
        }
        settings = GatewaySettings(**{**defaults, **changes})
        app = create_app(settings)
        stack = AsyncExitStack()
        await stack.enter_async_context(app.router.lifespan_context(app))
        running.append(Gateway(app, rasa, settings, stack))
        return running[-1]

    yield begin
    rasa.open.set()
    for gateway in running:
        await gateway.stop()


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    """A gateway as it comes."""
    return await start()


@pytest.fixture
async def chat(gateway: Gateway) -> Chat:
    """A conversation with it."""
    return await gateway.chat()
