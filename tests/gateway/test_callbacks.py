from __future__ import annotations

import asyncio
import json
import logging
import stat
from pathlib import Path

import pytest

from bot.gateway import __main__ as command
from bot.gateway.callbacks import CallbackBox
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from knowledge.errors import SettingsError
from tests.gateway.conftest import Gateway, Start
from tests.gateway.fakes import FakeRasa, fake_smtp, smalltalk

REQUEST = {"name": "Wilhelmina Quux", "phone": "+1 312-555-0188", "best_time": "mornings", "topic": "knee exercises"}
SECRETS = [value.encode() for value in REQUEST.values()] + [b"312-555", b"5550188", b"Quux"]


def ask_for_callback(rasa: FakeRasa) -> None:
    rasa.reply = lambda text: [smalltalk(kind="callback", text="We will call you.", callback=REQUEST)]


def box(gateway: Gateway) -> CallbackBox:
    return CallbackBox(gateway.house.store, gateway.settings.var / "callback.key", gateway.settings)


def on_disk(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return b"".join(path.read_bytes() for path in files)


async def test_callback_request_is_sealed_on_disk_and_readable_with_the_key(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    replies = await (await gateway.chat()).say("please call me back")
    assert [(reply["kind"], reply["text"]) for reply in replies] == [("callback", "We will call you.")]
    assert "callback" not in set(replies[0])
    assert box(gateway).requests() == [REQUEST]
    stored = on_disk(gateway.settings.var)
    for secret in SECRETS:
        assert secret not in stored, secret
    assert stat.S_IMODE((gateway.settings.var / "callback.key").stat().st_mode) == 0o600


async def test_callback_request_sent_twice_is_filed_once(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    chat = await gateway.chat()
    for _ in range(3):
        await chat.say("please call me back", "same")
    assert box(gateway).requests() == [REQUEST]


async def test_callback_request_is_erased_with_its_session(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    chat, other = await gateway.chat(), await gateway.chat()
    await chat.say("please call me back")
    await other.say("me too")
    await chat.erase()
    assert box(gateway).requests() == [REQUEST]


async def test_callback_request_waits_for_the_staff_when_its_session_grew_old(start: Start) -> None:
    gateway = await start()
    ask_for_callback(gateway.rasa)
    chat = await gateway.chat()
    await chat.say("please call me back")
    session_id = gateway.house.signatures.session_id(chat.session["token"]) or ""
    gateway.house.store.end_session(session_id)
    await gateway.stop()
    gateway = await start(retention_hours=0.0)
    for _ in range(100):
        if gateway.rasa.forgotten:
            break
        await asyncio.sleep(0.02)
    assert gateway.rasa.forgotten == [session_id]
    assert box(gateway).requests() == [REQUEST]


async def test_email_says_only_that_a_request_waits(start: Start) -> None:
    async with fake_smtp() as (port, letters):
        gateway = await start(smtp_host="127.0.0.1", smtp_port=port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        await (await gateway.chat()).say("please call me back")
    assert len(letters) == 1
    assert "Subject: A callback request waits" in letters[0]
    assert "To: staff@clinic.example" in letters[0]
    assert "From: staff@clinic.example" in letters[0]
    assert "bot.gateway callbacks" in letters[0]
    for secret in SECRETS:
        assert secret.decode() not in letters[0]


@pytest.mark.parametrize("trouble", ["refused", "no-server"])
async def test_mail_server_in_trouble_loses_no_request(
    start: Start, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    async with fake_smtp(refuse=True) as (port, _):
        pass_port = port if trouble == "refused" else 1
        gateway = await start(smtp_host="127.0.0.1", smtp_port=pass_port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        replies = await (await gateway.chat()).say("please call me back")
    assert replies[0]["text"] == "We will call you."
    assert box(gateway).requests() == [REQUEST]
    assert "callback request 1: e-mail not sent" in caplog.text


async def test_nothing_of_a_request_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask_for_callback(gateway.rasa)
    await (await gateway.chat()).say("please call me back")
    assert "callback request 1 filed" in caplog.text
    for secret in SECRETS:
        assert secret.decode() not in caplog.text


async def test_staff_read_requests_on_the_command_line(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await start()
    ask_for_callback(gateway.rasa)
    await (await gateway.chat()).say("please call me back")
    monkeypatch.setenv("VAGUS_VAR", str(gateway.settings.var))
    assert command.main(["callbacks"]) == 0
    assert json.loads(capsys.readouterr().out) == REQUEST
    assert command.main(["unknown"]) == 2


def test_another_key_does_not_open_requests_and_says_so(tmp_path: Path) -> None:
    settings = GatewaySettings(var=tmp_path)
    store = Store(settings.database_url)
    try:
        CallbackBox(store, tmp_path / "one.key", settings).file("s", REQUEST)
        with pytest.raises(SettingsError, match=r"not the key that these requests were sealed with\. Restore it\."):
            CallbackBox(store, tmp_path / "two.key", settings).requests()
        (tmp_path / "bad.key").write_bytes(b"not a key")
        with pytest.raises(SettingsError, match=r"bad\.key: not a key. Restore the file"):
            CallbackBox(store, tmp_path / "bad.key", settings)
    finally:
        store.close()
