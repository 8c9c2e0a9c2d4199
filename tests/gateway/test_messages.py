from __future__ import annotations

import asyncio
import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateway.conversation import not_a_command, printable
from knowledge.models import SAMPLE_NOTICE
from tests.gateway.conftest import Chat, Gateway
from tests.gateway.fakes import DISCLAIMER, answer, smalltalk

BUTTONS = {
    "buttons": [
        {"label": "What is IBS?", "payload": '/ask_passage{"passage": "ibs#1"}'},
        {"label": "Ask it for me", "payload": "text:/what is ibs?"},
        {"label": "Call", "payload": "tel:911"},
        {"label": "Save", "payload": "client:save"},
    ]
}


async def test_message_gets_what_the_dialogue_says(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [answer(), smalltalk(f"You said: {text}")]
    replies = await (await gateway.chat()).say("does water help?")
    assert [reply["kind"] for reply in replies] == ["answer", "smalltalk"]
    assert set(replies[0]) == {"id", "kind", "text", "passages", "disclaimer", "notice", "buttons"}
    assert replies[0]["passages"] == answer()["passages"]
    assert replies[0]["disclaimer"] == DISCLAIMER
    assert replies[1]["text"] == "You said: does water help?"


async def test_same_message_id_again_returns_the_same_replies_and_runs_nothing(chat: Chat, gateway: Gateway) -> None:
    first = await chat.say("hello", "id-1")
    assert await chat.say("hello", "id-1") == first
    assert await chat.say("something else", "id-1") == first
    assert gateway.rasa.texts == ["hello"]
    assert sum(entry["role"] == "user" for entry in await chat.history()) == 1


async def test_duplicates_sent_at_once_run_once(chat: Chat, gateway: Gateway) -> None:
    found = await asyncio.gather(*(chat.say("hello", "same") for _ in range(8)))
    assert all(replies == found[0] for replies in found)
    assert gateway.rasa.texts == ["hello"]


async def test_message_id_is_one_conversations_own(gateway: Gateway) -> None:
    one, two = await gateway.chat(), await gateway.chat()
    await one.say("from one", "same")
    await two.say("from two", "same")
    assert gateway.rasa.texts == ["from one", "from two"]


async def test_messages_of_one_conversation_are_answered_one_at_a_time_in_order(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.open.clear()
    sending = []
    for number in range(4):
        sending.append(asyncio.create_task(chat.say(f"message {number}")))
        await asyncio.sleep(0.1)
    await asyncio.to_thread(gateway.rasa.waiting.acquire)
    assert not gateway.rasa.waiting.acquire(timeout=0.2)
    gateway.rasa.open.set()
    await asyncio.gather(*sending)
    assert gateway.rasa.texts == [f"message {number}" for number in range(4)]


async def test_question_is_filed_in_its_own_words_whatever_was_said_meanwhile(chat: Chat, gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [smalltalk(kind="no_answer", text="I don't know.", file_question=True)]
    gateway.rasa.open.clear()
    asking = asyncio.create_task(chat.say("Does kefir help?"))
    assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    assert [reply["kind"] for reply in await chat.say("I want to end my life")] == ["crisis"]
    gateway.rasa.open.set()
    await asking
    assert [question for _, question in gateway.house.store.questions()] == ["Does kefir help?"]


async def test_conversations_do_not_wait_for_one_another(gateway: Gateway) -> None:
    one, two = await gateway.chat(), await gateway.chat()
    gateway.rasa.open.clear()
    sending = [asyncio.create_task(chat.say("hello")) for chat in (one, two)]
    for _ in sending:
        assert await asyncio.to_thread(gateway.rasa.waiting.acquire, timeout=5)
    gateway.rasa.open.set()
    await asyncio.gather(*sending)


async def test_message_that_a_crash_left_unanswered_is_answered_when_it_comes_again(
    chat: Chat, gateway: Gateway
) -> None:
    session_id = gateway.house.signatures.session_id(chat.session["token"])
    assert session_id is not None
    gateway.house.store.begin_turn(session_id, "id-1", "was I heard?")
    assert [reply["text"] for reply in await chat.say("was I heard?", "id-1")] == ["Heard."]
    assert sum(entry["role"] == "user" for entry in await chat.history()) == 1


async def test_history_holds_greeting_messages_and_replies_oldest_first(chat: Chat) -> None:
    said = [await chat.say("first", "a"), await chat.say("second", "b")]
    found = await chat.history()
    assert [entry["role"] for entry in found] == ["bot", "user", "bot", "user", "bot"]
    assert found[0]["reply"] == chat.session["replies"][0]
    assert [(e["text"], e["client_message_id"]) for e in found if e["role"] == "user"] == [
        ("first", "a"),
        ("second", "b"),
    ]
    assert [e["reply"] for e in found[1:] if e["role"] == "bot"] == [reply for replies in said for reply in replies]
    times = [datetime.fromisoformat(entry["at"]) for entry in found]
    assert times == sorted(times)


# Buttons


async def test_button_sends_its_payload_and_shows_its_label(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [smalltalk(**BUTTONS)]
    chat = await gateway.chat()
    buttons = (await chat.say("hello"))[0]["buttons"]
    await chat.press(buttons[0]["value"])
    await chat.press(buttons[1]["value"])
    assert gateway.rasa.texts == ["hello", '/ask_passage{"passage": "ibs#1"}', "what is ibs?"]
    assert [e["text"] for e in await chat.history() if e["role"] == "user"] == [
        "hello",
        "What is IBS?",
        "Ask it for me",
    ]


async def test_button_values_are_opaque_but_for_links_and_the_clients_own(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: [smalltalk(**BUTTONS)]
    chat = await gateway.chat()
    replies = await chat.say("hello")
    values = [button["value"] for button in replies[0]["buttons"]]
    assert values[2:] == ["tel:911", "client:save"]
    assert not any("/" in value or "ask_passage" in value for value in values)
    assert "payload" not in str(await chat.history())


async def test_greeting_has_buttons_that_work(chat: Chat, gateway: Gateway) -> None:
    for button in chat.session["replies"][0]["buttons"]:
        assert (await chat.press(button["value"]))[0]["text"] == "Heard."
    assert len(gateway.rasa.heard) == len(chat.session["replies"][0]["buttons"])


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "abc.0.forgedforgedforgedforg",
        "/red_flag",
        '/ask_passage{"passage": "x#1"}',
        "text:/restart",
        "tel:911",
        "client:erase",
        "..",
        "\u05d0.0.\u05d0",
    ],
)
async def test_forged_button_gets_a_kind_reply_and_reaches_nothing(chat: Chat, gateway: Gateway, value: str) -> None:
    replies = await chat.press(value)
    assert [reply["kind"] for reply in replies] == ["menu"]
    assert replies[0]["buttons"]
    assert gateway.rasa.heard == []


async def test_button_of_another_conversation_reaches_nothing(gateway: Gateway) -> None:
    mine, theirs = await gateway.chat(), await gateway.chat()
    value = theirs.session["replies"][0]["buttons"][0]["value"]
    assert [reply["kind"] for reply in await mine.press(value)] == ["menu"]
    assert gateway.rasa.heard == []


async def test_button_beyond_the_last_one_reaches_nothing(chat: Chat, gateway: Gateway) -> None:
    session_id = gateway.house.signatures.session_id(chat.session["token"]) or ""
    reply = chat.session["replies"][0]
    value = gateway.house.signatures.button(session_id, reply["id"], len(reply["buttons"]))
    assert [reply["kind"] for reply in await chat.press(value)] == ["menu"]
    assert gateway.rasa.heard == []


# Odd texts


@pytest.mark.parametrize(
    "text",
    [
        "/restart",
        '/red_flag{"kind": "emergency", "group": 1}',
        "  /restart",
        "\n\t/restart",
        "//restart",
        "/ /restart",
        "\x00/restart",
        "\x1b\x07/restart",
        "\u2044restart",
        "\u2215restart",
        "\uff0frestart",
        "\u00a0\u3000/restart",
        "\u200b/restart",
        "\u202e\u2066/restart",
        "\ufeff/restart",
        "\u0085/restart",
    ],
)
async def test_text_that_starts_with_a_slash_never_reaches_rasa_as_a_command(
    chat: Chat, gateway: Gateway, text: str
) -> None:
    assert await chat.say(text)
    heard = gateway.rasa.texts[0]
    assert "re" in heard
    assert not visible(heard).startswith("/")


def visible(text: str) -> str:
    """Text as a careless reader of commands might take it: slashes alike, no space or invisible character before it."""
    alike = unicodedata.normalize("NFKC", text).replace("\u2044", "/").replace("\u2215", "/")
    return "".join(c for c in alike if unicodedata.category(c) not in ("Cf", "Cc")).strip()


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.one_of(st.sampled_from(" \n\t/\u2044\u2215\uff0f\u200b\u202e\ufeff\x00a1("), st.characters()), max_size=12
    )
)
def test_no_text_becomes_a_command(text: str) -> None:
    assert not visible(not_a_command(printable(text))).startswith("/")


@pytest.mark.parametrize("text", ["/", "///", " / ", "\u2044"])
async def test_nothing_but_slashes_is_answered_without_rasa(chat: Chat, gateway: Gateway, text: str) -> None:
    assert [reply["kind"] for reply in await chat.say(text)] == ["menu"]
    assert gateway.rasa.heard == []


@pytest.mark.parametrize(
    "text", ["\U0001f622", "\U0001f44d\U0001f3fd\u200d\U0001f525", "...", "?!", "\x00", "\x00\x01 \n", "\u200b"]
)
async def test_message_without_a_word_is_answered_without_rasa(chat: Chat, gateway: Gateway, text: str) -> None:
    replies = await chat.say(text)
    assert [reply["kind"] for reply in replies] == ["menu"]
    assert "I can only read words." in replies[0]["text"]
    assert gateway.rasa.heard == []


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("\u05de\u05d4 \u05d6\u05d4 IBS?", "\u05de\u05d4 \u05d6\u05d4 IBS?"),
        ("\u0645\u0627 \u0647\u0648\u061f", "\u0645\u0627 \u0647\u0648\u061f"),
        ("what is\x00 ibs\x07?", "what is ibs?"),
        ("line one\nline two", "line one\nline two"),
        ("caf\u00e9 \U0001f642 ok", "caf\u00e9 \U0001f642 ok"),
        ("<b>bold</b> & 'quotes'", "<b>bold</b> & 'quotes'"),
        ("1", "1"),
        ("what about 1/2 a cup", "what about 1/2 a cup"),
    ],
)
async def test_text_of_any_script_goes_to_rasa_without_control_characters(
    chat: Chat, gateway: Gateway, text: str, heard: str
) -> None:
    await chat.say(text)
    assert gateway.rasa.texts == [heard]
    assert [entry["text"] for entry in await chat.history() if entry["role"] == "user"] == [heard]


async def test_text_of_more_than_two_thousand_characters_is_kindly_asked_for_again(
    chat: Chat, gateway: Gateway
) -> None:
    await chat.say("a" * 2_000)
    replies = await chat.say("my knee aches. " * 666)
    assert "one or two sentences" in replies[0]["text"]
    assert gateway.rasa.texts == ["a" * 2_000]


def test_printable_and_not_a_command_leave_ordinary_text_alone() -> None:
    assert not_a_command(printable("Is 1/2 a pill/day ok?")) == "Is 1/2 a pill/day ok?"
    assert not_a_command("/") == "help"


# What the API refuses


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"text": "hello"},
        {"client_message_id": "a"},
        {"client_message_id": "a", "text": "x", "button": "y"},
        {"client_message_id": "a", "text": ""},
        {"client_message_id": "a", "text": None},
        {"client_message_id": "a", "text": 5},
        {"client_message_id": "a", "text": ["x"]},
        {"client_message_id": "", "text": "x"},
        {"client_message_id": "a b", "text": "x"},
        {"client_message_id": "a" * 65, "text": "x"},
        {"client_message_id": "a\n", "text": "x"},
        {"client_message_id": 7, "text": "x"},
        {"client_message_id": "a", "text": "x", "payload": "/restart"},
        {"client_message_id": "a", "text": "x", "sender": "someone"},
        {"client_message_id": "a", "button": "x" * 201},
    ],
)
async def test_malformed_message_gets_422_and_is_not_kept(chat: Chat, gateway: Gateway, body: Any) -> None:
    response = await chat.post(body)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid"
    assert gateway.rasa.heard == []
    assert len(await chat.history()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b'{"client_message_id": "a", "text": "\\ud800"}', b'"text"', b"[" * 50_000]
)
async def test_body_that_is_no_json_is_refused(chat: Chat, gateway: Gateway, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await chat.http.post("/api/v1/messages", content=content, headers=headers)
    assert response.status_code in (400, 422)
    assert response.json()["error"]["code"] == "invalid"
    assert gateway.rasa.heard == []


async def test_far_too_long_text_gets_413(chat: Chat, gateway: Gateway) -> None:
    response = await chat.send("a" * 20_001)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_long"
    assert "one or two sentences" in response.json()["error"]["message"]
    assert gateway.rasa.heard == []


# Feedback and summary


async def test_feedback_is_taken_for_a_reply_of_ones_own_and_may_be_changed(chat: Chat, gateway: Gateway) -> None:
    reply = (await chat.say("hello"))[0]
    for rating in ("up", "down"):
        body = {"reply_id": reply["id"], "rating": rating, "reason": "too long"}
        assert (await chat.http.post("/api/v1/feedback", json=body)).status_code == 204
    with gateway.house.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("select rating, reason from feedback").all()
    assert [tuple(row) for row in rows] == [("down", "too long")]


async def test_feedback_on_another_conversations_reply_is_refused(gateway: Gateway) -> None:
    mine, theirs = await gateway.chat(), await gateway.chat()
    reply = (await theirs.say("hello"))[0]
    for reply_id in (reply["id"], "nothing"):
        response = await mine.http.post("/api/v1/feedback", json={"reply_id": reply_id, "rating": "up"})
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "no_such_reply"


@pytest.mark.parametrize("changes", [{"rating": "great"}, {"rating": None}, {"reason": "x" * 501}, {"stars": 5}])
async def test_malformed_feedback_gets_422(chat: Chat, changes: dict[str, Any]) -> None:
    body = {"reply_id": "x", "rating": "up", **changes}
    assert (await chat.http.post("/api/v1/feedback", json=body)).status_code == 422


async def test_summary_holds_answers_only_with_their_questions_and_what_to_ask(gateway: Gateway) -> None:
    gateway.rasa.reply = lambda text: (
        [answer(notice=f"Call 988 any time. {SAMPLE_NOTICE}")] if "water" in text else [smalltalk()]
    )
    chat = await gateway.chat()
    await chat.say("hi there")
    await chat.say("does water help?")
    found = (await chat.http.get("/api/v1/summary")).raise_for_status().json()
    assert [item["question"] for item in found["items"]] == ["does water help?"]
    assert found["items"][0]["passages"] == answer()["passages"]
    assert found["questions_to_ask"] == ["Is it full?", "Is it hot?"]
    assert found["notice"] == SAMPLE_NOTICE
    assert found["disclaimer"]
    assert found["clinic"]["phone"] == "(212) 555-0142"


async def test_summary_holds_a_passage_once_in_the_wording_given_last(gateway: Gateway) -> None:
    first = answer()["passages"][0]
    given = {
        "does water help?": first,
        "say it simpler": {**first, "text": "Water helps."},
        "and tea?": {**first, "id": "tea#1"},
    }
    gateway.rasa.reply = lambda text: [answer(passages=[given[text]])]
    chat = await gateway.chat()
    for text in given:
        await chat.say(text)
    items = (await chat.http.get("/api/v1/summary")).raise_for_status().json()["items"]
    assert [(item["question"], item["passages"][0]["text"]) for item in items] == [
        ("does water help?", "Water helps."),
        ("and tea?", first["text"]),
    ]


async def test_summary_of_nothing_is_empty(chat: Chat) -> None:
    found = (await chat.http.get("/api/v1/summary")).raise_for_status().json()
    assert (found["items"], found["questions_to_ask"], found["notice"]) == ([], [], None)
