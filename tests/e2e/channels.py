"""The two channels as the shared table plays them: say, press, forge, save, erase."""

from __future__ import annotations

from typing import Any, Protocol

from tests.e2e.assistant import Running
from tests.e2e.table import Heard
from tests.telegram.driver import Player, Turn
from tests.telegram.fake_telegram import FakeTelegram


class Channel(Protocol):
    """One patient on one channel."""

    def say(self, text: str) -> Heard:
        """Write a message."""

    def press(self, label: str | int) -> Heard:
        """Press the latest button of a label, or a button of the latest reply by its number."""

    def forge(self, value: str) -> Heard:
        """Press a button that was never offered."""

    def save(self) -> str:
        """What "save for my appointment" gives."""

    def erase(self) -> None:
        """Erase the chat; the next message opens another."""


class Web:
    """The chat API, as the widget uses it."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._chat = running.chat()
        self._buttons: list[dict[str, str]] = []

    def say(self, text: str) -> Heard:
        return self._heard(self._chat.say(text))

    def press(self, label: str | int) -> Heard:
        if isinstance(label, int):
            button = self._buttons[label]
        else:
            button = next(button for button in reversed(self._buttons) if button["label"] == label)
        return self._heard(self._chat.press(button["value"]))

    def forge(self, value: str) -> Heard:
        return self._heard(self._chat.press(value))

    def save(self) -> str:
        summary = self._chat.http.get("/api/v1/summary").raise_for_status().json()
        items = [f"{item['question']} {_passages_text(item['passages'])}" for item in summary["items"]]
        return "\n".join([*items, summary["disclaimer"]])

    def erase(self) -> None:
        self._chat.http.delete("/api/v1/session").raise_for_status()
        self._chat = self._running.chat()

    def _heard(self, replies: list[dict[str, Any]]) -> Heard:
        self._buttons = [button for reply in replies for button in reply["buttons"]]
        passages = [passage for reply in replies for passage in reply["passages"]]
        texts = [
            part
            for reply in replies
            for part in (reply["notice"], reply["text"], _passages_text(reply["passages"]), reply["disclaimer"])
            if part
        ]
        return Heard(
            [reply["kind"] for reply in replies],
            [passage["id"] for passage in passages],
            "\n".join(texts),
            [button["label"] for button in self._buttons],
        )


class Telegram:
    """A private chat at the fake Bot API."""

    def __init__(self, running: Running, telegram: FakeTelegram) -> None:
        self._telegram = telegram
        self._player = Player(telegram, running.var)
        self._latest: list[str] = []

    def say(self, text: str) -> Heard:
        return self._heard(self._player.say(text))

    def press(self, label: str | int) -> Heard:
        return self._heard(self._player.press(self._latest[label] if isinstance(label, int) else label))

    def forge(self, value: str) -> Heard:
        return self._heard(self._player.press_value(value))

    def save(self) -> str:
        sent = self._player.press("Save for my appointment").sent
        assert [message.method for message in sent] == ["sendDocument"]
        return sent[0].values["document"]

    def erase(self) -> None:
        self._player.say("/forget")
        assert "erased" in self._player.press("Yes, erase it all").text

    def _heard(self, turn: Turn) -> Heard:
        self._latest = turn.buttons
        return Heard(turn.kinds, turn.passages, turn.text, turn.buttons)


def _passages_text(passages: list[dict[str, str]]) -> str:
    return "\n".join(f"{passage['heading']}\n{passage['text']}" for passage in passages)
