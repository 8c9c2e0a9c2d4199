"""Rasa's SQL tracker store, able to forget, and quick with the conversations of the moment."""

from __future__ import annotations

import itertools
import json
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import ActionExecuted, Event, SessionStarted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.pool import StaticPool

RECENT = 500
"""Conversations kept in memory between their turns."""

_EMPTY_LOG = sqlalchemy.text("PRAGMA wal_checkpoint(TRUNCATE)")


class ErasableTrackerStore(SQLTrackerStore):  # type: ignore[misc]
    """An SQL tracker store whose conversations can really be erased.

    On SQLite deleted rows are overwritten (`secure_delete`) and the write-ahead log is emptied after each erasure, so
    that a patient's words do not stay behind in free pages.

    A tracker that was saved is kept for the next turn, which saves Rasa from rebuilding it out of its events. It is taken
    out while a turn runs, so a turn that fails leaves only what the database holds; and it is used only while the database
    holds as many events as when it was saved, so another process may write too.
    """

    def __init__(self, **settings: Any) -> None:
        """Open the store; `settings` are those of `SQLTrackerStore`."""
        super().__init__(**settings)
        self._recent: OrderedDict[str, DialogueStateTracker] = OrderedDict()
        self._stored: dict[str, int] = {}
        """Rows of the conversations that are in a turn of ours, counted when it began."""
        table = self.SQLEvent.__table__
        its_own = table.c.sender_id == sqlalchemy.bindparam("sender")
        self._insert, self._delete = table.insert(), table.delete().where(its_own)
        self._count = sqlalchemy.select(sqlalchemy.func.count()).select_from(table).where(its_own)
        if self.engine.dialect.name == "sqlite":
            self._keep_one_connection()

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation's tracker; None when there is none."""
        recent = self._recent.pop(sender_id, None)
        stored = self._stored[sender_id] = self.count_events(sender_id)
        if recent is not None and len(recent.events) == stored:
            return recent
        return await super().retrieve(sender_id) if stored else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Write the events that are new, all in one statement."""
        await self.stream_events(tracker)
        rows = [_row(tracker.sender_id, event) for event in self._unsaved(tracker)]
        if rows:
            with self.engine.begin() as connection:
                connection.execute(self._insert, rows)
        self._remember(tracker)

    def _remember(self, tracker: DialogueStateTracker) -> None:
        """Keep a tracker that was saved for the next turn."""
        self._stored.pop(tracker.sender_id, None)
        self._recent[tracker.sender_id] = tracker
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def is_longer_than(self, sender_id: str, events: int) -> bool:
        """Whether a conversation that was just saved has more events."""
        recent = self._recent.get(sender_id)
        return recent is not None and len(recent.events) > events

    def erase(self, sender_id: str) -> int:
        """Delete every event of a conversation; returns how many there were."""
        deleted = self._replace(sender_id, [])
        if deleted:
            self._empty_log()
        return deleted

    def _replace(self, sender_id: str, events: Sequence[Event]) -> int:
        """Delete every event of a conversation and write others in their place; returns how many were deleted."""
        self._recent.pop(sender_id, None)
        self._stored.pop(sender_id, None)
        with self.engine.begin() as connection:
            deleted = int(connection.execute(self._delete, {"sender": sender_id}).rowcount)
            if events:
                connection.execute(self._insert, [_row(sender_id, event) for event in events])
        return deleted

    def _empty_log(self) -> None:
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.execute(_EMPTY_LOG)

    def count_events(self, sender_id: str) -> int:
        """How many events a conversation has."""
        with self.engine.connect() as connection:
            return int(connection.execute(self._count, {"sender": sender_id}).scalar())

    async def forget_events(self, sender_id: str, *, leave_log: bool = False) -> None:
        """Replace a conversation by its slots: what was said is gone, what the dialogue needs to go on stays.

        Args:
            sender_id: The conversation.
            leave_log: Leave SQLite's log to the next erasure or hourly purge. It takes 4 ms to empty, too much for a
                conversation that only grew long.
        """
        tracker = await self.retrieve(sender_id)
        if tracker is None or tracker.active_loop:  # a form in progress needs its events
            return
        # In this order: Rasa reads events from the session's start on, by the time at which they were made.
        events = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
        events += [SlotSet(name, slot.value) for name, slot in tracker.slots.items() if slot.value is not None]
        events.append(ActionExecuted(ACTION_LISTEN_NAME))
        self._replace(sender_id, events)
        if not leave_log:
            self._empty_log()
        self._remember(DialogueStateTracker.from_events(sender_id, events, self.domain.slots))

    def erase_idle(self, seconds: float) -> int:
        """Delete conversations in which nothing happened for `seconds`; returns how many events went."""
        with self.session_scope() as session:
            latest = sqlalchemy.func.max(self.SQLEvent.timestamp)
            rows = session.query(self.SQLEvent.sender_id).group_by(self.SQLEvent.sender_id)
            idle = [sender for (sender,) in rows.having(latest < time.time() - seconds)]
        deleted = sum(self._replace(sender, []) for sender in idle)
        self._empty_log()
        return deleted

    def _unsaved(self, tracker: DialogueStateTracker) -> Iterator[Event]:
        """Events that are not stored yet: a conversation is one session here, so its rows are its first events."""
        stored = self._stored.get(tracker.sender_id)
        if stored is None:
            stored = self.count_events(tracker.sender_id)
        return itertools.islice(tracker.events, stored, len(tracker.events))

    def _keep_one_connection(self) -> None:
        """One connection for the one thread that Rasa runs in: closing the last one would empty the log every time."""
        self.engine.dispose()
        self.engine = sqlalchemy.create_engine(
            self.engine.url, poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        sqlalchemy.event.listen(self.engine, "connect", _prepare_sqlite)
        self.sessionmaker = sqlalchemy.orm.session.sessionmaker(bind=self.engine)


def _row(sender_id: str, event: Event) -> dict[str, Any]:
    """An event as Rasa's own store writes it."""
    data = event.as_dict()
    return {
        "sender_id": sender_id,
        "type_name": event.type_name,
        "timestamp": data.get("timestamp"),
        "intent_name": data.get("parse_data", {}).get("intent", {}).get("name"),
        "action_name": data.get("name"),
        "data": json.dumps(data),
    }


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
