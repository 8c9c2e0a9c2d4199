"""Inbox and outbox, in the gateway's database. Chat ids and words are sealed, and wiped once they are answered or sent.

Synchronous, as `bot.gateway.store` is: callers on the event loop go through `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.gateway.store import CALLBACKS, utc_now
from bot.telegram.letters import Draft, Letter
from bot.telegram.updates import Received

logger = logging.getLogger("vagus.telegram")

_META = MetaData()
INBOX = Table(
    "telegram_inbox",
    _META,
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person", String(64), nullable=False, index=True),
    Column("done", Boolean, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", DateTime, nullable=False),
)
OUTBOX = Table(
    "telegram_outbox",
    _META,
    Column("id", Integer, primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(8), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", DateTime, nullable=False),
    sqlite_autoincrement=True,  # a letter never gets the number of one that was erased while it was under way
)
SESSIONS = Table(
    "telegram_sessions",
    _META,
    Column("id", Integer, primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("session_id", String(64), nullable=False),
    Column("at", DateTime, nullable=False),
)

KEPT = timedelta(hours=48)
"""How long an update's number is remembered: Telegram sends an update again for up to 24 hours."""


class Mailbox:
    """What came in and what has to go out."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        """Make the tables where they are missing.

        Args:
            engine: The gateway's database.
            key: A Fernet key that seals what names a chat or quotes a person.
        """
        self._engine = engine
        self._fernet = Fernet(key)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        _META.create_all(engine)

    def receive(self, updates: Sequence[tuple[str, Received]]) -> set[int]:
        """Store updates, each with its person; returns the numbers of those that were not known yet."""
        if not updates:
            return set()
        now = utc_now()
        rows = [
            {"update_id": u.update_id, "person": person, "done": False, "sealed": self._seal(u.to_json()), "at": now}
            for person, u in updates
        ]
        query = self._insert(INBOX).on_conflict_do_nothing().returning(INBOX.c.update_id)
        with self._engine.begin() as connection:
            return set(connection.execute(query, rows).scalars())

    def waiting(self) -> list[tuple[str, Received]]:
        """Updates that were stored and not answered, in Telegram's order, each with its person."""
        query = select(INBOX).where(INBOX.c.done.is_(False)).order_by(INBOX.c.update_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(row.person, Received(**values)) for row, values in self._opened(rows, Received)]

    def answered(self, update_id: int, person: str, drafts: Sequence[Draft]) -> list[Letter]:
        """Put the answer to an update into the outbox and mark the update done, in one transaction.

        An update that is done already gets no second answer: nothing is put out then.
        """
        letters: list[Letter] = []
        with self._engine.begin() as connection:
            done = update(INBOX).where(INBOX.c.update_id == update_id, INBOX.c.done.is_(False))
            if not connection.execute(done.values(done=True, sealed=b"", person="")).rowcount:
                return []
            for draft in drafts:
                row = {"person": person, "kind": draft.kind, "state": "pending", "attempts": 0, "not_before": 0.0}
                sealed = self._seal(json.dumps(asdict(draft)))
                result = connection.execute(insert(OUTBOX).values(**row, sealed=sealed, at=utc_now()))
                key = result.inserted_primary_key
                letters.append(Letter(int(key[0]) if key else 0, person, draft))
        return letters

    def pending(self) -> list[Letter]:
        """Letters that were not sent yet, oldest first."""
        query = select(OUTBOX).where(OUTBOX.c.state == "pending").order_by(OUTBOX.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Letter(row.id, row.person, Draft(**values), row.attempts, row.not_before)
            for row, values in self._opened(rows, Draft)
        ]

    def postponed(self, letter: Letter) -> None:
        """Record when a letter is tried next."""
        values = {
            "attempts": letter.attempts,
            "not_before": letter.not_before,
            "sealed": self._seal(json.dumps(asdict(letter.draft))),
        }
        with self._engine.begin() as connection:
            connection.execute(
                update(OUTBOX).where(OUTBOX.c.id == letter.id, OUTBOX.c.state == "pending").values(**values)
            )

    def settled(self, letter_ids: Collection[int], state: str) -> None:
        """Mark letters `sent`, or `dropped` when they cannot be sent; what they said is wiped."""
        with self._engine.begin() as connection:
            connection.execute(
                update(OUTBOX).where(OUTBOX.c.id.in_(letter_ids)).values(state=state, sealed=b"", person="")
            )

    def unsend(self, person: str) -> None:
        """Take what was not sent yet to a person out of the outbox."""
        with self._engine.begin() as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.person == person, OUTBOX.c.state == "pending"))

    def add_session(self, person: str, session_id: str) -> None:
        """A person's session from now on."""
        with self._engine.begin() as connection:
            connection.execute(insert(SESSIONS).values(person=person, session_id=session_id, at=utc_now()))

    def sessions(self, person: str) -> list[str]:
        """A person's sessions, the latest first."""
        query = select(SESSIONS.c.session_id).where(SESSIONS.c.person == person).order_by(SESSIONS.c.id.desc())
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def erase(self, person: str, before: int) -> None:
        """Forget a person: what they sent before update `before`, what was for them, and their sessions.

        The bare numbers of their updates stay, so that an update that Telegram repeats is not answered again.
        """
        with self._engine.begin() as connection:
            theirs = update(INBOX).where(INBOX.c.person == person, INBOX.c.update_id < before)
            connection.execute(theirs.values(done=True, sealed=b"", person=""))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.person == person))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person == person))

    def sweep(self, kept_sessions: timedelta) -> None:
        """Delete what is older than it has to be.

        A session that filed a call back request stays as long as the request: /forget must find it.
        """
        now = utc_now()
        asked = select(CALLBACKS.c.session_id)
        with self._engine.begin() as connection:
            connection.execute(delete(INBOX).where(INBOX.c.at < now - KEPT))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.at < now - KEPT))
            old = delete(SESSIONS).where(SESSIONS.c.at < now - kept_sessions)
            connection.execute(old.where(SESSIONS.c.session_id.not_in(asked)))

    def _seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode("utf-8"))

    def _opened(self, rows: Sequence[Any], kind: type[Draft] | type[Received]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Rows with what was sealed in them; what cannot be opened is skipped, for it would fail at every start."""
        names = {field.name for field in fields(kind)}
        for row in rows:
            try:
                values = json.loads(self._fernet.decrypt(row.sealed))
            except InvalidToken:
                logger.error("telegram.key: not the key that a stored message was sealed with; the message is skipped")
                continue
            if set(values) == names:
                yield row, values
            else:
                logger.error("a stored message is of another version; it is skipped")
