from __future__ import annotations

import base64
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.gateway.security import Signatures, load_secret
from knowledge.errors import SettingsError
from tests.gateway.conftest import Chat, Gateway, Start

GUARDED = [
    ("POST", "/api/v1/messages", {"client_message_id": "a", "text": "hello"}),
    ("GET", "/api/v1/messages", None),
    ("POST", "/api/v1/feedback", {"reply_id": "a", "rating": "up"}),
    ("GET", "/api/v1/summary", None),
    ("DELETE", "/api/v1/session", None),
]
OF_A_SESSION = [call for call in GUARDED if call[0] != "DELETE"]
"""What wants a session that is there; erasing wants a token of ours alone."""


async def test_session_opens_with_a_token_the_clinic_and_a_greeting(gateway: Gateway) -> None:
    http = await gateway.client()
    response = await http.post("/api/v1/sessions")
    assert response.status_code == 201
    session = response.json()
    assert set(session) == {"token", "expires_at", "clinic", "replies"}
    assert session["clinic"]["phone"] == "(212) 555-0142"
    assert session["clinic"]["phone_uri"] == "tel:+12125550142"
    assert session["clinic"]["emergency"] == {"emergency": "911", "crisis": "988", "poison": "1-800-222-1222"}
    assert [reply["kind"] for reply in session["replies"]] == ["menu"]
    expires = datetime.fromisoformat(session["expires_at"])
    assert timedelta(hours=11.9) < expires - datetime.now(UTC) < timedelta(hours=12.1)


async def test_clinic_needs_no_session_and_says_when_it_opens(gateway: Gateway) -> None:
    clinic = (await (await gateway.client()).get("/api/v1/clinic")).raise_for_status().json()
    assert clinic["open_now"] is (clinic["opens_at"] is None)
    assert re.match(r"(Open now until|Closed now\. Opens) ", clinic["hours_text"])


async def test_tokens_are_minted_by_the_server_from_128_random_bits(gateway: Gateway) -> None:
    http = await gateway.client()
    tokens = {
        (await http.post("/api/v1/sessions", json={"token": "mine", "session_id": "mine"})).json()["token"]
        for _ in range(5)
    }
    assert len(tokens) == 5
    for token in tokens:
        session_id = gateway.house.signatures.session_id(token)
        assert session_id is not None
        assert len(base64.urlsafe_b64decode(session_id + "==")) == 16


@pytest.mark.parametrize(("method", "path", "body"), GUARDED, ids=[f"{m} {p}" for m, p, _ in GUARDED])
async def test_call_without_a_good_token_gets_401(
    gateway: Gateway, method: str, path: str, body: dict[str, str] | None
) -> None:
    chat = await gateway.chat()
    token = chat.session["token"]
    session_id, _, signature = token.partition(".")
    other_house = Signatures(b"another secret of more than 32 bytes").new_session()[1]
    forged = [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {token}",
        f"Bearer {session_id}",
        f"Bearer {session_id}.{signature[:-2]}",
        f"Bearer {'A' * 22}.{signature}",
        f"Bearer {token}x",
        f"Bearer {other_house}",
        f"Bearer {gateway.house.signatures.button(session_id, 'a', 0)}",
        "Bearer \u00e9\u00e9".encode("latin-1").decode("latin-1"),
    ]
    for value in forged:
        headers = {"Authorization": value.encode("latin-1")}
        response = await chat.http.request(method, path, json=body, headers=headers)
        assert response.status_code == 401, value
        assert response.json()["error"]["code"] == "session_expired"
    assert gateway.rasa.heard == []


@pytest.mark.parametrize(("method", "path", "body"), OF_A_SESSION, ids=[f"{m} {p}" for m, p, _ in OF_A_SESSION])
async def test_session_that_was_never_opened_gets_401(
    gateway: Gateway, method: str, path: str, body: dict[str, str] | None
) -> None:
    http = await gateway.client(authorization=f"Bearer {gateway.house.signatures.new_session()[1]}")
    assert (await http.request(method, path, json=body)).status_code == 401


@pytest.mark.parametrize(("method", "path", "body"), OF_A_SESSION, ids=[f"{m} {p}" for m, p, _ in OF_A_SESSION])
async def test_expired_session_gets_401(start: Start, method: str, path: str, body: dict[str, str] | None) -> None:
    gateway = await start(session_hours=0.0)
    chat = await gateway.chat()
    response = await chat.http.request(method, path, json=body)
    assert response.status_code == 401
    assert response.json()["error"] == {
        "code": "session_expired",
        "message": "This conversation has ended. Open a new one.",
    }


@pytest.mark.parametrize(("method", "path", "body"), OF_A_SESSION, ids=[f"{m} {p}" for m, p, _ in OF_A_SESSION])
async def test_erased_session_gets_401(chat: Chat, method: str, path: str, body: dict[str, str] | None) -> None:
    assert (await chat.erase()).status_code == 204
    assert (await chat.http.request(method, path, json=body)).status_code == 401


async def test_scheme_of_the_token_may_be_written_in_any_case(chat: Chat) -> None:
    chat.http.headers["Authorization"] = f"bearer  {chat.session['token']} "
    assert (await chat.http.get("/api/v1/messages")).status_code == 200


async def test_sessions_do_not_see_one_another(gateway: Gateway) -> None:
    first, second = await gateway.chat(), await gateway.chat()
    await first.say("mine alone")
    assert "mine alone" not in str(await second.history())
    senders = {sender for sender, _ in gateway.rasa.heard}
    await second.say("hello")
    assert len({sender for sender, _ in gateway.rasa.heard} - senders) == 1


async def test_session_outlives_a_restart(start: Start) -> None:
    gateway = await start()
    chat = await gateway.chat()
    await chat.say("still here?")
    token = chat.session["token"]
    await gateway.stop()
    again = await (await start()).client(authorization=f"Bearer {token}")
    assert "still here?" in (await again.get("/api/v1/messages")).text


# Secrets


def test_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    secret = load_secret(path)
    assert len(secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_secret(path) == secret


@pytest.mark.parametrize("content", [b"", b"short", b" " * 64])
def test_secret_that_is_too_short_is_refused_with_the_fix(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"secret\.key: shorter than 32 bytes. Delete it"):
        load_secret(path)


def test_token_of_one_secret_is_nothing_to_another() -> None:
    one, two = Signatures(b"1" * 32), Signatures(b"2" * 32)
    session_id, token = one.new_session()
    assert one.session_id(token) == session_id
    assert two.session_id(token) is None


def test_button_works_in_its_own_session_only() -> None:
    signatures = Signatures(b"1" * 32)
    value = signatures.button("session-a", "reply", 2)
    assert signatures.button_of("session-a", value) == ("reply", 2)
    assert signatures.button_of("session-b", value) is None
    assert Signatures(b"2" * 32).button_of("session-a", value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "reply",
        "reply.2",
        "reply.2.",
        "reply.x.sig",
        "reply.-1.sig",
        "reply.\u0662.sig",
        "reply.99999.sig",
    ],
)
def test_value_that_is_no_button_names_nothing(value: str) -> None:
    assert Signatures(b"1" * 32).button_of("session-a", value) is None


def test_button_value_fits_a_telegram_keyboard() -> None:
    assert len(Signatures(b"1" * 32).button("x" * 22, "x" * 16, 99).encode()) <= 64


def test_keyed_id_is_stable_and_tells_nothing_without_the_secret() -> None:
    one, two = Signatures(b"1" * 32), Signatures(b"2" * 32)
    assert one.keyed_id("telegram:42") == one.keyed_id("telegram:42")
    assert one.keyed_id("telegram:42") != one.keyed_id("telegram:43")
    assert one.keyed_id("telegram:42") != two.keyed_id("telegram:42")
    assert one.keyed_id("telegram:42") != "42"
    assert len(one.keyed_id("telegram:42")) == 22
