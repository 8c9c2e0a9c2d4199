"""What is stored and logged, and what happens when nothing can be stored."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Iterator

import pytest

from tests.telegram.fake_telegram import TOKEN, Hold, garbage
from tests.telegram.gateways import Gateway, close, make

pytestmark = pytest.mark.slow

FIRST = 913_000_111


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a limit on messages."""
    gateway = make(tmp_path_factory.mktemp("quiet"), VAGUS_MESSAGES_PER_MINUTE="4")
    try:
        gateway.start()
        yield gateway
    finally:
        close(gateway)


def everything_stored(gateway: Gateway) -> bytes:
    return b"".join(path.read_bytes() for path in gateway.var.glob("gateway.db*"))


def test_neither_words_nor_names_nor_the_token_are_logged(quiet: Gateway) -> None:
    telegram = quiet.telegram
    telegram.chat_faults[FIRST].append(garbage(b'{"ok": true, "result": "xylophonist'))
    telegram.faults["getUpdates"].append(garbage(b'{"result": [{"xylophonist": 1}]'))
    telegram.say(FIRST, "a xylophonist asks", seconds=30)
    telegram.say(FIRST, "I am a xylophonist and want to die")
    for part in ("xylophonist", "pat_e_t", TOKEN, TOKEN.split(":")[1], str(FIRST), telegram.url + "/bot"):
        assert part not in quiet.log, part


def test_chat_ids_and_names_stand_nowhere_in_the_database(quiet: Gateway) -> None:
    telegram, chat = quiet.telegram, FIRST + 1
    hold = Hold(seconds=60)
    telegram.chat_faults[chat].append(hold)
    telegram.send(telegram.message(chat, "an answer that waits"))
    assert hold.reached.wait(10)
    stored = everything_stored(quiet)
    assert quiet.rows("select 1 from telegram_outbox where state = 'pending'")
    assert str(chat).encode() not in stored
    assert chat.to_bytes(4, "big") not in stored
    assert b"pat_e_t" not in stored
    telegram.wait_for(lambda: bool(telegram.texts(chat)))


def test_what_was_answered_and_sent_is_wiped_from_inbox_and_outbox(quiet: Gateway) -> None:
    quiet.telegram.say(FIRST + 2, "hello")
    quiet.telegram.wait_for(lambda: not quiet.rows("select 1 from telegram_outbox where state = 'pending'"))
    assert quiet.rows("select 1 from telegram_inbox where done and (length(sealed) > 0 or person <> '')") == []
    assert quiet.rows("select 1 from telegram_outbox where length(sealed) > 0 or person <> ''") == []


def test_key_is_readable_by_its_owner_alone(quiet: Gateway) -> None:
    assert stat.S_IMODE((quiet.var / "telegram.key").stat().st_mode) == 0o600


def test_too_many_messages_are_slowed_down_but_never_an_emergency(quiet: Gateway) -> None:
    telegram, chat = quiet.telegram, FIRST + 3
    for n in range(4):
        telegram.say(chat, f"how much fiber do beans have? {n}")
    (slowed,) = telegram.say(chat, "how much fiber do beans have? 4")
    assert "a lot at once" in slowed.text
    assert slowed.text.endswith("call 911. In a crisis, call or text 988.")
    telegram.send(telegram.message(chat, "how much fiber do beans have? 5"))
    (alarm,) = telegram.say(chat, "I have crushing chest pain")
    assert "911" in alarm.bold[0]
    assert [sent.text for sent in telegram.chats[chat].sent[5:]] == [alarm.text], "told once"


def test_buttons_topics_and_new_chats_count_and_the_way_out_stays_open(quiet: Gateway) -> None:
    telegram, chat = quiet.telegram, FIRST + 6
    telegram.say(chat, "/start")
    telegram.say(chat, "/topics")
    telegram.say(chat, "what is sleep?")
    telegram.press(chat, "Next question")
    (slowed,) = telegram.press(chat, "Next question")
    assert "a lot at once" in slowed.text
    message_id, data = telegram.button(chat, "Next question")
    before = len(telegram.texts(chat))
    telegram.send(
        telegram.press_of(chat, data, message_id), *(telegram.message(chat, f"/{c}") for c in ("topics", "start"))
    )
    telegram.say(chat, "/help")
    telegram.say(chat, "/forget")
    (gone,) = telegram.press(chat, "Yes, erase it all")
    assert "Your chat is erased" in gone.text
    assert len(telegram.texts(chat)) == before + 3


def test_group_is_not_asked_for_phone_numbers(quiet: Gateway) -> None:
    telegram, group = quiet.telegram, -FIRST
    place = {"id": group, "type": "supergroup"}
    telegram.send(telegram.message(5, "/callback@vagus_bot", chat=place), telegram.message(5, "/save", chat=place))
    telegram.wait_for(lambda: len(telegram.texts(group)) == 2)
    assert all("private chat" in text for text in telegram.texts(group))
    assert quiet.rasa.questions("/request_callback") == 0


def test_with_storage_down_patients_hear_whom_to_call_and_are_answered_later(quiet: Gateway) -> None:
    telegram, chat, alarming = quiet.telegram, FIRST + 4, FIRST + 5
    telegram.say(chat, "before")
    database = sqlite3.connect(quiet.var / "gateway.db", timeout=10, isolation_level=None)
    database.execute("begin immediate")
    try:
        telegram.send(telegram.message(chat, "hello?"), telegram.message(alarming, "I have crushing chest pain"))
        telegram.wait_for(lambda: len(telegram.texts(chat)) == 2 and len(telegram.texts(alarming)) == 1, 30)
    finally:
        database.execute("rollback")
        database.close()
    assert "(212) 555-0142" in telegram.texts(chat)[1]
    assert "911" in telegram.chats[alarming].sent[0].bold[0]
    telegram.wait_for(lambda: "You said: hello?" in telegram.texts(chat), 30)
    time.sleep(0.3)
    assert len(telegram.texts(chat)) == 3
