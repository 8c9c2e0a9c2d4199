from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from knowledge.builder import read_standings
from knowledge.errors import LedgerError
from knowledge.index import phrases_of, switch_current, write_artifact
from knowledge.linter import Finding
from knowledge.reviewing import Wordings, approved_wordings, decide, difference, queue, shown_words, walk
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger, Standing, servable
from knowledge.vocabulary import load_vocabulary
from tests.knowledge.content import (
    CLINICIAN,
    FINGERPRINT,
    NOW,
    SAMPLE,
    TODAY,
    approve,
    edit,
    knowledge_base,
    word_vectors,
    write_article,
)


class Person:
    """A reviewer at a terminal who types prepared answers."""

    def __init__(self, typed: Iterable[str]) -> None:
        self._typed: Iterator[str] = iter(typed)
        self.shown: list[str] = []
        self.asked: list[str] = []

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return next(self._typed)

    def show(self, text: str) -> None:
        self.shown.append(text)

    def walks(self, settings: KnowledgeSettings, findings: Sequence[Finding] = ()) -> int:
        return walk(
            standings(settings),
            Ledger(settings.approvals),
            CLINICIAN,
            ask=self.ask,
            show=self.show,
            approved_words=approved_wordings(settings),
            findings=findings,
            now=NOW,
        )


def standings(settings: KnowledgeSettings, today: date = TODAY) -> list[Standing]:
    return read_standings(settings, today)


def build_index(settings: KnowledgeSettings) -> None:
    vetted = servable(standings(settings))
    vectors = word_vectors(phrase.text for phrase in phrases_of(vetted))
    vocabulary = load_vocabulary(settings.vocabulary)
    switch_current(settings.build, write_artifact(settings.build, vetted, vectors, FINGERPRINT, vocabulary))


@pytest.fixture
def settings(tmp_path: Path) -> KnowledgeSettings:
    return knowledge_base(tmp_path)


def test_queue_holds_what_waits_what_changed_and_what_expired(settings: KnowledgeSettings) -> None:
    approve(settings, only=lambda passage: passage.article == "kettles", expires=TODAY)
    assert [standing.passage.id for standing in queue(standings(settings))] == ["chairs#1"]
    assert len(queue(standings(settings, TODAY + timedelta(days=1)))) == 3
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    waiting = {standing.passage.id: standing.status for standing in queue(standings(settings))}
    assert waiting == {"chairs#1": "waiting", "kettles#1": "changed"}


def test_queue_leaves_out_what_was_rejected(settings: KnowledgeSettings) -> None:
    approve(settings, decision="rejected")
    assert queue(standings(settings)) == []


def test_decision_holds_for_a_year_unless_said_otherwise(settings: KnowledgeSettings) -> None:
    passage = standings(settings)[0].passage
    assert decide(passage, "approved", CLINICIAN, now=NOW).expires == date(2031, 5, 6)
    assert decide(passage, "approved", CLINICIAN, now=NOW, expires=TODAY).expires == TODAY
    assert decide(passage, "approved", SAMPLE, now=NOW).sample


def test_walk_records_approvals_rejections_and_notes(settings: KnowledgeSettings) -> None:
    person = Person(["a", "reads well", "r", "wrong about steam", "S"])
    assert person.walks(settings) == 2
    made = [(d.passage, d.decision, d.note, d.reviewer, d.credential) for d in Ledger(settings.approvals).read()]
    assert made == [
        ("chairs#1", "approved", "reads well", "Robin Example", "NP"),
        ("kettles#1", "rejected", "wrong about steam", "Robin Example", "NP"),
    ]
    assert [standing.status for standing in standings(settings)] == ["approved", "rejected", "waiting"]


def test_walk_keeps_what_was_decided_before_the_person_quit(settings: KnowledgeSettings) -> None:
    assert Person(["a", "", "q"]).walks(settings) == 1
    assert len(Ledger(settings.approvals).read()) == 1


def test_walk_takes_anything_but_a_clear_answer_for_a_skip(settings: KnowledgeSettings) -> None:
    assert Person(["yes", "", "approve"]).walks(settings) == 0
    assert not settings.approvals.exists()


def test_walk_shows_every_word_that_is_approved_and_its_sources(settings: KnowledgeSettings) -> None:
    write_article(settings, "lamps", {"Why dark?": "The lamp is off."}, simple={"Why dark?": "Lamp off."})
    person = Person(["s"] * 4)
    person.walks(settings)
    shown = "\n".join(person.shown)
    for standing in standings(settings):
        assert shown_words(standing.passage) in shown
    assert "Lamp off." in shown
    assert "Sources: A made-up handbook (2029)" in shown


def test_walk_shows_what_changed_since_the_last_approval(settings: KnowledgeSettings) -> None:
    approve(settings)
    build_index(settings)
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    person = Person(["s"])
    person.walks(settings)
    shown = "\n".join(person.shown)
    assert "[1/1] kettles#1 (changed)" in shown
    assert "-Yes. A kettle works best when it holds water. Fill it to the line." in shown
    assert "+Yes. A kettle works best when it holds water. Fill it to the mark." in shown


def test_walk_shows_what_changed_however_often_the_index_was_built_since(settings: KnowledgeSettings) -> None:
    Person(["a", ""] * 3).walks(settings)
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    for _ in range(2):
        build_index(settings)
    person = Person(["r", "no"])
    person.walks(settings)
    assert "-Yes. A kettle works best when it holds water. Fill it to the line." in "\n".join(person.shown)
    edit(settings.articles / "kettles.md", "to the mark", "to the brim")
    build_index(settings)
    person = Person(["s"])
    person.walks(settings)
    shown = "\n".join(person.shown)
    assert "-Yes. A kettle works best when it holds water. Fill it to the line." in shown
    assert "+Yes. A kettle works best when it holds water. Fill it to the brim." in shown


def test_walk_shows_no_wording_but_the_one_that_was_approved(settings: KnowledgeSettings) -> None:
    Person(["a", ""] * 3).walks(settings)
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    kept = Wordings(Ledger(settings.approvals)).path
    kept.write_text(kept.read_text().replace("to the line", "to the moon"))
    person = Person(["s"])
    person.walks(settings)
    assert "moon" not in "\n".join(person.shown)
    kept.write_text("half a li")
    with pytest.raises(LedgerError, match=r"approvals\.texts\.jsonl: a line cannot be read"):
        approved_wordings(settings)


def test_walk_shows_what_the_linter_says_of_a_passage_and_of_its_article(settings: KnowledgeSettings) -> None:
    findings = [
        Finding("warning", "fear", "kettles#1", "a frightening word"),
        Finding("warning", "stale", "kettles", "review soon"),
    ]
    person = Person(["s"] * 3)
    person.walks(settings, findings)
    by_passage = "\n".join(person.shown).split("\n[")
    assert [("a frightening word" in text, "review soon" in text) for text in by_passage[1:]] == [
        (False, False),
        (True, True),
        (False, True),
    ]


def test_walk_works_without_an_index(settings: KnowledgeSettings) -> None:
    approve(settings)
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    person = Person(["a", ""])
    assert person.walks(settings) == 1
    assert not any("Changed since" in text for text in person.shown)
    assert {standing.status for standing in standings(settings)} == {"approved"}


def test_difference_of_equal_wordings_is_empty() -> None:
    assert difference("a\nb", "a\nb") == ""
