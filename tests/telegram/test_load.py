"""Many chats at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.telegram.gateways import Gateway, close, make

pytestmark = pytest.mark.slow

FIRST = 20_000_000


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as it runs for a clinic: it sends no more than Telegram's 30 messages a second."""
    gateway = make(tmp_path_factory.mktemp("busy"), TELEGRAM_MESSAGES_PER_SECOND="30")
    try:
        gateway.start()
        yield gateway
    finally:
        close(gateway)


def test_five_hundred_chats_at_once_each_get_their_answer(
    shared: Gateway, record_property: Callable[..., None]
) -> None:
    telegram, chats = shared.telegram, range(FIRST, FIRST + 500)
    started, cpu = time.monotonic(), shared.cpu_seconds
    telegram.send(*(telegram.message(chat, f"from {chat}") for chat in chats))
    telegram.wait_for(lambda: all(telegram.texts(chat) for chat in chats), 60)
    record_property("seconds", time.monotonic() - started)
    print(f"500 chats: {time.monotonic() - started:.1f} s, {shared.cpu_seconds - cpu:.1f} s of CPU")
    assert [telegram.texts(chat) for chat in chats] == [[f"You said: from {chat}"] for chat in chats]


def test_emergency_is_answered_within_300_ms_while_200_chats_are_being_answered(
    busy: Gateway, record_property: Callable[..., None]
) -> None:
    telegram, chats, alarming = busy.telegram, range(FIRST + 1000, FIRST + 1200), range(FIRST + 2000, FIRST + 2003)
    busy.rasa.delay = 0.05
    telegram.send(*(telegram.message(chat, "busy") for chat in chats))
    telegram.wait_for(lambda: any(telegram.texts(chat) for chat in chats))
    taken = []
    for chat in alarming:
        started = time.monotonic()
        telegram.send(telegram.message(chat, "crushing chest pain and my left arm is numb"))
        telegram.wait_for(partial(telegram.texts, chat))
        taken.append(telegram.chats[chat].sent[0].at - started)
        assert "911" in telegram.chats[chat].sent[0].bold[0]
    telegram.wait_for(lambda: all(telegram.texts(chat) for chat in chats), 60)
    last_alarm = telegram.chats[alarming[-1]].sent[0].at
    assert sum(telegram.chats[chat].sent[0].at > last_alarm for chat in chats) > 50, "the others were being answered"
    record_property("milliseconds", [round(1000 * seconds) for seconds in taken])
    print("emergency while 200 others:", [round(1000 * seconds) for seconds in taken], "ms")
    assert max(taken) < 0.3, taken
