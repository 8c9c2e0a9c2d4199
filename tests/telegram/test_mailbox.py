"""Inbox and outbox on SQLite, or on the PostgreSQL that `VAGUS_TEST_DATABASE` names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from bot.gateway.store import Store
from bot.telegram.letters import Draft
from bot.telegram.mailbox import INBOX, OUTBOX, Mailbox
from bot.telegram.updates import Received
from tests.databases import emptied

CHAT = 2**40  # Telegram's numbers need 52 bits


def update(number: int, text: str = "my knee hurts") -> Received:
    return Received(update_id=2**33 + number, kind="message", chat_id=CHAT, private=True, user_id=CHAT, text=text)


def draft(text: str) -> Draft:
    return Draft("message", CHAT, {"text": text})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(emptied() or f"sqlite:///{tmp_path / 'gateway.db'}")
    yield store
    store.close()


@pytest.fixture
def mailbox(store: Store) -> Mailbox:
    return Mailbox(store.engine, Fernet.generate_key())


def test_mailbox_takes_an_update_once_whoever_brings_it(mailbox: Mailbox) -> None:
    with ThreadPoolExecutor(4) as threads:
        brought = list(threads.map(lambda _: mailbox.receive([("ann", update(1)), ("bo", update(2))]), range(6)))
    assert sorted(number for new in brought for number in new) == [2**33 + 1, 2**33 + 2]
    assert mailbox.receive([("bo", update(2)), ("ann", update(3))]) == {2**33 + 3}
    assert [(person, one.update_id, one.text) for person, one in mailbox.waiting()] == [
        ("ann", 2**33 + 1, "my knee hurts"),
        ("bo", 2**33 + 2, "my knee hurts"),
        ("ann", 2**33 + 3, "my knee hurts"),
    ]


def test_mailbox_answers_an_update_once_and_wipes_it(mailbox: Mailbox) -> None:
    mailbox.receive([("ann", update(1))])
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda _: mailbox.answered(2**33 + 1, "ann", [draft("one"), draft("two")]), range(4))
        put_out = [letter for letters in answers for letter in letters]
    assert [letter.draft.body["text"] for letter in mailbox.pending()] == ["one", "two"]
    assert sorted(letter.id for letter in put_out) == [letter.id for letter in mailbox.pending()]
    assert mailbox.waiting() == []
    mailbox.settled([letter.id for letter in put_out], "sent")
    assert mailbox.pending() == []
    with mailbox._engine.connect() as connection:
        kept = [*connection.execute(select(INBOX.c.sealed, INBOX.c.person))]
        kept += connection.execute(select(OUTBOX.c.sealed, OUTBOX.c.person))
    assert [(bytes(sealed), person) for sealed, person in kept] == [(b"", "")] * 3


def test_mailbox_forgets_a_person_but_not_that_an_update_was_there(mailbox: Mailbox) -> None:
    mailbox.receive([("ann", update(1)), ("bo", update(2))])
    mailbox.answered(2**33 + 2, "bo", [draft("for bo")])
    for session in ("s1", "s2"):
        mailbox.add_session("ann", session)
    assert mailbox.sessions("ann") == ["s2", "s1"]
    mailbox.erase("ann", before=2**33 + 9)
    assert (mailbox.sessions("ann"), mailbox.waiting()) == ([], [])
    assert mailbox.receive([("ann", update(1))]) == set()
    assert [letter.person for letter in mailbox.pending()] == ["bo"]
    mailbox.sweep(timedelta(hours=1))
    assert len(mailbox.pending()) == 1


def test_mailbox_gives_the_number_of_an_erased_letter_to_no_other(mailbox: Mailbox) -> None:
    mailbox.receive([("ann", update(1)), ("ann", update(2))])
    (erased,) = mailbox.answered(2**33 + 1, "ann", [draft("erased")])
    mailbox.unsend("ann")
    (later,) = mailbox.answered(2**33 + 2, "ann", [draft("later")])
    assert later.id > erased.id


def test_mailbox_keeps_a_session_as_long_as_its_call_back_request(mailbox: Mailbox, store: Store) -> None:
    for session in ("asked", "chatted"):
        mailbox.add_session("ann", session)
    store.add_callback("asked", b"sealed")
    mailbox.sweep(timedelta(0))
    assert mailbox.sessions("ann") == ["asked"]
    store.drop_callbacks(timedelta(0))
    mailbox.sweep(timedelta(0))
    assert mailbox.sessions("ann") == []
