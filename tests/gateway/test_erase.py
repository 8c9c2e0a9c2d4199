from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.databases import needs_sqlite
from tests.gateway.conftest import Chat, Gateway, Start
from tests.gateway.fakes import smalltalk

MARKER = "zebrafinch pilgrimage"
ALARM = "feels like an elephant on my chest"


def session_of(gateway: Gateway, chat: Chat) -> str:
    session_id = gateway.house.signatures.session_id(chat.session["token"])
    assert session_id is not None
    return session_id


def everything_on_disk(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "gateway.db" for path in files)
    return b"".join(path.read_bytes() for path in files)


@needs_sqlite
async def test_erase_leaves_no_trace_on_disk_and_rasa_forgets(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [smalltalk(f"You said {text}")]
    chat, other = await gateway.chat(), await gateway.chat()
    reply = (await chat.say(MARKER))[0]
    rating = {"reply_id": reply["id"], "rating": "down", "reason": f"about {MARKER}"}
    await chat.http.post("/api/v1/feedback", json=rating)
    await other.say("keep me")
    session_id = session_of(gateway, chat)
    assert MARKER.encode() in everything_on_disk(gateway.settings.var)
    response = await chat.erase()
    assert (response.status_code, response.content) == (204, b"")
    assert MARKER.encode() not in everything_on_disk(gateway.settings.var)
    assert gateway.rasa.forgotten == [session_id]
    assert gateway.house.store.pending_erasures() == []
    assert "keep me" in str(await other.history())


async def test_erase_while_rasa_is_down_is_carried_out_when_it_is_back(gateway: Gateway) -> None:
    chat, other = await gateway.chat(), await gateway.chat()
    erased = [session_of(gateway, chat), session_of(gateway, other)]
    gateway.rasa.status = 503
    for gone in (chat, other):
        assert (await gone.erase()).status_code == 204
        assert (await gone.send("hello")).status_code == 401
    assert sorted(gateway.house.store.pending_erasures()) == sorted(erased)
    gateway.rasa.status = 200
    await gateway.house.conversations.forget_pending()
    assert sorted(gateway.rasa.forgotten) == sorted(erased)
    assert gateway.house.store.pending_erasures() == []


async def test_pending_erasure_survives_a_restart(start: Start) -> None:
    gateway = await start()
    chat = await gateway.chat()
    gateway.rasa.status = 503
    await chat.erase()
    await gateway.stop()
    gateway.rasa.status = 200
    again = await start()
    for _ in range(100):
        if again.rasa.forgotten:
            break
        await asyncio.sleep(0.02)
    assert again.rasa.forgotten == [session_of(again, chat)]


async def test_message_that_waited_while_the_session_was_erased_gets_401(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    first = asyncio.create_task(chat.send("hello"))
    await asyncio.to_thread(gateway.rasa.waiting.acquire)
    erasing = asyncio.create_task(chat.erase())
    await asyncio.sleep(0.1)
    late = asyncio.create_task(chat.send("one more thing"))
    await asyncio.sleep(0.1)
    gateway.rasa.open.set()
    assert (await first).status_code == 200
    assert (await erasing).status_code == 204
    assert (await late).status_code == 401
    assert gateway.rasa.texts == ["hello"]


async def test_red_flag_on_its_way_does_not_outlive_the_erasure(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    await chat.say(ALARM)
    await asyncio.to_thread(gateway.rasa.waiting.acquire)
    erasing = asyncio.create_task(chat.erase())
    await asyncio.sleep(0.2)
    assert gateway.rasa.forgotten == []
    gateway.rasa.open.set()
    assert (await erasing).status_code == 204
    assert len(gateway.rasa.heard) == len(gateway.rasa.forgotten) == 1


async def test_alarm_during_the_erasure_is_answered_and_leaves_nothing_in_rasa(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    await chat.say(ALARM)
    await asyncio.to_thread(gateway.rasa.waiting.acquire)
    erasing = asyncio.create_task(chat.erase())
    await asyncio.sleep(0.1)
    assert [reply["kind"] for reply in await chat.say(ALARM)] == ["emergency"]
    heard_before_forgetting: list[int] = []
    gateway.rasa.forgotten = Recorder(lambda: heard_before_forgetting.append(len(gateway.rasa.heard)))
    gateway.rasa.open.set()
    assert (await erasing).status_code == 204
    assert heard_before_forgetting == [2]


class Recorder(list[str]):
    """A list that says when something is added to it."""

    def __init__(self, added: Callable[[], object]) -> None:
        super().__init__()
        self._added = added

    def append(self, item: str) -> None:
        super().append(item)
        self._added()


@pytest.mark.parametrize("gone", ["expired", "swept away", "erased"])
async def test_session_that_has_ended_can_still_be_erased_with_its_callback_requests(
    gateway: Gateway, gone: str
) -> None:
    chat, other = await gateway.chat(), await gateway.chat()
    gateway.rasa.reply = lambda text: [smalltalk(kind="callback", callback={"name": "Ana", "phone": "212-555-0100"})]
    await chat.say("please call me")
    await other.say("me too")
    store, session_id = gateway.house.store, session_of(gateway, chat)
    assert len(store.callbacks()) == 2
    if gone == "expired":
        store.end_session(session_id)
    else:
        await gateway.house.conversations.erase(session_id, by_request=gone == "erased")
    for _ in range(2):
        assert (await chat.erase()).status_code == 204
    assert len(store.callbacks()) == 1
    assert gateway.rasa.forgotten[-1] == session_id
    assert (await other.erase()).status_code == 204
    assert store.callbacks() == []


@needs_sqlite
async def test_sessions_that_outlived_their_retention_are_swept_away(start: Start) -> None:
    gateway = await start()
    chat = await gateway.chat()
    await chat.say(MARKER)
    old = session_of(gateway, chat)
    gateway.house.store.end_session(old)
    await gateway.stop()
    assert MARKER.encode() in everything_on_disk(gateway.settings.var)
    gateway = await start(retention_hours=0.0)
    for _ in range(100):
        if gateway.rasa.forgotten:
            break
        await asyncio.sleep(0.02)
    assert gateway.rasa.forgotten == [old]
    assert MARKER.encode() not in everything_on_disk(gateway.settings.var)


async def test_retention_counts_from_the_opening_and_spares_live_sessions(start: Start) -> None:
    gateway = await start(session_hours=0.0)
    ended = session_of(gateway, await gateway.chat())
    store = gateway.house.store
    store.open_session("live" * 5, "web", timedelta(hours=1))
    assert store.expired(timedelta(hours=24)) == []
    assert store.expired(timedelta(0)) == [ended]


async def ask_what_is_filed(gateway: Gateway) -> Chat:
    gateway.rasa.reply = lambda text: [smalltalk(kind="no_answer", text="I don't know.", file_question=True)]
    chat = await gateway.chat()
    replies = await chat.say("My name is Ana, call 212-555-0100. Does kefir help?")
    assert "file_question" not in replies[0]
    return chat


async def test_question_filed_for_the_clinicians_is_de_identified_and_outlives_an_old_session(gateway: Gateway) -> None:
    chat = await ask_what_is_filed(gateway)
    store = gateway.house.store
    await gateway.house.conversations.erase(session_of(gateway, chat), by_request=False)
    assert [question for _, question in store.questions()] == ["My name is [name], call [number]. Does kefir help?"]
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("select session_id from unanswered").all() == [(None,)]


async def test_question_filed_for_the_clinicians_goes_when_the_patient_erases_the_chat(gateway: Gateway) -> None:
    chat = await ask_what_is_filed(gateway)
    await chat.erase()
    assert gateway.house.store.questions() == []
