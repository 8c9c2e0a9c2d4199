"""The gateway's tables, called from many threads at once as a busy gateway does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from bot.gateway import words
from bot.gateway.store import FEEDBACK, FLAG_COUNTS, SessionEnded, Store
from knowledge.clinic import load_clinic
from knowledge.settings import ROOT
from tests.databases import emptied

T = TypeVar("T")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(emptied() or f"sqlite:///{tmp_path / 'gateway.db'}")
    yield opened
    opened.close()


def at_once(call: Callable[[int], T], times: int = 16) -> list[T]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(call, range(times)))


def rows(store: Store, table: Any) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(table)))


def test_store_opens_a_session_once_however_often_it_is_asked(store: Store) -> None:
    at_once(lambda _: store.open_session("s", "web", HOUR))
    assert store.is_live("s")
    store.end_session("s")
    assert not store.is_live("s")
    store.open_session("s", "web", HOUR)
    assert store.is_live("s")


def test_store_begins_a_turn_once_however_often_it_is_sent(store: Store) -> None:
    store.open_session("s", "web", HOUR)
    turns = at_once(lambda number: store.begin_turn("s", f"m{number % 2}", f"text {number % 2}"))
    assert len({turn.id for turn in turns}) == 2
    assert [turn.text for turn in store.turns("s")] in (["text 0", "text 1"], ["text 1", "text 0"])


def test_store_begins_no_turn_in_a_session_that_is_gone(store: Store) -> None:
    with pytest.raises(SessionEnded):
        store.begin_turn("nobody", "m", "text")
    store.open_session("s", "web", HOUR)
    store.erase("s")
    with pytest.raises(SessionEnded):
        store.begin_turn("s", "m", "text")
    assert store.pending_erasures() == ["s"]


def test_store_gives_replies_back_with_their_turn(store: Store) -> None:
    store.open_session("s", "web", HOUR)
    reply = words.greeting(load_clinic(ROOT / "bot" / "clinic.yml"))
    turn = store.begin_turn("s", "m", "ħello 🌿")
    assert (turn.answered, turn.replies) == (False, ())
    store.finish_turn("s", turn.id, [reply])
    found = store.begin_turn("s", "m", "ħello 🌿")
    assert (found.answered, found.replies, found.text) == (True, (reply,), "ħello 🌿")
    assert store.reply("s", reply.id) == reply
    assert store.reply("another", reply.id) is None
    at_once(lambda number: store.add_feedback(reply.id, "down", f"reason {number}"))
    assert [(row.reply_id, row.rating) for row in rows(store, FEEDBACK)] == [(reply.id, "down")]
    store.erase("s")
    assert rows(store, FEEDBACK) == []
    assert store.reply("s", reply.id) is None


def test_store_counts_every_flag(store: Store) -> None:
    at_once(lambda number: store.count_flag("crisis", "alarm", number % 2), times=40)
    assert sorted((row.group, row.count) for row in rows(store, FLAG_COUNTS)) == [(0, 20), (1, 20)]


def test_store_marks_callbacks_and_deletes_old_ones(store: Store) -> None:
    numbers = at_once(lambda number: store.add_callback("s", b"sealed\x00%d" % number), times=3)
    assert sorted(numbers) == sorted(set(numbers))
    assert all(at_once(lambda _: store.mark_callback(numbers[1], "done")))
    assert not store.mark_callback(max(numbers) + 1, "done")
    waiting = sorted(number for number in numbers if number != numbers[1])
    assert [callback.id for callback in store.callbacks()] == waiting
    assert len(store.callbacks(without="told")) == 3
    assert store.callbacks()[0].sealed.startswith(b"sealed\x00")
    assert store.drop_callbacks(HOUR) == []
    assert sorted(store.drop_callbacks(timedelta(0))) == waiting
    assert store.callbacks(without="told") == []


def test_store_forgets_who_asked_when_a_session_grew_old(store: Store) -> None:
    for session_id in ("old", "erased"):
        store.open_session(session_id, "web", -HOUR)
        store.file_question(session_id, f"question of {session_id}")
    assert sorted(store.expired(timedelta(0))) == ["erased", "old"]
    assert store.expired(HOUR) == []
    store.erase("old", by_request=False)
    store.erase("erased")
    assert [question for _, question in store.questions()] == ["question of old"]
    store.drop_questions(HOUR)
    assert len(store.questions()) == 1
    store.drop_questions(timedelta(0))
    assert store.questions() == []
    assert sorted(store.pending_erasures()) == ["erased", "old"]
    store.erasure_done("old")
    assert store.pending_erasures() == ["erased"]
