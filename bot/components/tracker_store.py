"""Rasa's SQL tracker store, able to forget."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import ActionExecuted, SessionStarted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker


class ErasableTrackerStore(SQLTrackerStore):  # type: ignore[misc]
    """An SQL tracker store whose conversations can really be erased.

    On SQLite deleted rows are overwritten (`secure_delete`) and the write-ahead log is emptied after each erasure, so
    that a patient's words do not stay behind in free pages.
    """

    def __init__(self, **settings: Any) -> None:
        """Open the store; `settings` are those of `SQLTrackerStore`."""
        super().__init__(**settings)
        if self.engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(self.engine, "connect", _prepare_sqlite)
            self.engine.dispose()  # connections opened before the listener go

    def erase(self, sender_id: str) -> int:
        """Delete every event of a conversation; returns how many there were."""
        return self._delete(self.SQLEvent.sender_id == sender_id)

    def count_events(self, sender_id: str) -> int:
        """How many events a conversation has."""
        with self.session_scope() as session:
            return int(session.query(self.SQLEvent.id).filter(self.SQLEvent.sender_id == sender_id).count())

    async def forget_events(self, sender_id: str) -> None:
        """Replace a conversation by its slots: what was said is gone, what the dialogue needs to go on stays."""
        tracker = await self.retrieve(sender_id)
        if tracker is None or tracker.active_loop:  # a form in progress needs its events
            return
        self.erase(sender_id)
        # In this order: Rasa reads events from the session's start on, by the time at which they were made.
        events = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
        events += [SlotSet(name, slot.value) for name, slot in tracker.slots.items() if slot.value is not None]
        events.append(ActionExecuted(ACTION_LISTEN_NAME))
        await self.save(DialogueStateTracker.from_events(sender_id, events, self.domain.slots))

    def erase_idle(self, seconds: float) -> int:
        """Delete conversations in which nothing happened for `seconds`; returns how many events went."""
        with self.session_scope() as session:
            latest = sqlalchemy.func.max(self.SQLEvent.timestamp)
            rows = session.query(self.SQLEvent.sender_id).group_by(self.SQLEvent.sender_id)
            idle = [sender for (sender,) in rows.having(latest < time.time() - seconds)]
        return sum(self.erase(sender) for sender in idle)

    def _delete(self, condition: Any) -> int:
        with self.session_scope() as session:
            deleted = session.query(self.SQLEvent).filter(condition).delete(synchronize_session=False)
            session.commit()
            if deleted and self.engine.dialect.name == "sqlite":
                session.execute(sqlalchemy.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        return int(deleted)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
