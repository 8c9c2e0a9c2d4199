"""Everything the gateway remembers, in SQLite or PostgreSQL: sessions, turns, replies, and what the clinic may see.

Synchronous on purpose: every call is a few short statements. Callers on the event loop go through `asyncio.to_thread`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from bot.gateway.replies import Reply

_META = MetaData()
SESSIONS = Table(
    "sessions",
    _META,
    Column("id", String(64), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
)
TURNS = Table(
    "turns",
    _META,
    Column("id", Integer, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("client_message_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("answered", Boolean, nullable=False, default=False),
    UniqueConstraint("session_id", "client_message_id"),
)
REPLIES = Table(
    "replies",
    _META,
    Column("id", String(32), primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=True),
    Column("position", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", DateTime, nullable=False),
)
FEEDBACK = Table(
    "feedback",
    _META,
    Column("reply_id", ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True),
    Column("rating", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime, nullable=False),
)
UNANSWERED = Table(
    "unanswered",
    _META,
    Column("id", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("session_id", String(64), nullable=True, index=True),  # only until the session ends; see `erase`
    Column("at", DateTime, nullable=False),
)
CALLBACKS = Table(
    "callbacks",
    _META,
    Column("id", Integer, primary_key=True),
    Column("session_id", String(64), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", DateTime, nullable=False),
)
CALLBACK_MARKS = Table(
    "callback_marks",
    _META,
    Column("callback_id", ForeignKey("callbacks.id", ondelete="CASCADE"), primary_key=True),
    Column("mark", String(8), primary_key=True),
    Column("at", DateTime, nullable=False),
)
FLAG_COUNTS = Table(
    "flag_counts",
    _META,
    Column("day", String(10), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("level", String(16), primary_key=True),
    Column("group", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
)
RATING_COUNTS = Table(
    "rating_counts",
    _META,
    Column("passage", String(200), primary_key=True),
    Column("rating", String(8), primary_key=True),
    Column("count", Integer, nullable=False),
)
ERASURES = Table(
    "erasures",
    _META,
    Column("session_id", String(64), primary_key=True),
    Column("at", DateTime, nullable=False),
)


NOT_KEPT = "(not kept here)"
"""What the history shows in place of what was said for a call back."""

Mark = Literal["told", "done"]
"""What became of a callback request: the staff were told that it waits; they dealt with it."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback request, still sealed."""

    id: int
    sealed: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the patient's, with the replies it got (empty until it was answered)."""

    id: int
    client_message_id: str
    text: str
    at: datetime
    answered: bool
    replies: tuple[Reply, ...]


def utc_now() -> datetime:
    """Now, naive UTC, as the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


class SessionEnded(Exception):
    """The session was erased or swept away in the meantime."""


class Store:
    """The gateway's tables."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        _META.create_all(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """The database, for the tables that a channel keeps beside these."""
        return self._engine

    def ping(self) -> None:
        """Raise SQLAlchemy's error if the database cannot be used."""
        with self._engine.connect() as connection:
            connection.execute(select(SESSIONS.c.id).limit(1)).first()

    def open_session(self, session_id: str, channel: str, lifetime: timedelta) -> datetime:
        """Record a session; returns when it expires. A session that is there already is prolonged."""
        now = utc_now()
        expires = now + lifetime
        row = {"id": session_id, "channel": channel, "created_at": now, "expires_at": expires}
        with self._engine.begin() as connection:
            connection.execute(
                self._insert(SESSIONS)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_={"expires_at": expires})
            )
        return expires

    def is_live(self, session_id: str) -> bool:
        """Whether a session is there and has not expired."""
        with self._engine.connect() as connection:
            expires = connection.execute(select(SESSIONS.c.expires_at).where(SESSIONS.c.id == session_id)).scalar()
        return expires is not None and expires > utc_now()

    def end_session(self, session_id: str) -> None:
        """End a session now: its next message opens another. Retention deletes what was said."""
        query = update(SESSIONS).where(SESSIONS.c.id == session_id, SESSIONS.c.expires_at > utc_now())
        with self._engine.begin() as connection:
            connection.execute(query.values(expires_at=utc_now()))

    def begin_turn(self, session_id: str, client_message_id: str, text: str) -> Turn:
        """Record a message before anything is done with it; the same id again gives the turn that is there already.

        Raises:
            SessionEnded: If the session is no longer there.
        """
        try:
            with self._engine.begin() as connection:
                values = {"session_id": session_id, "client_message_id": client_message_id, "text": text}
                connection.execute(insert(TURNS).values(**values, at=utc_now(), answered=False))
        except IntegrityError:
            pass  # a duplicate, whose turn is read below, or a session that is gone, which has none
        with self._engine.connect() as connection:
            row = connection.execute(
                select(TURNS).where(TURNS.c.session_id == session_id, TURNS.c.client_message_id == client_message_id)
            ).one_or_none()
            if row is None:
                raise SessionEnded
            return _turn(connection, row)

    def finish_turn(self, session_id: str, turn_id: int, replies: Sequence[Reply]) -> None:
        """Record a turn's replies and mark it answered, in one transaction."""
        with self._engine.begin() as connection:
            _insert_replies(connection, session_id, turn_id, replies)
            connection.execute(update(TURNS).where(TURNS.c.id == turn_id).values(answered=True))

    def add_replies(self, session_id: str, replies: Sequence[Reply]) -> None:
        """Record replies that answer no message, such as the greeting."""
        with self._engine.begin() as connection:
            _insert_replies(connection, session_id, None, replies)

    def greeting(self, session_id: str) -> list[tuple[datetime, Reply]]:
        """Replies that answer no message, oldest first."""
        query = select(REPLIES).where(REPLIES.c.session_id == session_id, REPLIES.c.turn_id.is_(None))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(REPLIES.c.at, REPLIES.c.position)).all()
        return [(row.at, _reply(row)) for row in rows]

    def turns(self, session_id: str) -> list[Turn]:
        """A session's turns, oldest first."""
        query = select(TURNS).where(TURNS.c.session_id == session_id).order_by(TURNS.c.id)
        with self._engine.connect() as connection:
            return [_turn(connection, row) for row in connection.execute(query).all()]

    def last_texts(self, session_id: str, before: int, count: int) -> list[str]:
        """The last `count` texts of a session before turn `before`, oldest first; what was not kept is none."""
        kept = TURNS.c.text != NOT_KEPT
        query = select(TURNS.c.text).where(TURNS.c.session_id == session_id, TURNS.c.id < before, kept)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(TURNS.c.id.desc()).limit(count)).scalars().all()
        return list(reversed(rows))

    def reply(self, session_id: str, reply_id: str) -> Reply | None:
        """One reply of a session's, or None."""
        query = select(REPLIES).where(REPLIES.c.id == reply_id, REPLIES.c.session_id == session_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return _reply(row) if row else None

    def add_feedback(self, reply_id: str, rating: str, reason: str) -> None:
        """Record or replace the rating of a reply."""
        rated = {"rating": rating, "reason": reason, "at": utc_now()}
        query = self._insert(FEEDBACK).values(reply_id=reply_id, **rated)
        with self._engine.begin() as connection:
            connection.execute(query.on_conflict_do_update(index_elements=["reply_id"], set_=rated))

    def file_question(self, session_id: str, question: str) -> None:
        """File a de-identified question that nothing approved answers. It loses its session when that ends."""
        with self._engine.begin() as connection:
            connection.execute(insert(UNANSWERED).values(session_id=session_id, question=question, at=utc_now()))

    def questions(self, limit: int = 1000) -> list[tuple[datetime, str]]:
        """The latest filed questions, newest first, each with when it was asked."""
        query = select(UNANSWERED.c.at, UNANSWERED.c.question).order_by(UNANSWERED.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [(row.at, row.question) for row in connection.execute(query)]

    def drop_questions(self, retention: timedelta) -> None:
        """Delete filed questions that are older than `retention`."""
        with self._engine.begin() as connection:
            connection.execute(delete(UNANSWERED).where(UNANSWERED.c.at < utc_now() - retention))

    def ratings(self) -> Counter[tuple[str, str]]:
        """How often each passage was rated, by its id and rating: what chats left when they grew old, and those still kept."""
        with self._engine.connect() as connection:
            counts = Counter(
                {(row.passage, row.rating): row.count for row in connection.execute(select(RATING_COUNTS))}
            )
            return counts + _ratings(connection)

    def add_callback(self, session_id: str, sealed: bytes) -> int:
        """Record an encrypted callback request; returns its number."""
        with self._engine.begin() as connection:
            result = connection.execute(insert(CALLBACKS).values(session_id=session_id, sealed=sealed, at=utc_now()))
            key = result.inserted_primary_key
        return int(key[0]) if key else 0

    def callbacks(self, *, without: Mark = "done") -> list[Callback]:
        """Callback requests that lack a mark, oldest first: by default those that nobody dealt with yet."""
        query = select(CALLBACKS).where(_unmarked(without)).order_by(CALLBACKS.c.id)
        with self._engine.connect() as connection:
            return [Callback(row.id, row.sealed, row.at) for row in connection.execute(query)]

    def mark_callback(self, number: int, mark: Mark) -> bool:
        """Mark a callback request, as often as one likes. Returns whether there is such a request."""
        query = self._insert(CALLBACK_MARKS).values(callback_id=number, mark=mark, at=utc_now())
        try:
            with self._engine.begin() as connection:
                connection.execute(query.on_conflict_do_nothing())
        except IntegrityError:  # no such request
            return False
        return True

    def drop_callbacks(self, retention: timedelta) -> list[int]:
        """Delete callback requests that are older than `retention`; returns those that nobody had dealt with."""
        old = CALLBACKS.c.at < utc_now() - retention
        with self._engine.begin() as connection:
            missed = connection.execute(select(CALLBACKS.c.id).where(old, _unmarked("done"))).scalars().all()
            connection.execute(delete(CALLBACKS).where(old))
        return list(missed)

    def count_flag(self, kind: str, level: str, group: int) -> None:
        """Count a red flag by day, kind, level and group; never its words or who said it."""
        key = {"day": utc_now().date().isoformat(), "kind": kind, "level": level, "group": group}
        query = self._insert(FLAG_COUNTS).values(**key, count=1)
        with self._engine.begin() as connection:
            connection.execute(
                query.on_conflict_do_update(index_elements=list(key), set_={"count": FLAG_COUNTS.c.count + 1})
            )

    def flag_counts(self) -> list[tuple[str, str, str, int, int]]:
        """Day, kind, level, group and count of the red flags, oldest day first."""
        columns = (FLAG_COUNTS.c.day, FLAG_COUNTS.c.kind, FLAG_COUNTS.c.level, FLAG_COUNTS.c.group)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns, FLAG_COUNTS.c.count).order_by(*columns))
            return [(row.day, row.kind, row.level, row.group, row[4]) for row in rows]

    def erase(self, session_id: str, *, by_request: bool = True) -> None:
        """Delete everything about a session, and note that Rasa must forget it too.

        Args:
            session_id: Which one.
            by_request: The patient asked for it, so that their callback requests and filed questions go too. A session
                that merely grew old leaves them to the staff, the questions tied to nobody, and its ratings as counts.
        """
        with self._engine.begin() as connection:
            if by_request:
                connection.execute(delete(CALLBACKS).where(CALLBACKS.c.session_id == session_id))
                connection.execute(delete(UNANSWERED).where(UNANSWERED.c.session_id == session_id))
            else:
                mine = UNANSWERED.c.session_id == session_id
                connection.execute(update(UNANSWERED).where(mine).values(session_id=None))
                for (passage, rating), count in _ratings(connection, session_id).items():
                    added = {"count": RATING_COUNTS.c.count + count}
                    query = self._insert(RATING_COUNTS).values(passage=passage, rating=rating, count=count)
                    connection.execute(query.on_conflict_do_update(index_elements=["passage", "rating"], set_=added))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.id == session_id))
            connection.execute(delete(ERASURES).where(ERASURES.c.session_id == session_id))
            connection.execute(insert(ERASURES).values(session_id=session_id, at=utc_now()))
        self._empty_log()

    def _empty_log(self) -> None:
        if self._engine.dialect.name == "sqlite":  # the write-ahead log holds old pages until it is emptied
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def forget_details(self, session_id: str) -> None:
        """Blank what a form for a call back was told, and what was read back of it: the sealed request alone holds it."""
        query = select(REPLIES).where(REPLIES.c.session_id == session_id, REPLIES.c.turn_id.is_not(None))
        with self._engine.begin() as connection:
            turns: dict[int, list[Reply]] = {}
            for row in connection.execute(query).all():
                turns.setdefault(row.turn_id, []).append(_reply(row))
            for turn_id, replies in turns.items():
                form = [reply for reply in replies if reply.kind == "callback"]
                if len(form) == len(replies):  # else it was a question, asked in between
                    connection.execute(update(TURNS).where(TURNS.c.id == turn_id).values(text=NOT_KEPT))
                for reply in form:
                    if "\n- " in reply.text:  # the list that is read back
                        body = reply.model_copy(update={"text": NOT_KEPT}).model_dump_json()
                        kept = REPLIES.c.id == reply.id
                        connection.execute(update(REPLIES).where(kept).values(body=body))
        self._empty_log()

    def pending_erasures(self) -> list[str]:
        """Sessions that Rasa has not forgotten yet."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(ERASURES.c.session_id)).scalars())

    def erasure_done(self, session_id: str) -> None:
        """Rasa has forgotten the session."""
        with self._engine.begin() as connection:
            connection.execute(delete(ERASURES).where(ERASURES.c.session_id == session_id))

    def expired(self, retention: timedelta) -> list[str]:
        """Sessions that ended longer ago than `retention` after they were opened."""
        now = utc_now()
        query = select(SESSIONS.c.id).where(SESSIONS.c.expires_at < now, SESSIONS.c.created_at < now - retention)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())


def _engine(url: str) -> Engine:
    engine = create_engine(url, future=True, hide_parameters=True)  # what patients wrote stays out of error messages
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, record: Any) -> None:
            del record
            for pragma in (
                "journal_mode=WAL",
                "synchronous=NORMAL",
                "foreign_keys=ON",
                "busy_timeout=5000",
                "secure_delete=ON",
            ):
                connection.execute(f"PRAGMA {pragma}")

    return engine


def _ratings(connection: Connection, session_id: str | None = None) -> Counter[tuple[str, str]]:
    """Ratings of the passages that kept replies show, of one session or of all."""
    query = select(FEEDBACK.c.rating, REPLIES.c.body).join(REPLIES, REPLIES.c.id == FEEDBACK.c.reply_id)
    if session_id is not None:
        query = query.where(REPLIES.c.session_id == session_id)
    rows = connection.execute(query).all()
    return Counter((passage.id, row.rating) for row in rows for passage in _reply(row).passages)


def _unmarked(mark: Mark) -> ColumnElement[bool]:
    return ~exists().where(CALLBACK_MARKS.c.callback_id == CALLBACKS.c.id, CALLBACK_MARKS.c.mark == mark)


def _insert_replies(connection: Connection, session_id: str, turn_id: int | None, replies: Sequence[Reply]) -> None:
    now = utc_now()
    rows = [
        {
            "id": reply.id,
            "session_id": session_id,
            "turn_id": turn_id,
            "position": position,
            "body": reply.model_dump_json(),
            "at": now,
        }
        for position, reply in enumerate(replies)
    ]
    if rows:
        connection.execute(insert(REPLIES), rows)


def _turn(connection: Connection, row: Any) -> Turn:
    found = connection.execute(select(REPLIES).where(REPLIES.c.turn_id == row.id).order_by(REPLIES.c.position)).all()
    replies = tuple(_reply(reply) for reply in found)
    return Turn(row.id, row.client_message_id, row.text, row.at, row.answered, replies)


def _reply(row: Any) -> Reply:
    return Reply.model_validate(json.loads(row.body))
