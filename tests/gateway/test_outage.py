"""When Rasa or what is behind it does not give a proper reply, the patient gets a phone number and the hours."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.gateway import house, words
from bot.gateway.replies import Reply, reply_from_message
from knowledge.clinic import load_clinic
from knowledge.settings import ROOT
from tests.gateway.conftest import Chat, Gateway, Start
from tests.gateway.fakes import Json, answer, smalltalk


def assert_outage(replies: list[Json]) -> None:
    assert [reply["kind"] for reply in replies] == ["outage"]
    text = replies[0]["text"]
    assert "Sample Pain Clinic at (212) 555-0142" in text
    assert "Open now until" in text or "Closed now. Opens" in text
    assert "If this is an emergency, call 911 now." in text
    assert [button["value"] for button in replies[0]["buttons"]] == ["tel:+12125550142", "tel:911"]


def body(*messages: Any) -> bytes:
    return json.dumps({"messages": list(messages)}).encode()


MALFORMED: dict[str, bytes] = {
    "no-messages": body(),
    "bare-list": b"[]",
    "null": b"null",
    "number": b"7",
    "no-key": b"{}",
    "messages-null": b'{"messages": null}',
    "messages-object": b'{"messages": {"text": "hello"}}',
    "messages-of-text": body("hello"),
    "cut": b'{"messages": [{"kind": "small',
    "empty": b"",
    "html": b"<html>502</html>",
    "not-utf8": b'{"messages": [{"text": "\xff\xfe"}]}',
    "bare-text": body({"text": "hello", "recipient_id": "x"}),
    "other-schema": body(smalltalk(schema=2)),
    "unknown-kind": body(smalltalk(kind="advert")),
    "empty-text": body(smalltalk(text="")),
    "answer-without-passages": body(answer(passages=[])),
    "answer-without-disclaimer": body(answer(disclaimer=None)),
    "answer-with-empty-disclaimer": body(answer(disclaimer="")),
    "answer-with-blank-disclaimer": body(answer(disclaimer=" \n")),
    "passages-without-disclaimer": body(answer(kind="redirect", text="See:", disclaimer=None)),
    "passage-without-source": body(answer(passages=[{**answer()["passages"][0], "source": None}])),
    "passage-cut-short": body(answer(passages=[{"id": "a#1", "text": "Text."}])),
    "one-good-one-bad": body(smalltalk(), answer(disclaimer=None)),
    "button-without-payload": body(smalltalk(buttons=[{"label": "x"}])),
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_improper_reply_is_an_outage(gateway: Gateway, kind: str) -> None:
    gateway.rasa.raw = MALFORMED[kind]
    assert_outage(await (await gateway.chat()).say("what is leaky gut?"))


@pytest.mark.parametrize("status", [500, 502, 503, 404, 429, 302])
async def test_error_status_is_an_outage(gateway: Gateway, status: int) -> None:
    gateway.rasa.status = status
    assert_outage(await (await gateway.chat()).say("what is leaky gut?"))


async def test_refused_connection_is_an_outage(gateway: Gateway) -> None:
    chat = await gateway.chat()
    gateway.rasa.close()
    assert_outage(await chat.say("what is leaky gut?"))


async def test_silence_is_an_outage_after_the_set_time(start: Start) -> None:
    gateway = await start(rasa_timeout=0.2)
    chat = await gateway.chat()
    gateway.rasa.open.clear()
    began = asyncio.get_running_loop().time()
    assert_outage(await chat.say("what is leaky gut?"))
    assert asyncio.get_running_loop().time() - began < 3


async def test_pressed_button_gets_the_outage_reply_too(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.status = 500
    assert_outage(await chat.press(chat.session["replies"][0]["buttons"][0]["value"]))


async def test_session_opens_and_history_reads_while_rasa_is_down(gateway: Gateway) -> None:
    gateway.rasa.close()
    chat = await gateway.chat()
    assert_outage(await chat.say("hello"))
    assert [entry["role"] for entry in await chat.history()] == ["bot", "user", "bot"]


async def test_conversation_goes_on_when_rasa_is_back(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.status = 503
    assert_outage(await chat.say("hello"))
    gateway.rasa.status = 200
    assert [reply["text"] for reply in await chat.say("hello again")] == ["Heard."]


async def test_readiness_names_the_part_that_is_down(gateway: Gateway) -> None:
    http = await gateway.client()
    ready = await http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "parts": {"storage": True, "safety": True, "dialogue": True, "answers": True},
        "safety_classifier": False,
    }
    gateway.rasa.close()
    down = await http.get("/readyz")
    assert down.status_code == 503
    assert down.json()["parts"] == {"storage": True, "safety": True, "dialogue": False, "answers": False}
    assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        ("2030-05-06T14:00+00:00", "Open now until 4:30 PM."),
        ("2030-05-10T20:00+00:00", "Closed now. Opens Monday at 7:30 AM."),
        ("2030-07-03T23:00+00:00", "Closed now. Opens Friday at 7:30 AM."),
    ],
)
def test_outage_tells_the_hours_of_that_moment(moment: str, hours: str) -> None:
    clinic = load_clinic(ROOT / "bot" / "clinic.yml")
    reply = words.outage(clinic, datetime.fromisoformat(moment).astimezone(UTC))
    assert f"(212) 555-0142. {hours}" in reply.text


def test_greeting_claims_no_clinician_in_demo_mode() -> None:
    clinic = load_clinic(ROOT / "bot" / "clinic.yml")
    assert "sample reading, not yet checked by a clinician" in words.greeting(clinic).text
    live = words.greeting(clinic.model_copy(update={"content_mode": "live"})).text
    assert "clinician-checked reading" in live
    assert "sample" not in live.replace("Sample Pain Clinic", "")


@pytest.mark.parametrize("make", [words.too_long, words.unreadable, words.stale_button])
def test_gateways_own_replies_are_no_dead_ends(make: Any) -> None:
    reply = make()
    assert reply.text
    assert reply.buttons


def test_notice_comes_first_and_keeps_the_one_there_was() -> None:
    reply = reply_from_message(answer(notice="Sample content."))
    assert reply.with_notice("Check first.").notice == "Check first.\nSample content."
    assert Reply(kind="menu", text="x").with_notice("Check first.").notice == "Check first."


def test_reply_gets_an_id_of_its_own_whatever_the_dialogue_says() -> None:
    first, second = (reply_from_message(smalltalk(id="chosen")) for _ in range(2))
    assert len({first.id, second.id, "chosen"}) == 3


async def test_readiness_is_asked_over_connections_that_are_there(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = await gateway.client()

    def opened(*arguments: Any, **options: Any) -> None:
        pytest.fail("a client was opened for one question")

    monkeypatch.setattr(house.httpx, "AsyncClient", opened)
    for _ in range(2):
        assert (await http.get("/readyz")).status_code == 200
