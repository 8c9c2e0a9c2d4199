"""One running assistant for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.assistant import ROOT, Running, start, stop
from tests.telegram.fake_telegram import TOKEN, FakeTelegram


@pytest.fixture(scope="session")
def telegram() -> Iterator[FakeTelegram]:
    """The Bot API that the assistant talks with."""
    fake = FakeTelegram()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory, telegram: FakeTelegram) -> Iterator[Running]:
    """The real three processes, shared by the whole session."""
    if not (ROOT / "knowledge" / "build" / "CURRENT").exists():
        pytest.fail("no index: run `make build` first (make test does)")
    channel = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": telegram.base_url, "TELEGRAM_MESSAGES_PER_SECOND": "0"}
    running = start(tmp_path_factory.mktemp("assistant"), **channel)
    try:
        running.wait_until_ready()
        yield running
    finally:
        if running.process.poll() is None:
            stop(running)


@pytest.fixture
def running(assistant: Running) -> Iterator[Running]:
    """The running assistant; conversations that a test opened are closed after it."""
    yield assistant
    assistant.close_chats()
