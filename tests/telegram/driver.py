"""Plays a conversation through the fake Bot API against any running gateway, and tells what came back.

telegram = FakeTelegram()
running = start(var, TELEGRAM_TOKEN=TOKEN, TELEGRAM_API=telegram.base_url, TELEGRAM_MESSAGES_PER_SECOND="0")
for turn in play(telegram, var, ["what is leaky gut", "say it simpler"]):
    print(turn.kinds, turn.headings)
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.telegram.fake_telegram import FakeTelegram, Sent

_CHATS = itertools.count(700_000)


@dataclass(frozen=True)
class Turn:
    """What one message or press got.

    Attributes:
        kinds: The kinds of its replies, in order, as the gateway recorded them.
        passages: The ids of their passages, as the gateway recorded them.
        headings: The headings of those passages that the chat shows in bold.
        sent: The messages that the chat shows.
    """

    kinds: list[str]
    passages: list[str]
    headings: list[str]
    sent: list[Sent]

    @property
    def text(self) -> str:
        return "\n\n".join(sent.text for sent in self.sent)

    @property
    def buttons(self) -> list[str]:
        return [label for sent in self.sent for label, _ in sent.buttons]


class Player:
    """One patient with the bot. The gateway's tables must be in SQLite under `var`."""

    def __init__(self, telegram: FakeTelegram, var: Path, chat_id: int | None = None) -> None:
        self.telegram = telegram
        self.chat_id = next(_CHATS) if chat_id is None else chat_id
        self._database = var / "gateway.db"

    def say(self, text: str) -> Turn:
        """Write a message and wait for all that it gets."""
        return self._play(self.telegram.message(self.chat_id, text))

    def press(self, label: str) -> Turn:
        """Press the latest button with this label and wait for all that it gets."""
        message_id, data = self.telegram.button(self.chat_id, label)
        return self._play(self.telegram.press_of(self.chat_id, data, message_id))

    def press_value(self, data: str) -> Turn:
        """Press a button that carries `data`, whether or not it was ever offered."""
        return self._play(self.telegram.press_of(self.chat_id, data))

    def _play(self, update: dict[str, Any]) -> Turn:
        before = len(self.telegram.chats[self.chat_id].sent)
        self.telegram.send(update)
        self.telegram.wait_for(lambda: self._settled(update["update_id"]), 60)
        sent = self.telegram.chats[self.chat_id].sent[before:]
        replies = self._replies(update["update_id"])
        passages = [passage for reply in replies for passage in reply["passages"]]
        bold = [heading for message in sent for heading in message.bold]
        shown = [passage["heading"] for passage in passages if passage["heading"] in bold]
        return Turn([reply["kind"] for reply in replies], [passage["id"] for passage in passages], shown, sent)

    def _settled(self, update_id: int) -> bool:
        """Whether the update is answered and nothing is left to be sent."""
        done = self._rows("select done from telegram_inbox where update_id = ?", update_id)
        return done == [(1,)] and not self._rows("select 1 from telegram_outbox where state = 'pending'")

    def _replies(self, update_id: int) -> list[dict[str, Any]]:
        query = (
            "select body from replies join turns on turns.id = replies.turn_id "
            "where turns.client_message_id = ? order by replies.position"
        )
        return [json.loads(body) for (body,) in self._rows(query, f"tg-{update_id}")]

    def _rows(self, query: str, *values: object) -> list[Any]:
        database = sqlite3.connect(self._database, timeout=10)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()


def play(telegram: FakeTelegram, var: Path, texts: Sequence[str]) -> list[Turn]:
    """Say one text after the other in a new chat; a text that starts with `>` presses the button of that label."""
    player = Player(telegram, var)
    return [player.press(text[1:].strip()) if text.startswith(">") else player.say(text) for text in texts]
