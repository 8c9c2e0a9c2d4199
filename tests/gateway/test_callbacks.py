from __future__ import annotations

import asyncio
import json
import logging
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import REGISTRY
from sqlalchemy import select

from bot.gateway import __main__ as command
from bot.gateway import callbacks
from bot.gateway.callbacks import CallbackBox
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import CALLBACK_MARKS, CALLBACKS, Store
from knowledge.errors import SettingsError
from tests.databases import needs_sqlite
from tests.gateway.conftest import Gateway, Start
from tests.gateway.fakes import FakeRasa, answer, fake_smtp, silent_server, smalltalk
from tests.gateway.test_erase import session_of

REQUEST = {"name": "Wilhelmina Quux", "phone": "+1 312-555-0188", "best_time": "mornings", "topic": "knee exercises"}
SECRETS = [value.encode() for value in REQUEST.values()] + [b"312-555", b"5550188", b"Quux"]


def ask_for_callback(rasa: FakeRasa) -> None:
    rasa.reply = lambda text: [smalltalk(kind="callback", text="We will call you.", callback=REQUEST)]


def box(gateway: Gateway) -> CallbackBox:
    return CallbackBox(gateway.house.store, gateway.settings.var / "callback.key", gateway.settings)


def waiting(gateway: Gateway) -> list[dict[str, Any]]:
    """The requests that wait, without their numbers and times."""
    return [{k: v for k, v in found.items() if k not in ("id", "filed")} for found in box(gateway).requests()]


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(true: Callable[[], object]) -> None:
    """Wait for what happens beside the replies."""
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen within 4 seconds")


def certificate(path: Path) -> Path:
    """A certificate of 127.0.0.1 for which nobody vouches, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.clinic.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = builder.add_extension(names, critical=False).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


@asynccontextmanager
async def tls_smtp(pem: Path, *, at_once: bool) -> AsyncIterator[tuple[int, list[str]]]:
    """A mail server that speaks TLS, at once or after STARTTLS: yields its port, and the lines that it heard over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    heard: list[str] = []
    answers = {
        "EHLO": "250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN",
        "STAR": "220 go ahead",
        "AUTH": "235 come in",
        "MAIL": "250 yes",
        "RCPT": "250 yes",
        "DATA": "354 go on",
        ".": "250 taken",
        "QUIT": "221 bye",
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secret = at_once
        writer.write(b"220 fake\r\n")
        with suppress(OSError):  # the gateway does not trust the certificate, and goes
            while line := (await reader.readline()).decode():
                verb = line[:4].strip().upper()
                if secret:
                    heard.append(line.strip())
                if verb in answers:
                    writer.write(f"{answers[verb]}\r\n".encode())
                if verb == "STAR":
                    await writer.start_tls(context)
                    secret = True
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context if at_once else None)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()


def on_disk(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return b"".join(path.read_bytes() for path in files)


async def test_callback_request_is_sealed_on_disk_and_readable_with_the_key(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    replies = await (await gateway.chat()).say("please call me back")
    assert [(reply["kind"], reply["text"]) for reply in replies] == [("callback", "We will call you.")]
    assert "callback" not in set(replies[0])
    assert waiting(gateway) == [REQUEST]
    stored = on_disk(gateway.settings.var)
    for secret in SECRETS:
        assert secret not in stored, secret
    assert stat.S_IMODE((gateway.settings.var / "callback.key").stat().st_mode) == 0o600


@needs_sqlite
@pytest.mark.parametrize("end", ["sent", "dropped", "alarm"])
async def test_what_a_form_is_told_is_kept_in_the_sealed_request_alone(gateway: Gateway, end: str) -> None:
    chat = await gateway.chat()
    for said, *replies in (
        ("Wilhelmina Quux", smalltalk(kind="callback", text="What number?")),
        ("does kefir help?", answer(), smalltalk(kind="callback", text="What number?")),
        (
            REQUEST["phone"],
            smalltalk(kind="callback", text=f"Here:\n- Name: {REQUEST['name']}\n- About: knee exercises"),
        ),
    ):
        gateway.rasa.reply = lambda text, replies=replies: replies
        await chat.say(said)
    assert b"Quux" in on_disk(gateway.settings.var)
    if end == "sent":
        gateway.rasa.reply = lambda text: [smalltalk(kind="callback", text="We call.", callback=REQUEST, forget=True)]
    else:
        gateway.rasa.reply = lambda text: [smalltalk(kind="callback", text="Dropped.", forget=True)]
    await chat.say("feels like an elephant on my chest" if end == "alarm" else "yes")
    await until(lambda: b"Quux" not in on_disk(gateway.settings.var))
    stored = on_disk(gateway.settings.var)
    assert [secret for secret in SECRETS if secret in stored] == []
    assert b"does kefir help?" in stored
    assert "does kefir help?" in str(await chat.history())
    assert gateway.house.store.last_texts(session_of(gateway, chat), 3, 2) == ["does kefir help?"]


async def test_callback_request_sent_twice_is_filed_once(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    chat = await gateway.chat()
    for _ in range(3):
        await chat.say("please call me back", "same")
    assert waiting(gateway) == [REQUEST]


async def test_callback_request_is_erased_with_its_session(gateway: Gateway) -> None:
    ask_for_callback(gateway.rasa)
    chat, other = await gateway.chat(), await gateway.chat()
    await chat.say("please call me back")
    await other.say("me too")
    await chat.erase()
    assert waiting(gateway) == [REQUEST]


async def test_callback_request_waits_for_the_staff_when_its_session_grew_old(start: Start) -> None:
    gateway = await start()
    ask_for_callback(gateway.rasa)
    chat = await gateway.chat()
    await chat.say("please call me back")
    session_id = gateway.house.signatures.session_id(chat.session["token"]) or ""
    gateway.house.store.end_session(session_id)
    await gateway.stop()
    gateway = await start(retention_hours=0.0)
    await until(lambda: gateway.rasa.forgotten)
    assert gateway.rasa.forgotten == [session_id]
    assert waiting(gateway) == [REQUEST]


async def test_email_says_only_that_a_request_waits(start: Start) -> None:
    async with fake_smtp() as (port, letters):
        gateway = await start(smtp_host="127.0.0.1", smtp_port=port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        await (await gateway.chat()).say("please call me back")
        await until(lambda: letters)
    assert len(letters) == 1
    assert "Subject: A callback request waits" in letters[0]
    assert "To: staff@clinic.example" in letters[0]
    assert "From: staff@clinic.example" in letters[0]
    assert "bot.gateway callbacks" in letters[0]
    for secret in SECRETS:
        assert secret.decode() not in letters[0]


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
async def test_password_and_email_go_only_to_a_mail_server_whose_certificate_holds(
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    at_once: bool,
    trusted: bool,
) -> None:
    pem = certificate(tmp_path / "mail.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with tls_smtp(pem, at_once=at_once) as (port, heard):
        if at_once:
            monkeypatch.setattr(callbacks, "TLS_PORT", port)
        gateway = await start(
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_user="vagus",
            smtp_password="hunter2",
            smtp_to="staff@clinic.example",
        )
        ask_for_callback(gateway.rasa)
        await (await gateway.chat()).say("please call me back")
        if trusted:
            await until(lambda: "Subject: A callback request waits" in heard)
            assert any(line.startswith("AUTH PLAIN") for line in heard)
        else:
            await until(lambda: "e-mail not sent (SSLCertVerificationError)" in caplog.text)
            assert heard == []
        await gateway.stop()


async def test_telling_goes_on_after_an_error_that_nobody_thought_of(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(callbacks, "RETRY_SECONDS", 0.05)
    async with fake_smtp() as (port, letters):
        gateway = await start(smtp_host="mail..clinic.example", smtp_port=port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        await (await gateway.chat()).say("please call me back")
        await until(lambda: "callback request 1: e-mail not sent (Unicode" in caplog.text)
        with monkeypatch.context() as broken:
            broken.setattr(type(gateway.house.store), "callbacks", lambda *_arguments, **_options: 1 / 0)
            await until(lambda: "callback requests: ZeroDivisionError; the e-mails are tried again" in caplog.text)
        object.__setattr__(gateway.settings, "smtp_host", "127.0.0.1")
        await until(lambda: letters)


@pytest.mark.parametrize("trouble", ["refused", "no-server"])
async def test_mail_server_in_trouble_loses_no_request(
    start: Start, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    async with fake_smtp(refuse=True) as (port, _):
        pass_port = port if trouble == "refused" else 1
        gateway = await start(smtp_host="127.0.0.1", smtp_port=pass_port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        replies = await (await gateway.chat()).say("please call me back")
        await until(lambda: "callback request 1: e-mail not sent" in caplog.text)
    assert replies[0]["text"] == "We will call you."
    assert waiting(gateway) == [REQUEST]


async def test_reply_does_not_wait_for_a_mail_server_that_says_nothing(start: Start) -> None:
    async with silent_server() as (port, connected):
        gateway = await start(smtp_host="127.0.0.1", smtp_port=port, smtp_to="staff@clinic.example")
        ask_for_callback(gateway.rasa)
        chat = await gateway.chat()
        async with asyncio.timeout(3):  # the mail server has ten seconds
            assert (await chat.say("please call me back"))[0]["text"] == "We will call you."
            await connected.wait()
            assert (await chat.say("and one more thing"))[0]["text"] == "We will call you."
        assert measured("vagus_callbacks_untold") >= 1


async def test_email_is_sent_again_until_it_gets_through_and_then_no_more(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "RETRY_SECONDS", 0.05)
    before = {outcome: measured("vagus_callback_mails_total", outcome=outcome) for outcome in ("sent", "failed")}
    gateway = await start(smtp_host="127.0.0.1", smtp_port=1, smtp_to="staff@clinic.example")
    ask_for_callback(gateway.rasa)
    await (await gateway.chat()).say("please call me back")
    await until(lambda: measured("vagus_callback_mails_total", outcome="failed") >= before["failed"] + 2)
    assert measured("vagus_callbacks_untold") == 1
    async with fake_smtp() as (port, letters):
        object.__setattr__(gateway.settings, "smtp_port", port)  # the mail server is back
        await until(lambda: letters)
        await until(lambda: measured("vagus_callbacks_untold") == 0)
        await (await gateway.chat()).say("please call me back")
        await until(lambda: len(letters) == 2)
        # The letter is there a moment before the gateway has counted it.
        await until(lambda: measured("vagus_callback_mails_total", outcome="sent") >= before["sent"] + 2)
    assert [letter.count("Callback request 1 waits") for letter in letters] == [1, 0]
    assert measured("vagus_callback_mails_total", outcome="sent") == before["sent"] + 2


async def test_email_that_could_not_be_sent_goes_out_after_a_restart_unless_the_request_was_dealt_with(
    start: Start,
) -> None:
    gateway = await start(smtp_host="127.0.0.1", smtp_port=1, smtp_to="staff@clinic.example")
    ask_for_callback(gateway.rasa)
    for _ in range(3):
        await (await gateway.chat()).say("please call me back")
    await gateway.stop()
    gateway = await start()
    box(gateway).done(2)
    await gateway.stop()
    async with fake_smtp() as (port, letters):
        await start(smtp_host="127.0.0.1", smtp_port=port, smtp_to="staff@clinic.example")
        await until(lambda: len(letters) == 2)
    assert ["request 1 waits" in letters[0], "request 3 waits" in letters[1]] == [True, True]


async def test_callback_requests_are_deleted_after_their_time_and_the_log_tells_which_nobody_dealt_with(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start()
    ask_for_callback(gateway.rasa)
    for _ in range(2):
        await (await gateway.chat()).say("please call me back")
    box(gateway).done(1)
    await gateway.stop()
    gateway = await start(callback_days=1.0)
    await asyncio.sleep(0.2)
    assert len(waiting(gateway)) == 1
    await gateway.stop()
    gateway = await start(callback_days=0.0)
    await until(lambda: not gateway.house.store.callbacks())
    with gateway.house.store.engine.connect() as connection:
        assert connection.execute(select(CALLBACKS)).all() == []
        assert connection.execute(select(CALLBACK_MARKS)).all() == []
    assert "callback request 2 deleted with nobody having marked it done" in caplog.text
    assert "callback request 1 deleted" not in caplog.text


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
    monkeypatch.setenv("VAGUS_DATABASE", gateway.settings.database)
    assert command.main(["callbacks"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == {"id": 1, "filed": listed["filed"], **REQUEST}
    assert abs(datetime.now(UTC) - datetime.fromisoformat(listed["filed"])) < timedelta(minutes=5)
    assert command.main(["unknown"]) == 2


async def test_staff_mark_requests_as_done_on_the_command_line(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await start()
    ask_for_callback(gateway.rasa)
    for _ in range(3):
        await (await gateway.chat()).say("please call me back")
    monkeypatch.setenv("VAGUS_VAR", str(gateway.settings.var))
    monkeypatch.setenv("VAGUS_DATABASE", gateway.settings.database)
    for _ in range(2):
        assert command.main(["callbacks", "--done", "1", "3"]) == 0
    capsys.readouterr()
    assert command.main(["callbacks"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [2]
    assert command.main(["callbacks", "--done", "9"]) == 1
    assert "callbacks --done: there is no request 9. List them with `callbacks`." in capsys.readouterr().err
    for wrong in (["--done"], ["--done", "x"], ["--all"]):
        assert command.main(["callbacks", *wrong]) == 2


async def test_another_key_does_not_open_requests_and_says_so(tmp_path: Path) -> None:
    settings = GatewaySettings(var=tmp_path)
    store = Store(settings.database_url)
    try:
        await CallbackBox(store, tmp_path / "one.key", settings).file("s", REQUEST)
        with pytest.raises(SettingsError, match=r"not the key that these requests were sealed with\. Restore it\."):
            CallbackBox(store, tmp_path / "two.key", settings).requests()
        (tmp_path / "bad.key").write_bytes(b"not a key")
        with pytest.raises(SettingsError, match=r"bad\.key: not a key. Restore the file"):
            CallbackBox(store, tmp_path / "bad.key", settings)
    finally:
        store.close()
