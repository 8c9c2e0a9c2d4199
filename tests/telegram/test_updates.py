"""Updates of every shape: what concerns us is read, and nothing crashes."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, Phase, given, seed, settings

from bot.gateway.house import House
from bot.gateway.settings import GatewaySettings
from bot.telegram.clerk import Clerk
from bot.telegram.commands import Command, Me, addressed
from bot.telegram.front import TelegramFront
from bot.telegram.mailbox import Mailbox
from bot.telegram.order import Order
from bot.telegram.updates import Received, distil
from tests.telegram.fake_rasa import FakeRasa
from tests.telegram.shapes import ANYTHING, api_updates, broken

ME = Me(123456, "vagus_bot")


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Clerk]]:
    """A clerk with a real house and a fake dialogue, and the event loop that it lives on."""
    var: Path = tmp_path_factory.mktemp("fuzz")
    rasa = FakeRasa()
    house = House.open(GatewaySettings(var=var, encoder=var / "none", rasa_url=rasa.url, messages_per_minute=0))

    async def unsend(person: str) -> None:
        assert person

    with asyncio.Runner() as runner:
        yield runner, Clerk(house, Mailbox(house.store.engine, Fernet.generate_key()), ME, unsend)
        runner.run(house.close())
    rasa.close()


FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(FUZZ, max_examples=250)
@given(api_updates() | broken() | ANYTHING)
def test_fuzzed_updates_never_crash_a_handler(clerk: tuple[asyncio.Runner, Clerk], update: Any) -> None:
    runner, desk = clerk
    received = distil(update)
    if received is None or not desk.concerns_us(received):
        return
    assert Received(**json.loads(received.to_json())) == received
    assert len(desk.person(received)) == 22
    desk.toast(received)
    answers = [*runner.run(desk.answer(received)), *(desk.slow_down(received) or ())]
    for draft in [*answers, *desk.alarm(received), *desk.excuse(received)]:
        json.dumps(asdict(draft))
        assert draft.chat_id == received.chat_id
        for row in draft.body.get("keyboard") or ():
            assert all(0 < len(data.encode()) <= 64 for _, data in row)


def test_fuzzed_updates_are_not_all_thrown_away_at_the_door() -> None:
    """What the fuzzing is worth: each kind of update that concerns us comes up, with and without words.

    Hypothesis repeats itself within a run, and draws differently whenever a constant of our code changes: many short runs.
    """
    seen: Counter[tuple[str, bool, bool]] = Counter()

    @settings(FUZZ, max_examples=80, database=None, phases=[Phase.generate])
    @given(api_updates())
    def look(update: Any) -> None:
        received = distil(update)
        if received is not None:
            seen[(received.kind, bool(received.text), bool(received.attached))] += 1

    for number in range(12):
        seed(number)(look)()
    assert sum(seen.values()) > 40, seen
    kinds = {("message", True, False), ("message", False, True), ("button", False, False), ("left", False, False)}
    assert kinds <= set(seen), seen


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"telegram_webhook_url": "http://bot.clinic.example"}, "TELEGRAM_WEBHOOK_URL: must start with https://"),
        ({"telegram_token": "123456:AAE some more"}, "TELEGRAM_TOKEN: not of the form"),
        ({"telegram_token": "AAEonly"}, "TELEGRAM_TOKEN: not of the form"),
        ({"telegram_token": "123456:ABC\n"}, "TELEGRAM_TOKEN: not of the form"),
        ({}, "telegram.key: not a key"),
    ],
)
async def test_settings_that_cannot_work_are_a_clear_error_and_no_crash(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: dict[str, str], said: str
) -> None:
    (tmp_path / "telegram.key").write_text("damaged")
    values = {"telegram_token": "1:x", "telegram_api": "http://127.0.0.1:9/bot"} | wrong
    house = House.open(GatewaySettings(var=tmp_path, encoder=tmp_path, **values))  # type: ignore[arg-type]
    front = TelegramFront(house)
    await front.start()
    await asyncio.sleep(0.1)
    await front.stop()
    await house.close()
    assert said in caplog.text
    assert "the rest of the gateway runs" in caplog.text
    assert values["telegram_token"].strip() not in caplog.text or values["telegram_token"] == "1:x"


class Comparisons:
    """Stands in for `secrets.compare_digest` and tells what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes]] = []

    def __call__(self, given: bytes, right: bytes) -> bool:
        self.seen.append((given, right))
        return hmac.compare_digest(given, right)


async def test_door_compares_path_and_secret_whole_and_in_constant_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong, both go through `secrets.compare_digest`; a clock cannot tell that from outside."""
    house = House.open(
        GatewaySettings(var=tmp_path, encoder=tmp_path, telegram_token="1:x", telegram_webhook_url="https://b.example")
    )
    front = TelegramFront(house)
    compared = Comparisons()
    monkeypatch.setattr("bot.telegram.front.secrets.compare_digest", compared)
    front.is_door("", "")
    (_, path), (_, secret) = compared.seen
    assert len(path) == len(secret) == 22
    assert front.is_door(path.decode(), secret.decode()) == (True, True)
    for wrong in ("", "wrong", secret.decode()[:-1], secret.decode() + "x", "\u00e9"):
        compared.seen.clear()
        assert front.is_door(wrong, wrong) == (False, False)
        assert compared.seen == [(wrong.encode(), path), (wrong.encode(), secret)]
    await house.close()


def private(text: str, **changes: Any) -> Received:
    return Received(1, "message", 7, True, 7, text=text, **changes)


def test_lone_surrogates_and_odd_numbers_are_read_or_refused() -> None:
    message = {"message_id": 1, "chat": {"id": 7, "type": "private"}, "from": {"id": 7}, "text": "a\ud800b"}
    received = distil({"update_id": 1, "message": message})
    assert received is not None
    assert received.text.encode() == b"a\xef\xbf\xbdb"
    assert distil({"update_id": 10**30, "message": message}) is None
    assert distil({"update_id": 1, "message": message | {"chat": {"id": 10**40, "type": "private"}}}) is None


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("/start", "start", ""),
        ("/START  leaky-gut ", "start", "leaky-gut"),
        ("/help@vagus_bot", "help", ""),
        ("/hours\nplease", "hours", "please"),
    ],
)
def test_commands_are_read(text: str, name: str, rest: str) -> None:
    command = Command.of(text)
    assert command is not None
    assert (command.name, command.rest) == (name, rest)


@pytest.mark.parametrize("text", ["hello /start", "/", "/ start", "/a/b", '/ask{"x": 1}', "//start", "start"])
def test_what_only_looks_like_a_command_is_none(text: str) -> None:
    assert Command.of(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hello all", None),
        ("/help", "/help"),
        ("/dance", None),
        ("/help@other_bot", None),
        ("/help@VAGUS_bot", "/help@VAGUS_bot"),
        ("@vagus_bot what is pacing?", "what is pacing?"),
        ("hi @vagus_bots", None),
        ("mail me@vagus_bot.org", "mail me .org"),
    ],
)
def test_group_message_is_ours_only_when_it_names_us(text: str, meant: str | None) -> None:
    assert addressed(Received(1, "message", -7, False, 7, text=text), ME) == meant
    assert addressed(private(text), ME) == text


async def test_order_lets_latecomers_pass_and_does_not_wait_for_ever() -> None:
    order, begun = Order(longest_wait=0.05), []
    for number in (5, 7, 8):
        order.offer(number, lambda number=number: begun.append(number))  # type: ignore[misc]
    assert begun == [5]
    order.offer(6, lambda: begun.append(6))
    assert begun == [5, 6, 7, 8]
    order.offer(11, lambda: begun.append(11))
    await asyncio.sleep(0.1)
    assert begun == [5, 6, 7, 8, 11]
    order.offer(9, lambda: begun.append(9))
    assert begun[-1] == 9
