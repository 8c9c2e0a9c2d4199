"""Whatever else is wrong, an emergency is answered at once, alone, and with the number."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from bot.gateway.conversation import without_phones
from bot.gateway.house import House
from bot.gateway.settings import GatewaySettings
from tests.gateway.conftest import Chat, Gateway, Start
from tests.gateway.fakes import Json, answer

ALARM = "feels like an elephant on my chest"
CRISIS = "I want to end my life"
POISON = "I took 20 tylenol"
CHECK = "chest discomfort sometimes"
TOLD = '/red_flag{"kind": "emergency", "group": 1}'


def assert_emergency(replies: list[Json]) -> None:
    assert [reply["kind"] for reply in replies] == ["emergency"]
    assert "911" in replies[0]["text"]
    assert replies[0]["passages"] == []
    assert "tel:911" in [button["value"] for button in replies[0]["buttons"]]


@pytest.mark.parametrize(
    ("text", "kind", "number"), [(ALARM, "emergency", "911"), (CRISIS, "crisis", "988"), (POISON, "poison", "222-1222")]
)
async def test_alarm_is_answered_alone_with_its_number(chat: Chat, text: str, kind: str, number: str) -> None:
    replies = await chat.say(text)
    assert [reply["kind"] for reply in replies] == [kind]
    assert number in replies[0]["text"]


async def test_alarm_is_answered_while_rasa_is_down(gateway: Gateway) -> None:
    gateway.rasa.close()
    assert_emergency(await (await gateway.chat()).say(ALARM))


async def test_alarm_does_not_wait_for_a_rasa_that_is_silent(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    assert_emergency(await asyncio.wait_for(chat.say(ALARM), 2))


async def test_alarm_does_not_wait_for_a_turn_that_hangs(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    hanging = asyncio.create_task(chat.say("what is ibs?"))
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    assert_emergency(await asyncio.wait_for(chat.say(ALARM), 2))
    gateway.rasa.open.set()
    assert [reply["text"] for reply in await hanging] == ["Heard."]


async def test_alarm_sent_twice_at_once_is_answered_once(chat: Chat, gateway: Gateway) -> None:
    first, second = await asyncio.gather(chat.say(ALARM, "same"), chat.say(ALARM, "same"))
    assert first == second
    await chat.say("hello")
    assert gateway.rasa.texts == [TOLD, "hello"]


async def test_alarm_in_a_message_of_ten_thousand_characters_is_found(chat: Chat, gateway: Gateway) -> None:
    filler = "I slept badly again. "
    text = filler * 240 + "I have crushing chest pain and cannot breathe. " + filler * 240
    assert len(text) > 10_000
    assert_emergency(await chat.say(text))
    assert not any(filler in heard for heard in gateway.rasa.texts)


@pytest.mark.parametrize(
    "text",
    [
        f"\x00{ALARM}\x00",
        ALARM.upper(),
        f"/{ALARM}",
        f"\u202e{ALARM}",
        "feels like\x00 an elephant on my chest \U0001f622",
    ],
)
async def test_alarm_is_found_in_odd_text(chat: Chat, text: str) -> None:
    assert_emergency(await chat.say(text))


async def test_alarm_again_with_the_same_id_gets_the_same_reply(chat: Chat, gateway: Gateway) -> None:
    assert await chat.say(ALARM, "a") == await chat.say(ALARM, "a")
    await chat.say("hello")
    assert gateway.rasa.texts == [TOLD, "hello"]


async def test_dialogue_is_told_of_an_alarm_before_the_next_message(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    assert_emergency(await chat.say(ALARM))
    following = asyncio.create_task(chat.say("what is ibs?"))
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    await asyncio.sleep(0.1)
    gateway.rasa.open.set()
    await following
    assert gateway.rasa.texts == [TOLD, "what is ibs?"]


async def test_dialogue_is_told_of_the_last_of_several_alarms_before_the_next_message(
    chat: Chat, gateway: Gateway
) -> None:
    gateway.rasa.open.clear()
    for text in (ALARM, POISON, CRISIS):
        await chat.say(text)
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    assert not await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=0.2)
    following = asyncio.create_task(chat.say("what is ibs?"))
    await asyncio.sleep(0.1)
    gateway.rasa.open.set()
    await following
    assert gateway.rasa.texts == [TOLD, '/red_flag{"kind": "crisis", "group": 14}', "what is ibs?"]


async def test_next_message_does_not_wait_long_until_the_dialogue_was_told(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    for text in (ALARM, CRISIS, ALARM):
        await chat.say(text)
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    following = asyncio.create_task(chat.say("what is ibs?"))
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=3)
    gateway.rasa.open.set()
    assert [reply["text"] for reply in await following] == ["Heard."]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("6465550123", " "),
        ("it's (212) 555-0142, thanks", "it's  , thanks"),
        ("+1 212.555.0142", " "),
        ("555-0142", " "),
        ("i took 500-1000 of it", "i took 500-1000 of it"),
        ("my sugar is 600", "my sugar is 600"),
        ("i took 20 of the 500s at 10", "i took 20 of the 500s at 10"),
        ("call 988 or 911", "call 988 or 911"),
        ("bp 180/110, pulse 140", "bp 180/110, pulse 140"),
    ],
)
def test_the_screen_reads_everything_but_phone_numbers(text: str, read: str) -> None:
    assert without_phones(text) == read


async def test_next_message_is_answered_although_the_dialogue_could_not_be_told(start: Start) -> None:
    gateway = await start(rasa_timeout=0.2)
    chat = await gateway.chat()
    gateway.rasa.raw = b"\xff nonsense"
    assert_emergency(await chat.say(ALARM))
    gateway.rasa.raw = None
    assert [reply["text"] for reply in await chat.say("hello")] == ["Heard."]


async def test_doubtful_message_gets_the_line_first_and_then_its_normal_reply(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [answer(notice="Sample content.")]
    replies = await (await gateway.chat()).say(CHECK)
    assert [reply["kind"] for reply in replies] == ["answer"]
    first, last = replies[0]["notice"].split("\n")
    assert "911" in first
    assert last == "Sample content."
    assert gateway.rasa.texts == [CHECK], "telling the dialogue would drop a request for a call back"


async def test_doubtful_message_gets_the_line_during_an_outage_too(gateway: Gateway) -> None:
    chat = await gateway.chat()
    gateway.rasa.close()
    replies = await chat.say(CHECK)
    assert [reply["kind"] for reply in replies] == ["outage"]
    assert "911" in replies[0]["notice"]


async def test_earlier_messages_are_read_together_with_the_present_one(chat: Chat) -> None:
    await chat.say(CHECK)
    assert_emergency(await chat.say("yes"))


async def test_red_flags_are_counted_without_words_or_person(chat: Chat, gateway: Gateway) -> None:
    for text in (ALARM, ALARM, CHECK, CRISIS):
        await chat.say(text)
    with gateway.house.store.engine.connect() as connection:
        rows = connection.exec_driver_sql('select kind, level, "group", count from flag_counts').all()
    columns = [column["name"] for column in inspect(gateway.house.store.engine).get_columns("flag_counts")]
    assert sorted(tuple(row) for row in rows) == [
        ("crisis", "alarm", 14, 1),
        ("emergency", "alarm", 1, 2),
        ("emergency", "check", 1, 1),
    ]
    assert columns == ["day", "kind", "level", "group", "count"]


async def test_gateway_starts_with_rules_alone_when_the_encoder_is_broken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "encoder.json").write_text("{")
    house = House.open(GatewaySettings(var=tmp_path / "var", encoder=tmp_path / "encoder"))
    try:
        assert not house.conversations.screens
        assert house.conversations.is_alarming(ALARM)
    finally:
        await house.close()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1


@pytest.mark.parametrize("fails", ["is_live", "begin_turn", "finish_turn"])
async def test_alarm_is_answered_while_the_storage_fails(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    chat = await gateway.chat(strict=False)

    def broken(*_: object) -> None:
        raise OperationalError(f"insert {ALARM}", {}, Exception("disk I/O error"))

    monkeypatch.setattr(gateway.house.store, fails, broken)
    assert_emergency(await chat.say(ALARM))
    assert "elephant" not in caplog.text
    calm = await chat.send("what is ibs?")
    assert calm.status_code == 500
    assert "911" in calm.json()["error"]["message"]


@pytest.mark.parametrize("fails", ["open_session", "add_replies"])
async def test_session_opens_for_an_emergency_while_the_storage_fails(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk I/O error"))

    monkeypatch.setattr(gateway.house.store, fails, broken)
    chat = await gateway.chat()
    assert [reply["kind"] for reply in chat.session["replies"]] == ["menu"]
    assert_emergency(await chat.say(ALARM))


class Hung:
    """A method of the storage that waits until it is let go; for one session only, when one is named."""

    def __init__(self, call: Callable[..., Any], only: str = "") -> None:
        self._call = call
        self._only = only
        self.go = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        if self._only in ("", arguments[0]):
            self.go.wait(20)
        return self._call(*arguments)


@pytest.mark.parametrize("hangs", ["is_live", "begin_turn", "count_flag", "finish_turn"])
async def test_alarm_does_not_wait_for_storage_that_hangs_and_is_stored_later(
    chat: Chat, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    hung = Hung(getattr(gateway.house.store, hangs))
    monkeypatch.setattr(gateway.house.store, hangs, hung)
    try:
        replies = await asyncio.wait_for(chat.say(ALARM), 4)
    finally:
        hung.go.set()
    assert_emergency(replies)
    for _ in range(100):
        stored = (await chat.history())[1:]
        if len(stored) == 2:
            break
        await asyncio.sleep(0.02)
    assert [entry["role"] for entry in stored] == ["user", "bot"]
    assert stored[1]["reply"] == replies[0]


async def test_alarm_does_not_wait_for_another_conversations_alarm(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await gateway.chat(), await gateway.chat()
    session_id = gateway.house.signatures.session_id(one.session["token"]) or ""
    hung = Hung(gateway.house.store.begin_turn, only=session_id)
    monkeypatch.setattr(gateway.house.store, "begin_turn", hung)
    first = asyncio.create_task(one.say(ALARM))
    await asyncio.sleep(0.1)
    try:
        replies = await asyncio.wait_for(two.say(ALARM), 4)
        assert (await two.history())[-1]["reply"] == replies[0]
    finally:
        hung.go.set()
    assert_emergency(await first)


async def test_session_opens_for_an_emergency_while_the_storage_hangs(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = Hung(gateway.house.store.open_session)
    monkeypatch.setattr(gateway.house.store, "open_session", hung)
    try:
        chat = await asyncio.wait_for(gateway.chat(), 4)
        assert_emergency(await chat.say(ALARM))
    finally:
        hung.go.set()


@pytest.mark.parametrize("ended", ["expired", "erased"])
async def test_alarm_in_a_conversation_that_has_ended_is_answered_and_leaves_nothing(
    gateway: Gateway, ended: str
) -> None:
    chat = await gateway.chat()
    session_id = gateway.house.signatures.session_id(chat.session["token"]) or ""
    if ended == "expired":
        gateway.house.store.end_session(session_id)
    else:
        await chat.erase()
    assert_emergency(await chat.say(ALARM))
    assert (await chat.send("what is ibs?")).status_code == 401
    assert gateway.house.store.turns(session_id) == []
    assert gateway.rasa.heard == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer forged"}])
async def test_alarm_needs_no_session(gateway: Gateway, headers: dict[str, str]) -> None:
    http = await gateway.client(**headers)
    response = await http.post("/api/v1/messages", json={"client_message_id": "a", "text": ALARM})
    assert_emergency(response.raise_for_status().json()["replies"])
    for said in ({"text": "what is ibs?"}, {"button": "x"}):
        assert (await http.post("/api/v1/messages", json={"client_message_id": "a", **said})).status_code == 401


async def test_message_that_takes_long_to_screen_keeps_nobody_waiting(
    chat: Chat, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    flag = gateway.house.conversations._flag

    def slow(text: str, *previous: Any) -> Any:
        if text == "long":
            go.wait(5)
        return flag(text, *previous)

    monkeypatch.setattr(gateway.house.conversations, "_flag", slow)
    screening = asyncio.create_task(chat.say("long"))
    await asyncio.sleep(0.1)
    try:
        assert_emergency(await (await gateway.chat()).say(ALARM))
        assert not screening.done()
    finally:
        go.set()
    assert [reply["text"] for reply in await screening] == ["Heard."]


async def test_closing_waits_until_the_dialogue_was_told(start: Start) -> None:
    gateway = await start()
    chat = await gateway.chat()
    await chat.say(ALARM)
    await gateway.stop()
    assert gateway.rasa.texts == [TOLD]
