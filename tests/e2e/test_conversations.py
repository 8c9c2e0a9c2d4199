"""One table of conversations, played with the real processes through the web API and through Telegram."""

from __future__ import annotations

from typing import Any

import pytest

from bot.gateway.callbacks import CallbackBox
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from tests.e2e.assistant import Running
from tests.e2e.channels import Channel, Telegram, Web
from tests.e2e.table import Heard, conversations, misses
from tests.telegram.fake_telegram import FakeTelegram

pytestmark = pytest.mark.slow

CONVERSATIONS = conversations()


def test_there_are_at_least_45_conversations() -> None:
    assert len(CONVERSATIONS) >= 45


@pytest.mark.parametrize("channel", ["web", "telegram"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(running: Running, telegram: FakeTelegram, name: str, channel: str) -> None:
    patient: Channel = Web(running) if channel == "web" else Telegram(running, telegram)
    filed_before, heard = len(requests_filed(running)), list[Heard]()
    wrong = []
    for number, turn in enumerate(CONVERSATIONS[name], start=1):
        expected = turn | turn.get(channel, {})
        if "filed" in turn:
            found = requests_filed(running)[filed_before:]
            if (turn["filed"] == "nothing") != (not found) or (
                found and not turn["filed"].items() <= found[-1].items()
            ):
                wrong.append(f"{number} filed: {found}, not {turn['filed']}")
        elif "erase" in turn:
            patient.erase()
        else:
            now = play(patient, turn)
            wrong += [f"{number} {now.text[:300]!r}: {miss}" for miss in misses(expected, now, heard)]
            heard.append(now)
    assert wrong == []


def play(patient: Channel, turn: dict[str, Any]) -> Heard:
    """Do what a turn says; what came back."""
    if "say" in turn:
        return patient.say(turn["say"] * turn.get("times", 1))
    if "press" in turn:
        return patient.press(turn["press"])
    return patient.forge(turn["forge"]) if "forge" in turn else Heard(text=patient.save())


def requests_filed(running: Running) -> list[dict[str, Any]]:
    """Every callback request that waits for the staff."""
    settings = GatewaySettings.from_env({"VAGUS_VAR": str(running.var)})
    store = Store(settings.database_url)
    try:
        return CallbackBox(store, settings.var / "callback.key", settings).requests()
    finally:
        store.close()
