"""`kill -9` at each step of an update's life, told from outside: by what the fakes see and the database holds."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.telegram.fake_telegram import Hold, drop, garbage, reply_with
from tests.telegram.gateways import Gateway

pytestmark = pytest.mark.slow

Own = Callable[..., Gateway]

ASKED, UNSENT, SENT, SLOWED, FORGETTING, DONE = range(1, 7)


def wait_until_settled(gateway: Gateway, updates: int, seconds: float = 30.0) -> None:
    """Until every update is done and nothing is left in the outbox."""
    telegram = gateway.telegram

    def settled() -> bool:
        try:
            done = gateway.rows("select count(*) from telegram_inbox where done")[0][0]
            pending = gateway.rows("select count(*) from telegram_outbox where state = 'pending'")[0][0]
        except sqlite3.OperationalError:
            return False
        return done >= updates and pending == 0 and not telegram.updates

    telegram.wait_for(settled, seconds)


def test_killed_at_every_step_each_update_is_answered_once_or_once_more(own: Own) -> None:
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
