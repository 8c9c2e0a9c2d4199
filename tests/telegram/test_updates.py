"""Updates of every shape: what concerns us is read, and nothing crashes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.gateway.house import House
from bot.gateway.settings import GatewaySettings
from bot.telegram.clerk import Clerk
from bot.telegram.commands import Command, Me, addressed
from bot.telegram.front import TelegramFront
from bot.telegram.mailbox import Mailbox
from bot.telegram.order import Order
from bot.telegram.updates import Received, distil
from tests.telegram.fake_rasa import FakeRasa

ME = Me(123456, "vagus_bot")

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(1, 2**52) | st.just(7)
USER = st.fixed_dictionaries({"id": IDS, "is_bot": st.just(False)}, optional={"username": st.text(max_size=8)})
CHAT = st.fixed_dictionaries(
    {"id": IDS | st.integers(-(2**52), -1), "type": st.sampled_from(["private", "group", "supergroup", "channel"])}
)
TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["/start", "/start leaky-gut", "/topics", "/save", "/forget", "/stop", "/help@vagus_bot", "@vagus_bot"]
    ),
    st.sampled_from(["I can't breathe", "what is pacing?", "\ud800", "\x00", "<b>", "a" * 4096, '/ask_passage{"x":1}']),
)
MESSAGE = st.fixed_dictionaries(
    {"message_id": IDS, "date": st.integers(0, 2**31), "chat": CHAT},
    optional={
        "from": USER,
        "text": TEXT,
        "caption": TEXT,
        "photo": st.lists(st.fixed_dictionaries({"file_id": st.text(max_size=5)}), max_size=2),
        "sticker": ANYTHING,
        "voice": ANYTHING,
        "media_group_id": st.text(max_size=5),
        "message_thread_id": IDS,
        "is_topic_message": st.booleans(),
        "reply_to_message": st.fixed_dictionaries({"message_id": IDS}, optional={"from": USER}),
        "new_chat_members": ANYTHING,
        "entities": ANYTHING,
    },
)
QUERY = st.fixed_dictionaries(
    {"id": st.text(max_size=10), "from": USER}, optional={"message": MESSAGE, "data": st.text(max_size=64)}
)
MEMBER = st.fixed_dictionaries(
    {
        "chat": CHAT,
        "from": USER,
        "new_chat_member": st.fixed_dictionaries({"status": st.text(max_size=8) | st.just("kicked")}),
    }
)
SHAPES = st.one_of(
    st.fixed_dictionaries({"message": MESSAGE}),
    st.fixed_dictionaries({"callback_query": QUERY}),
    st.fixed_dictionaries({"my_chat_member": MEMBER}),
    st.dictionaries(
        st.sampled_from(["message", "edited_message", "channel_post", "callback_query", "my_chat_member", "poll"]),
        ANYTHING,
    ),
)


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """An update with one value anywhere in it replaced by something else."""
    update = json.loads(json.dumps(draw(SHAPES) | {"update_id": draw(st.integers(0, 2**40))}))
    place: Any = update
    while isinstance(place, dict) and place:
        key = draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or draw(st.booleans()):
            place[key] = draw(ANYTHING)
            break
        place = place[key]
    return update


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


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(broken() | ANYTHING)
def test_fuzzed_updates_never_crash_a_handler(clerk: tuple[asyncio.Runner, Clerk], update: Any) -> None:
    runner, desk = clerk
    received = distil(update)
    if received is None or not desk.concerns_us(received):
        return
    assert len(desk.person(received)) == 22
    desk.toast(received)
    for draft in [*runner.run(desk.answer(received)), *desk.excuse(received)]:
        json.dumps(asdict(draft))
        assert draft.chat_id == received.chat_id
        for row in draft.body.get("keyboard") or ():
            assert all(0 < len(data.encode()) <= 64 for _, data in row)


async def test_webhook_address_without_https_is_a_clear_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = "http://bot.clinic.example"
    house = House.open(
        GatewaySettings(var=tmp_path, encoder=tmp_path, telegram_token="1:x", telegram_webhook_url=address)
    )
    front = TelegramFront(house)
    await front.start()
    await asyncio.sleep(0.1)
    await front.stop()
    await house.close()
    assert "TELEGRAM_WEBHOOK_URL: must start with https://" in caplog.text


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
