"""The list of questions that no article answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import SettingsError
from knowledge.out_of_scope import NOTHING, OutOfScope, fingerprint, read_out_of_scope
from knowledge.settings import KnowledgeSettings
from tests.knowledge.content import word_vectors

TEXTS = ("who fixes roofs", "when do trains leave", "can a roof leak")


@pytest.fixture
def listed() -> OutOfScope:
    return OutOfScope(TEXTS, word_vectors(TEXTS))


def test_the_same_question_is_as_like_as_can_be(listed: OutOfScope) -> None:
    cosine, wording = listed.likeness(word_vectors(["who fixes roofs"])[0], "who fixes roofs")
    assert wording == 1.0
    assert cosine == pytest.approx(np.mean(listed.vectors @ word_vectors(["who fixes roofs"])[0]), abs=1e-6)


def test_another_question_is_less_like(listed: OutOfScope) -> None:
    same = listed.likeness(word_vectors(["when do trains leave"])[0], "when do trains leave")
    other = listed.likeness(word_vectors(["is bread cheap"])[0], "is bread cheap")
    assert other[0] < same[0]
    assert other[1] < same[1]


def test_an_empty_list_is_like_nothing() -> None:
    assert NOTHING.likeness(word_vectors(["is bread cheap"])[0], "is bread cheap") == (0.0, 0.0)


def test_questions_that_a_phrase_asks_are_dropped(listed: OutOfScope) -> None:
    kept = listed.without_answered(word_vectors(["when do trains leave"]))
    assert kept.texts == ("who fixes roofs", "can a roof leak")
    assert np.array_equal(kept.vectors, listed.vectors[[0, 2]])


def test_reading_skips_blanks_comments_and_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# why\n\nwho fixes roofs\n  can a roof leak  \nwho fixes roofs\n", encoding="utf-8")
    assert read_out_of_scope(path) == ("who fixes roofs", "can a roof leak")


def test_a_missing_list_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"list\.txt.*leave it empty"):
        read_out_of_scope(tmp_path / "list.txt")


def test_fingerprint_changes_with_the_list() -> None:
    assert fingerprint(TEXTS) == fingerprint(list(TEXTS))
    assert fingerprint(TEXTS) != fingerprint(TEXTS[:-1])


def test_the_shipped_list_is_broad_and_shares_no_question_with_the_golden_sets() -> None:
    from tests.golden.goldens import SETS, load

    shipped = read_out_of_scope(KnowledgeSettings().out_of_scope)
    golden = {one.text.strip().lower().rstrip("?") for name in SETS for one in load(name)}
    assert len(shipped) >= 2_000
    assert len([text for text in shipped if text.lower().rstrip("?") in golden]) <= 0.01 * len(shipped)
