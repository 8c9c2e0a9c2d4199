"""`kill -9` at each step of an update's life (`mortal.STEPS`), at many at once, and at random."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.telegram.fake_telegram import Hold, drop, garbage, reply_with
from tests.telegram.gateways import Gateway, close, make
from tests.telegram.mortal import STEPS

pytestmark = pytest.mark.slow

Own = Callable[..., Gateway]

ASKED, UNSENT, SENT, SLOWED, FORGETTING, DONE = range(1, 7)


TWICE = {"sent-and-not-marked", "alarm-sent-and-not-recorded", "alarm-recorded-and-not-marked"}
"""Steps between sending and marking: after a crash there, one reply comes once more."""


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that dies at the step that a message names; the next test finds it running again."""
    gateway = make(tmp_path_factory.mktemp("mortal"))
    gateway.module = "tests.telegram.mortal"
    try:
        gateway.start()
        yield gateway
    finally:
        close(gateway)


@pytest.mark.parametrize("step", [step for step in STEPS if not step.startswith("alarm")])
def test_killed_at_a_step_of_its_life_an_update_is_answered_once_or_once_more(
    mortal: Gateway, chat: int, step: str
) -> None:
    telegram = mortal.telegram
    telegram.send(telegram.message(chat, f"what is {step}?"), telegram.message(chat, "does sleep help with pain?"))
    mortal.wait_until_dead()
    mortal.start()
    telegram.wait_for(lambda: "You said: does sleep help with pain?" in telegram.texts(chat))
    wait_until_settled(mortal)
    *answers, last = telegram.chats[chat].sent
    assert [sent.bold for sent in answers] == [[f"What is {step}?"]] * (2 if step in TWICE else 1)
    assert last.text == "You said: does sleep help with pain?"


@pytest.mark.parametrize("step", [step for step in STEPS if step.startswith("alarm")])
def test_killed_at_a_step_of_its_life_an_emergency_is_answered_once_or_once_more(
    mortal: Gateway, chat: int, step: str
) -> None:
    """It overtakes a message of its own chat that is still being answered."""
    telegram, held = mortal.telegram, f"how much fiber do beans have? {chat}"
    with mortal.rasa.holding(held) as asked:
        telegram.send(telegram.message(chat, held))
        assert asked.wait(20)
        telegram.send(telegram.message(chat, f"I have crushing chest pain ({step})"))
        mortal.wait_until_dead()
    mortal.start()
    telegram.wait_for(lambda: f"You said: {held}" in telegram.texts(chat))
    wait_until_settled(mortal)
    alarms = [sent.bold for sent in telegram.chats[chat].sent if sent.bold]
    assert len(alarms) == (2 if step in TWICE else 1)
    assert all("911" in bold[0] for bold in alarms)
    assert len(telegram.texts(chat)) == len(alarms) + 1


def wait_until_settled(gateway: Gateway, updates: int = 0, seconds: float = 30.0) -> None:
    """Until every update is done and nothing is left in the outbox."""
    telegram = gateway.telegram

    def settled() -> bool:
        try:
            done = gateway.rows("select count(*) from telegram_inbox where done")[0][0]
            pending = gateway.rows("select count(*) from telegram_outbox where state = 'pending'")[0][0]
        except sqlite3.OperationalError:
            return False
        undone = gateway.rows("select count(*) from telegram_inbox where not done")[0][0]
        return done >= updates and undone == 0 and pending == 0 and not telegram.updates

    telegram.wait_for(settled, seconds)


def test_killed_while_chats_are_in_every_state_each_is_answered_once_or_once_more(own: Own) -> None:
    gateway = own()
    telegram = gateway.telegram
    telegram.say(DONE, "done before")
    telegram.say(FORGETTING, "xylophonist")
    telegram.say(FORGETTING, "/forget")
    unsent, sent = Hold(), Hold(after_delivery=True)
    telegram.chat_faults[UNSENT].append(unsent)
    telegram.chat_faults[SENT].append(sent)
    telegram.chat_faults[SLOWED].append(reply_with(429, "Too Many Requests", retry_after=8))
    started = time.monotonic()
    with gateway.rasa.holding("asked") as asked:
        telegram.send(*(telegram.message(chat, text) for chat in (UNSENT, SENT, SLOWED) for text in ("one", "two")))
        telegram.send(telegram.message(ASKED, "asked"), telegram.message(ASKED, "behind it"))
        assert asked.wait(10)
        assert unsent.reached.wait(10)
        assert sent.reached.wait(10)
        telegram.wait_for(lambda: not telegram.chat_faults[SLOWED])
        _, data = telegram.button(FORGETTING, "Yes, erase it all")
        telegram.send(telegram.press_of(FORGETTING, data))
        telegram.wait_for(lambda: bool(gateway.rasa.forgotten))
        gateway.kill()
    gateway.start()
    wait_until_settled(gateway, 12)
    two = ["You said: one", "You said: two"]
    assert telegram.texts(ASKED) == ["You said: asked", "You said: behind it"]
    assert telegram.texts(UNSENT) == two
    assert telegram.texts(SENT) == [two[0], *two], "sent and not marked: once more"
    assert telegram.texts(SLOWED) == two
    assert telegram.chats[SLOWED].sent[0].at - started >= 8.0, "what Telegram asked for outlives the restart"
    assert telegram.texts(DONE) == ["You said: done before"]
    assert sum("Your chat is erased" in text for text in telegram.texts(FORGETTING)) in (1, 2)
    assert gateway.rasa.questions("one") == 3
    assert b"xylophonist" not in (gateway.var / "gateway.db").read_bytes()


def test_killed_at_random_moments_nothing_is_lost_and_order_is_kept(own: Own) -> None:
    gateway = own()
    telegram, chats, each = gateway.telegram, range(100, 130), 3
    randomness = random.Random(8)
    updates = [
        telegram.message(chat, f"how much fiber do beans have? {chat}/{n}") for n in range(each) for chat in chats
    ]
    for start in range(0, len(updates), 45):
        telegram.send(*updates[start : start + 45])
        time.sleep(randomness.uniform(0.05, 0.4))
        gateway.kill()
        gateway.start()
    wait_until_settled(gateway, len(updates))
    extra = 0
    for chat in chats:
        counts = Counter(telegram.texts(chat))
        assert set(counts) == {f"You said: how much fiber do beans have? {chat}/{n}" for n in range(each)}
        assert max(counts.values()) <= 2
        assert list(dict.fromkeys(telegram.texts(chat))) == [
            f"You said: how much fiber do beans have? {chat}/{n}" for n in range(each)
        ]
        extra += sum(counts.values()) - each
    assert extra <= 2 * 64, "only what was under way at a kill can come twice"


def test_webhook_update_is_safe_once_it_was_acknowledged(own: Own) -> None:
    """And Telegram being out of reach at the next start only delays the answer."""
    gateway = own(TELEGRAM_WEBHOOK_URL="https://bot.clinic.example")
    telegram = gateway.telegram
    kept, lost = telegram.message(1, "kept"), telegram.message(2, "sent again")
    with gateway.rasa.holding("kept") as asked:
        assert gateway.post(kept).status_code == 200
        assert asked.wait(10)
        gateway.kill()
    with pytest.raises(httpx.HTTPError):
        gateway.post(lost)
    telegram.faults["getMe"].extend([drop, garbage(b"nonsense")])
    gateway.start()
    assert gateway.post(lost).status_code == 200
    assert gateway.post(kept).status_code == 200, "Telegram repeats what it thinks was not acknowledged"
    telegram.wait_for(lambda: len(telegram.texts(1)) == 1 and len(telegram.texts(2)) == 1)
    telegram.settle()
    assert telegram.texts(1) == ["You said: kept"]
    assert telegram.texts(2) == ["You said: sent again"]


def test_webhook_update_that_was_stored_and_not_acknowledged_is_answered_once(own: Own) -> None:
    gateway = own(started=False, TELEGRAM_WEBHOOK_URL="https://bot.clinic.example")
    gateway.module = "tests.telegram.mortal"
    gateway.start()
    telegram = gateway.telegram
    update = telegram.message(1, "what is stored-and-not-acknowledged?")
    with pytest.raises(httpx.HTTPError):
        gateway.post(update)
    gateway.wait_until_dead()
    gateway.start()
    assert gateway.post(update).status_code == 200
    telegram.wait_for(lambda: bool(telegram.texts(1)))
    telegram.settle()
    assert len(telegram.texts(1)) == 1
