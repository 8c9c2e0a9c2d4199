"""Many chats at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.telegram.gateways import Gateway, Machine, close, make

pytestmark = pytest.mark.slow

FIRST = 20_000_000
PROMISED = 0.3
"""Seconds from an emergency at Telegram to its reply there, while 200 other chats are being answered."""
ROUNDS = 3
OTHERS = 0.2
"""Share of the processors that other programs may take before a clock on this machine proves nothing."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as it runs for a clinic: it sends no more than Telegram's 30 messages a second."""
    gateway = make(tmp_path_factory.mktemp("busy"), TELEGRAM_MESSAGES_PER_SECOND="30")
    gateway.rasa.delay = 0.05
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
    telegram.wait_for(lambda: all(telegram.texts(chat) for chat in chats), 90)
    record_property("seconds", time.monotonic() - started)
    print(f"500 chats: {time.monotonic() - started:.1f} s, {shared.cpu_seconds - cpu:.1f} s of CPU")
    assert [telegram.texts(chat) for chat in chats] == [[f"You said: from {chat}"] for chat in chats]


def emergencies_among_others(gateway: Gateway, first: int) -> tuple[list[float], list[int]]:
    """Five emergencies while 200 other chats are answered: seconds to each reply, and how many others came before it."""
    telegram, chats, alarming = gateway.telegram, range(first, first + 200), range(first + 500, first + 505)
    telegram.send(*(telegram.message(chat, "busy") for chat in chats))
    telegram.wait_for(lambda: any(telegram.texts(chat) for chat in chats))
    taken, before = [], []
    for chat in alarming:
        started = time.monotonic()
        telegram.send(telegram.message(chat, "crushing chest pain and my left arm is numb"))
        telegram.wait_for(partial(telegram.texts, chat))
        (alarm,) = telegram.chats[chat].sent
        assert "911" in alarm.bold[0]
        taken.append(alarm.at - started)
        before.append(sum(started < sent.at < alarm.at for other in chats for sent in telegram.chats[other].sent))
    telegram.wait_for(lambda: all(telegram.texts(chat) for chat in chats), 60)
    later = sum(telegram.chats[chat].sent[0].at > alarm.at for chat in chats)
    assert later > 50, "the others were being answered all the time"
    return taken, before


def test_emergency_overtakes_200_other_chats(busy: Gateway) -> None:
    """On any machine, however slow: of the 200 that wait, next to none is answered before it."""
    _, before = emergencies_among_others(busy, FIRST + 1_000)
    assert max(before) < 20, before


def test_emergency_is_answered_within_300_ms_while_200_chats_are_being_answered(
    busy: Gateway, record_property: Callable[..., None]
) -> None:
    """Every one of them, in one of three rounds. A machine that others keep busy is no judge of that, and says so."""
    rounds: list[str] = []
    others = []
    for number in range(ROUNDS):
        machine = Machine(busy)
        taken, _ = emergencies_among_others(busy, FIRST + 10_000 * (number + 1))
        others.append(machine.share_of_others)
        rounds.append(f"{[round(1000 * seconds) for seconds in taken]} ms, others took {others[-1]:.0%}")
        print("emergencies while 200 others are answered:", rounds[-1])
        if max(taken) < PROMISED:
            record_property("milliseconds", [round(1000 * seconds) for seconds in taken])
            return
    if min(others) > OTHERS:
        pytest.skip(f"the processors were busy with other programs: {rounds}")
    pytest.fail(str(rounds))
