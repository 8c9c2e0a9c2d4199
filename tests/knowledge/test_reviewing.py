from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from knowledge.__main__ import main
from knowledge.builder import read_standings
from knowledge.errors import KnowledgeError, LedgerError
from knowledge.index import phrases_of, switch_current, write_artifact
from knowledge.linter import Finding, readability
from knowledge.reviewing import Wordings, approved_wordings, decide, difference, named, queue, shown_words, walk
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

    def walks(
        self,
        settings: KnowledgeSettings,
        findings: Sequence[Finding] = (),
        names: Sequence[str] = (),
        blocked: Collection[str] = (),
    ) -> int:
        found = standings(settings)
        return walk(
            named(found, names) if names else queue(found, TODAY),
            Ledger(settings.approvals),
            CLINICIAN,
            ask=self.ask,
            show=self.show,
            approved_words=approved_wordings(settings),
            findings=findings,
            blocked=blocked,
            now=NOW,
        )


def standings(settings: KnowledgeSettings, today: date = TODAY) -> list[Standing]:
    return read_standings(settings, today)


def queued(settings: KnowledgeSettings, today: date = TODAY, *, clinician: bool = False) -> dict[str, str]:
    found = queue(standings(settings, today), today, clinician=clinician)
    return {standing.passage.id: standing.status for standing in found}


def build_index(settings: KnowledgeSettings) -> None:
    vetted = servable(standings(settings))
    vectors = word_vectors(phrase.text for phrase in phrases_of(vetted))
    vocabulary = load_vocabulary(settings.vocabulary)
    switch_current(settings.build, write_artifact(settings.build, vetted, vectors, FINGERPRINT, vocabulary))


@pytest.fixture
def settings(tmp_path: Path) -> KnowledgeSettings:
    return knowledge_base(tmp_path)


def test_queue_holds_what_waits_what_changed_and_what_expired(settings: KnowledgeSettings) -> None:
    last = TODAY + timedelta(days=365)
    approve(settings, only=lambda passage: passage.article == "kettles", expires=last)
    assert queued(settings) == {"chairs#1": "waiting"}
    edit(settings.articles / "kettles.md", "to the line", "to the mark")
    assert queued(settings) == {"chairs#1": "waiting", "kettles#1": "changed"}
    assert queued(settings, last + timedelta(days=1))["kettles#2"] == "expired"


def test_queue_holds_an_approval_that_runs_out_soon_so_that_it_can_be_renewed_in_time(
    settings: KnowledgeSettings,
) -> None:
    approve(settings, expires=TODAY + timedelta(days=60))
    assert queued(settings, TODAY - timedelta(days=1)) == {}
    assert set(queued(settings).values()) == {"approved"}
    person = Person(["a", "still right"] * 3)
    assert person.walks(settings) == 3
    assert "Before: approved by Robin Example, NP on 2030-05-06 until 2030-07-05." in person.shown[0]
    assert queued(settings) == {}


def test_queue_leaves_out_what_was_rejected(settings: KnowledgeSettings) -> None:
    approve(settings, decision="rejected")
    assert queued(settings) == {}


def test_queue_of_a_clinician_holds_what_only_a_sample_approval_lets_be_served(settings: KnowledgeSettings) -> None:
    approve(settings, reviewer=SAMPLE)
    assert queued(settings) == {}
    assert set(queued(settings, clinician=True)) == {"chairs#1", "kettles#1", "kettles#2"}
    approve(settings, only=lambda passage: passage.article == "kettles")
    assert queued(settings, clinician=True) == {"chairs#1": "approved"}


def test_clinician_reviews_the_sample_in_demo_mode(
    settings: KnowledgeSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(settings, reviewer=SAMPLE, now=datetime.now(UTC))
    for file in ("articles", "approvals.jsonl", "clinic.yml", "build", "vocabulary.yml", "out_of_scope.txt"):
        monkeypatch.setenv(f"VAGUS_{Path(file).stem.upper()}", str(settings.articles.parent / file))
    assert main(["review", "--list"]) == 0
    assert capsys.readouterr().out == ""
    typed = iter(["a", "reads well", "q"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    assert main(["review", "--reviewer", "Robin Example", "--credential", "NP"]) == 0
    assert "[1/3] chairs#1" in capsys.readouterr().out
    assert [d.sample for d in Ledger(settings.approvals).read()] == [True, True, True, False]
    assert main(["review", "--sample", "--reviewer", "Robin Example"]) == 0
    assert "0 decisions recorded" in capsys.readouterr().out


def test_named_passages_are_those_of_an_id_or_an_article_whatever_was_decided(settings: KnowledgeSettings) -> None:
    approve(settings)
    found = standings(settings)
    assert [s.passage.id for s in named(found, ["kettles#2", "chairs"])] == ["chairs#1", "kettles#2"]
    with pytest.raises(KnowledgeError, match="'chair': no such passage or article"):
        named(found, ["kettles", "chair"])


def test_walk_withdraws_an_approved_passage_and_reconsiders_a_rejected_one(settings: KnowledgeSettings) -> None:
    approve(settings)
    assert Person(["r", "out of date"]).walks(settings, names=["kettles#1"]) == 1
    assert [s.status for s in standings(settings)] == ["approved", "rejected", "approved"]
    person = Person(["a", "checked again"])
    assert person.walks(settings, names=["kettles#1"]) == 1
    assert "Before: withdrawn by Robin Example, NP" in person.shown[0]
    assert person.shown[0].endswith(". out of date")
    assert [s.status for s in standings(settings)] == ["approved"] * 3


def test_walk_lets_nobody_approve_what_has_an_error(settings: KnowledgeSettings) -> None:
    person = Person(["a", "r", "wrong"])
    assert person.walks(settings, names=["kettles"], blocked=["kettles#1", "kettles#2"]) == 1
    assert person.asked[0].startswith("Cannot be approved before its errors are mended.")
    assert [(d.passage, d.decision) for d in Ledger(settings.approvals).read()] == [("kettles#2", "rejected")]


@pytest.mark.parametrize("leaves", [EOFError, KeyboardInterrupt])
@pytest.mark.parametrize("typed", [[], ["a"], ["r"]])
def test_walk_ends_quietly_when_the_person_closes_the_terminal(
    settings: KnowledgeSettings, typed: list[str], leaves: type[BaseException]
) -> None:
    class Leaver(Person):
        def ask(self, prompt: str) -> str:
            try:
                return super().ask(prompt)
            except StopIteration:
                raise leaves from None

    assert Leaver(["a", "good", *typed]).walks(settings) == 1
    assert [d.decision for d in Ledger(settings.approvals).read()] == ["approved"]


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
    assert "Sources: A made-up handbook (2029), https://example.net/book" in shown
    assert "(waiting) of 'About lamps'" in shown
    assert f"Reading grade {readability('The lamp is off.').grade:.1f}, 4 words" in shown


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
