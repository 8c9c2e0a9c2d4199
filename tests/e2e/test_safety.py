"""The safety screen in the real processes, on both channels, with parts of them missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from tests.e2e.assistant import Chat, Running, start, stop
from tests.telegram.driver import Player
from tests.telegram.fake_telegram import TOKEN, FakeTelegram

pytestmark = pytest.mark.slow

ALARM = "there's an elephant sitting on my chest and my arm went numb"
CHANNELS = ("web", "telegram")


class Patient(Protocol):
    """One patient, whatever the channel."""

    def say(self, text: str) -> list[tuple[str, str]]:
        """Write a message; returns the kind of each reply, and all that is shown of it."""
        ...


@dataclass
class OnTheWeb:
    chat: Chat

    def say(self, text: str) -> list[tuple[str, str]]:
        return [(reply["kind"], _shown(reply)) for reply in self.chat.say(text)]


@dataclass
class OnTelegram:
    player: Player

    def say(self, text: str) -> list[tuple[str, str]]:
        turn = self.player.say(text)
        return [(kind, turn.text) for kind in turn.kinds]


def _shown(reply: dict[str, Any]) -> str:
    passages = [passage["text"] for passage in reply["passages"]]
    return "\n".join([reply["notice"] or "", reply["text"], *passages])


@dataclass
class Assistant:
    """The real processes, with a Telegram of our own beside them."""

    running: Running
    telegram: FakeTelegram

    def patient(self, channel: str) -> Patient:
        if channel == "web":
            return OnTheWeb(self.running.chat())
        return OnTelegram(Player(self.telegram, self.running.var))

    def close(self) -> None:
        if self.running.process.poll() is None:
            stop(self.running)
        self.running.close_chats()
        self.telegram.close()


def begin(var: Path, **environment: str) -> Assistant:
    telegram = FakeTelegram()
    settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": telegram.base_url, "TELEGRAM_MESSAGES_PER_SECOND": "0"}
    return Assistant(start(var, **settings, **environment), telegram)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """One for all tests that need the whole of it."""
    assistant = begin(tmp_path_factory.mktemp("safety"))
    try:
        assistant.running.wait_until_ready()
        yield assistant
    finally:
        assistant.close()


@pytest.mark.parametrize("channel", CHANNELS)
def test_alarm_in_a_callback_form_ends_it_and_the_next_answer_repeats_the_number(
    assistant: Assistant, channel: str
) -> None:
    patient = assistant.patient(channel)
    assert [kind for kind, _ in patient.say("can someone from the office call me back")] == ["callback"]
    [(kind, shown)] = patient.say(ALARM)
    assert kind == "emergency"
    assert "911" in shown
    [(kind, shown)] = patient.say("what is leaky gut")
    assert kind == "answer"
    first, rest = shown.strip().split("\n", 1)
    assert "911" in first
    assert "911" not in rest
    [(kind, shown)] = patient.say("what is fibromyalgia")
    assert kind == "answer"
    assert "911" not in shown.split("\n", 1)[0]


@pytest.mark.parametrize("channel", CHANNELS)
def test_alarm_is_answered_with_rasa_and_the_action_server_killed(assistant: Assistant, channel: str) -> None:
    assistant.running.wait_until_ready()
    patient = assistant.patient(channel)
    for name in ("bot.rasa_server", "actions.server"):
        assistant.running.kill(name)
    [(kind, shown)] = patient.say(ALARM)
    assert kind == "emergency"
    assert "911" in shown
    [(kind, shown)] = patient.say("i want to end my life")
    assert kind == "crisis"
    assert "988" in shown


@pytest.mark.parametrize("channel", CHANNELS)
def test_alarm_is_answered_with_index_and_encoder_missing(tmp_path: Path, channel: str) -> None:
    nothing = tmp_path / "build"
    nothing.mkdir()
    assistant = begin(tmp_path / "var", VAGUS_BUILD=str(nothing), VAGUS_ENCODER=str(nothing / "encoder"))
    try:
        _wait_until_alive(assistant.running)
        [(kind, shown)] = assistant.patient(channel).say(ALARM)
        assert kind == "emergency"
        assert "911" in shown
        state = httpx.get(f"{assistant.running.url}/readyz", timeout=10).json()
        assert state["ready"] is False
        assert state["safety_classifier"] is False
    finally:
        assistant.close()


def _wait_until_alive(running: Running, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{running.url}/healthz", timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail(f"not alive within {seconds} s:\n{running.output.read_text()}")
