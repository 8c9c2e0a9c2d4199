"""What patients write stays out of logs and error messages."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.exc import SQLAlchemyError

from bot.gateway.store import Store
from tests.gateway.conftest import Chat, Gateway, Start
from tests.gateway.fakes import answer, smalltalk

MARKER = "xylophonist"


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def talk(chat: Chat) -> None:
    """Everything a patient can do, each time with a word that must not be logged."""
    reply = (await chat.say(f"my {MARKER} hurts"))[0]
    await chat.say(f"/{MARKER}")
    await chat.say(f"{MARKER} " * 300)
    await chat.say(f"{MARKER}: feels like an elephant on my chest")
    await chat.say(f"{MARKER}: chest discomfort sometimes")
    await chat.send(f"{MARKER} " * 3000)
    await chat.press(f"{MARKER}.0.{MARKER}")
    await chat.post({"client_message_id": "a", "text": MARKER, "extra": MARKER})
    await chat.post({"client_message_id": f"{MARKER} !", "text": MARKER})
    await chat.http.post("/api/v1/messages", content=f'{{"text": "{MARKER}')
    rating = {"reply_id": reply["id"], "rating": "down", "reason": f"no word of {MARKER}"}
    await chat.http.post("/api/v1/feedback", json=rating)
    await chat.http.post("/api/v1/feedback", json={**rating, "rating": MARKER})
    await chat.history()
    await chat.http.get("/api/v1/summary")


async def test_no_word_of_a_conversation_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.rasa.reply = lambda text: [answer(), smalltalk(f"You said: {text}", file_question=True)]
    chat = await gateway.chat()
    await talk(chat)
    await chat.erase()
    assert "reply kind=answer passages=kettles#1" in caplog.text
    assert "red flag kind=emergency level=alarm group=1" in caplog.text
    assert MARKER not in caplog.text
    assert chat.session["token"] not in caplog.text


@pytest.mark.parametrize("raw", [b"nonsense xylophonist", b'{"messages": [{"kind": "xylophonist"}]}', b"[]"])
async def test_no_word_of_a_conversation_is_logged_during_an_outage(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    gateway.rasa.raw = raw
    await talk(await gateway.chat())
    assert "dialogue outage: " in caplog.text
    assert MARKER not in caplog.text


async def test_failing_storage_logs_no_word_and_gives_the_patient_a_number(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await gateway.chat(strict=False)
    with gateway.house.store.engine.begin() as connection:
        connection.exec_driver_sql("alter table turns rename to broken")
    response = await chat.send(f"my {MARKER} hurts")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "failed"
    assert "(212) 555-0142" in response.json()["error"]["message"]
    assert "911" in response.json()["error"]["message"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert MARKER not in response.text
    assert "request to /api/v1/messages failed" in caplog.text
    assert MARKER not in caplog.text


async def test_error_that_reaches_the_web_server_holds_no_word(gateway: Gateway) -> None:
    chat = await gateway.chat()
    with gateway.house.store.engine.begin() as connection:
        connection.exec_driver_sql("alter table turns rename to broken")
    with pytest.raises(SQLAlchemyError) as caught:  # what the server would log with its traceback
        await chat.send(f"my {MARKER} hurts")
    error: BaseException | None = caught.value
    while error is not None:
        assert MARKER not in str(error)
        error = error.__cause__ or error.__context__


def test_database_errors_hide_their_parameters() -> None:
    store = Store("sqlite:///:memory:")
    try:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("drop table unanswered")
        with pytest.raises(SQLAlchemyError) as caught:
            store.file_question("someone", MARKER)
        assert MARKER not in str(caught.value)
    finally:
        store.close()


async def test_settings_do_not_print_their_secrets(start: Start) -> None:
    gateway = await start(smtp_password="hunter2", telegram_api="http://127.0.0.1:9/bot")
    assert "hunter2" not in repr(gateway.settings)
