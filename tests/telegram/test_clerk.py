"""What an update gets for an answer, without Telegram around it: a real house, and a fake dialogue over real HTTP."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.gateway.house import House
from bot.gateway.settings import GatewaySettings
from bot.telegram import phrases
from bot.telegram.clerk import Clerk
from bot.telegram.commands import Me
from bot.telegram.letters import Draft
from bot.telegram.mailbox import Mailbox
from bot.telegram.updates import Received
from tests.telegram.fake_rasa import FakeRasa

ME = Me(123456, "vagus_bot")
ANN, GROUP = 7, -70
URGENT = "call 911. In a crisis, call or text 988."

_NUMBERS = itertools.count(1)


@pytest.fixture
def rasa() -> Iterator[FakeRasa]:
    rasa = FakeRasa()
    yield rasa
    rasa.close()


@pytest.fixture
async def house(tmp_path: Path, rasa: FakeRasa) -> AsyncIterator[House]:
    house = House.open(GatewaySettings(var=tmp_path, encoder=tmp_path, rasa_url=rasa.url))
    yield house
    await house.close()


@pytest.fixture
def mailbox(house: House) -> Mailbox:
    return Mailbox(house.store.engine, Fernet.generate_key())


@pytest.fixture
def clerk(house: House, mailbox: Mailbox) -> Clerk:
    async def unsend(person: str) -> None:
        assert person

    return Clerk(house, mailbox, ME, unsend)


def written(text: str) -> Received:
    return Received(next(_NUMBERS), "message", ANN, True, ANN, text=text)


def written_in_group(text: str) -> Received:
    return Received(next(_NUMBERS), "message", GROUP, False, ANN, text=f"@vagus_bot {text}")


def pressed(draft: Draft, label: str, *, private: bool = True) -> Received:
    data = next(data for row in draft.body["keyboard"] for shown, data in row if shown == label)
    return Received(next(_NUMBERS), "button", ANN if private else GROUP, private, ANN, data=data)


def texts(drafts: list[Draft]) -> list[str]:
    return [draft.body["text"] for draft in drafts if draft.method == "message"]


async def test_forget_erases_a_call_back_request_of_days_ago(house: House, mailbox: Mailbox, clerk: Clerk) -> None:
    await clerk.answer(written("can someone call me back?"))
    (session,) = mailbox.sessions(clerk.person(written("")))
    house.store.add_callback(session, b"sealed")
    await house.conversations.erase(session, by_request=False)  # it grew old
    mailbox.sweep(timedelta(0))
    assert house.store.callbacks()
    (sure,) = await clerk.answer(written("/forget"))
    *_, gone = await clerk.answer(pressed(sure, "Yes, erase it all"))
    assert "any call back request" in gone.body["text"]
    assert house.store.callbacks() == []


@pytest.mark.parametrize("text", ["can someone call me back?", "yes"])
async def test_group_is_asked_for_no_name_whatever_words_began_the_request(
    rasa: FakeRasa, clerk: Clerk, text: str
) -> None:
    received = written_in_group(text)
    assert texts(await clerk.answer(received)) == [phrases.PRIVATE_ONLY]
    assert [asked for _, asked in rasa.asked] == [text, "/cancel_request"]
    assert len({sender for sender, _ in rasa.asked}) == 1
    assert texts(await clerk.answer(received)) == [phrases.PRIVATE_ONLY], "answered again after a crash"
    assert len(rasa.asked) == 2
    assert texts(await clerk.answer(written(text))) == ["What name should they ask for?"]


async def test_group_keeps_what_the_safety_screen_noticed_beside_a_request(clerk: Clerk) -> None:
    text = "I feel hopeless, can someone call me back?"
    (shown,) = texts(await clerk.answer(written(text)))
    (said,) = texts(await clerk.answer(written_in_group(text)))
    noticed = shown.removesuffix("What name should they ask for?")
    assert noticed.startswith("<i>")
    assert said == noticed + phrases.PRIVATE_ONLY


@pytest.mark.parametrize("text", ["\U0001f62d\U0001f62d", "...", "my stomach " * 200], ids=["emoji", "dots", "long"])
async def test_text_that_nobody_read_gets_the_numbers(clerk: Clerk, text: str) -> None:
    (said,) = texts(await clerk.answer(written(text)))
    assert said.endswith(URGENT)
    (answered,) = texts(await clerk.answer(written("does sleep help?")))
    assert URGENT not in answered
