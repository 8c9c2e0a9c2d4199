"""`make chat`, talking to a gateway on a real port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import uvicorn

from bot import terminal
from bot.gateway.app import create_app
from bot.gateway.settings import GatewaySettings
from tests.gateway.fakes import FakeRasa, answer, smalltalk


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def address(tmp_path: Path, rasa: FakeRasa) -> Iterator[str]:
    port = free_port()
    settings = GatewaySettings(
        var=tmp_path / "var",
        encoder=tmp_path,
        rasa_url=rasa.url,
        action_url=rasa.url,
        metrics_port=0,
        messages_per_minute=3,
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def type_lines(monkeypatch: pytest.MonkeyPatch, lines: Iterable[str]) -> None:
    typed = iter(lines)

    def prompt(shown: str = "") -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", prompt)


def test_terminal_shows_answers_whole_and_presses_buttons_by_number(
    address: str, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    buttons = [{"label": "Call", "payload": "tel:911"}, {"label": "More", "payload": "/tell_more"}]
    rasa.reply = lambda text: [answer(notice="Sample content.", buttons=buttons)] if "water" in text else [smalltalk()]
    type_lines(monkeypatch, ["does water help?", "1", "7"])
    assert terminal.main(address) == 0
    said = capsys.readouterr().out
    assert "I'm a computer program" in said
    positions = [
        said.index(words)
        for words in (
            "Sample content.",
            "Does water help?",
            "Yes. Fill it.",
            "Source: A made-up handbook (2029) https://example.net/book",
            "Reviewed: Robin Example, NP, 2030-05-06",
            "This is general education, not medical advice.",
            "  Call",
            "  [1] More",
        )
    ]
    assert positions == sorted(positions)
    assert rasa.texts == ["does water help?", "/tell_more", "7"]


def test_terminal_prints_a_refusal_and_goes_on(
    address: str, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_lines(monkeypatch, ["what is fiber", "is rye bread ok", "do naps help", "thanks"])
    assert terminal.main(address) == 0
    assert "That was a lot at once." in capsys.readouterr().out
    assert rasa.texts == ["what is fiber", "is rye bread ok", "do naps help"]


def test_terminal_finds_the_gateway_at_the_port_of_the_settings(
    address: str, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAGUS_PORT", address.rsplit(":", 1)[1])
    type_lines(monkeypatch, ["hello"])
    assert terminal.main() == 0
    assert rasa.texts == ["hello"]
    monkeypatch.setenv("VAGUS_PORT", "eighty")
    assert terminal.main() == 1
    assert "error: VAGUS_PORT: 'eighty' is no number." in capsys.readouterr().err


def test_terminal_ends_at_an_empty_line(address: str, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch) -> None:
    type_lines(monkeypatch, ["", "never said"])
    assert terminal.main(address) == 0
    assert rasa.heard == []


def test_terminal_says_how_to_start_what_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.main(f"http://127.0.0.1:{free_port()}") == 1
    assert "does not answer (ConnectError). Start it with `make run`." in capsys.readouterr().err
