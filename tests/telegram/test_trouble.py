"""What goes wrong between us and Telegram."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest

from tests.telegram.fake_telegram import TOKEN, Fault, Hold, drop, drop_after_delivery, garbage, reply_with
from tests.telegram.gateways import Gateway

pytestmark = pytest.mark.slow

Own = Callable[..., Gateway]


def test_retry_after_holds_up_its_own_chat_only_and_keeps_the_order(shared: Gateway, chat: int) -> None:
    telegram, other = shared.telegram, chat + 100_000
    telegram.chat_faults[chat].append(reply_with(429, "Too Many Requests: retry after 2", retry_after=2))
    started = time.monotonic()
    telegram.send(telegram.message(chat, "held up"), telegram.message(chat, "next in line"))
    telegram.say(other, "free to go")
    assert time.monotonic() - started < 1.9
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 2)
    assert telegram.chats[chat].sent[0].at - started >= 2.0
    assert telegram.texts(chat) == ["You said: held up", "You said: next in line"]


def test_emergency_does_not_wait_for_a_chat_that_telegram_slowed_down(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.chat_faults[chat].append(reply_with(429, "Too Many Requests", retry_after=3))
    telegram.send(telegram.message(chat, "held up"))
    telegram.wait_for(lambda: not telegram.chat_faults[chat])
    (alarm,) = telegram.say(chat, "I am having a stroke, my face is drooping", seconds=2)
    assert "911" in alarm.bold[0]
    telegram.wait_for(lambda: "You said: held up" in telegram.texts(chat))


@pytest.mark.parametrize(
    "faults",
    [
        [reply_with(502, "Bad Gateway"), reply_with(500, "Internal Server Error")],
        [drop],
        [garbage(b"<html>no JSON</html>", 503)],
        [Hold(seconds=6)],
    ],
    ids=["5xx", "dropped", "html", "time-out"],
)
def test_message_that_telegram_did_not_take_arrives_once_later(shared: Gateway, chat: int, faults: list[Fault]) -> None:
    shared.telegram.chat_faults[chat].extend(faults)
    shared.telegram.say(chat, "hello")
    shared.telegram.settle()
    assert shared.telegram.texts(chat) == ["You said: hello"]


@pytest.mark.parametrize("body", [b"gibberish", b'{"ok":true}', b"[]", b'{"ok":true,"result":{"message_id":"x"}}'])
def test_unreadable_answer_of_telegrams_is_tried_again(shared: Gateway, chat: int, body: bytes) -> None:
    shared.telegram.chat_faults[chat].append(garbage(body))
    shared.telegram.say(chat, "hello")
    shared.telegram.settle()
    assert shared.telegram.texts(chat) == ["You said: hello"]


def test_connection_lost_after_delivery_costs_one_duplicate_at_most(shared: Gateway, chat: int) -> None:
    shared.telegram.chat_faults[chat].append(drop_after_delivery)
    shared.telegram.say(chat, "hello", replies=2)
    shared.telegram.say(chat, "next")
    assert shared.telegram.texts(chat) == ["You said: hello"] * 2 + ["You said: next"]


@pytest.mark.parametrize(
    "fault",
    [
        reply_with(500, "Internal Server Error"),
        drop,
        garbage(b"gibberish"),
        garbage(b'{"ok":true,"result":"x"}'),
        garbage(b'{"ok":true,"result":[1, null, {}, {"update_id":"x"}, {"update_id":true}]}'),
        garbage(b'{"ok":true,"result":[{"update_id":3,"message":{"text":[]}}]}'),
        reply_with(429, "Too Many Requests", retry_after=1),
        reply_with(409, "Conflict: terminated by other getUpdates request"),
    ],
)
def test_polling_goes_on_after_a_bad_answer(shared: Gateway, chat: int, fault: Fault) -> None:
    shared.telegram.faults["getUpdates"].append(fault)
    shared.telegram.say(chat + 200_000, "wakes the poll up")
    shared.telegram.say(chat, "hello")
    assert shared.telegram.texts(chat) == ["You said: hello"]


def test_blocked_bot_ends_the_session_quietly(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "before the block")
    telegram.blocked.add(chat)
    telegram.send(telegram.message(chat, "while blocked"), telegram.message(chat, "while blocked too"))
    telegram.wait_for(lambda: shared.rasa.questions("while blocked too") == 1)
    telegram.say(chat + 300_000, "someone else")
    time.sleep(0.3)
    telegram.blocked.remove(chat)
    telegram.say(chat, "is oat bran good after the block")
    assert telegram.texts(chat) == ["You said: before the block", "You said: is oat bran good after the block"]
    senders = [sender for sender, text in shared.rasa.asked if text.endswith("the block")]
    assert len(set(senders)) == 2
    telegram.wait_for(lambda: shared.rows("select count(*) from telegram_outbox where state = 'pending'") == [(0,)])


def test_being_kicked_ends_the_session_without_a_word(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "before the kick")
    update = telegram.message(chat, "x")
    person = {"id": chat, "is_bot": False}
    member = {"chat": {"id": chat, "type": "private"}, "from": person, "new_chat_member": {"status": "kicked"}}
    telegram.send({"update_id": update["update_id"], "my_chat_member": member})
    telegram.say(chat, "after the kick")
    senders = [sender for sender, text in shared.rasa.asked if text.endswith("the kick")]
    assert len(set(senders)) == 2


def test_html_that_telegram_refuses_goes_out_as_plain_text(shared: Gateway, chat: int) -> None:
    refused = reply_with(400, "Bad Request: can't parse entities: unsupported start tag")
    shared.telegram.chat_faults[chat].append(refused)
    (sent,) = shared.telegram.say(chat, "what is pacing?")
    assert "parse_mode" not in sent.values
    assert "Research <goes> on & on." in sent.text
    assert "not medical advice" in sent.text


def test_message_that_telegram_will_never_take_does_not_hold_up_the_next(shared: Gateway, chat: int) -> None:
    shared.telegram.chat_faults[chat].append(reply_with(400, "Bad Request: message is too long"))
    shared.telegram.send(shared.telegram.message(chat, "never"))
    shared.telegram.say(chat, "next")
    assert shared.telegram.texts(chat) == ["You said: next"]


def test_group_that_became_a_supergroup_gets_its_answer_there(shared: Gateway, chat: int) -> None:
    telegram, group, grown = shared.telegram, -chat, -1_000_000_000 - chat
    migrated = reply_with(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=grown)
    telegram.chat_faults[group].append(migrated)
    telegram.send(telegram.message(55, "/hours@vagus_bot", chat={"id": group, "type": "group"}))
    telegram.wait_for(lambda: any(text.startswith("Open now") for text in telegram.texts(grown)))


@pytest.mark.parametrize(
    "fault",
    [reply_with(400, "Bad Request: not enough rights"), garbage(b"[]"), garbage(b"gibberish"), drop],
    ids=["refused", "a list", "gibberish", "dropped"],
)
def test_pin_and_button_and_typing_failures_change_nothing(shared: Gateway, chat: int, fault: Fault) -> None:
    telegram, seen = shared.telegram, len(shared.log)
    for method in ("pinChatMessage", "answerCallbackQuery", "sendChatAction"):
        telegram.faults[method].append(fault)
    telegram.say(chat, "/start")
    telegram.wait_for(lambda: not telegram.faults["pinChatMessage"])
    with shared.rasa.holding("slow one"):
        telegram.send(telegram.message(chat, "slow one"))
        telegram.wait_for(lambda: not telegram.faults["sendChatAction"])
    (sent,) = telegram.press(chat, "What is leaky gut?", replies=2)[-1:]
    assert sent.bold == ["What is leaky gut?"]
    assert not telegram.faults["answerCallbackQuery"]
    assert "Traceback" not in shared.log[seen:]
    assert "never retrieved" not in shared.log[seen:]


def test_update_numbers_that_begin_anew_below_the_old_ones_are_answered(shared: Gateway, chat: int) -> None:
    """Telegram may do that after a week without updates; what is below the offset would be lost unseen."""
    telegram = shared.telegram
    lower = telegram.message(chat, "the numbers began anew")
    telegram.faults["getUpdates"].append(garbage(b'{"ok":true,"result":[]}'))
    telegram.say(chat, "before a quiet week")
    telegram.wait_for(lambda: not telegram.faults["getUpdates"])
    telegram.settle()
    telegram.send(lower)
    telegram.wait_for(lambda: "You said: the numbers began anew" in telegram.texts(chat))


def test_outbox_that_cannot_be_read_at_the_start_only_delays_telegram(own: Own) -> None:
    gateway = own()
    gateway.stop()
    gateway.rows("alter table telegram_outbox rename column not_before to damaged")
    gateway.start(until="opening inbox and outbox failed (OperationalError)")
    gateway.rows("alter table telegram_outbox rename column damaged to not_before")
    gateway.wait_until("Telegram is on")
    gateway.telegram.say(1, "hello")


def test_bad_token_is_told_and_the_rest_of_the_gateway_runs(own: Own) -> None:
    gateway = own(started=False)
    gateway.telegram.bad_token = True
    gateway.start(until="TELEGRAM_TOKEN: refused by Telegram")
    assert TOKEN not in gateway.log
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    assert httpx.post(f"{gateway.url}/api/v1/sessions").status_code == 201
