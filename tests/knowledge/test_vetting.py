from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge.builder import read_passages
from knowledge.errors import LedgerError
from knowledge.models import DISCLAIMER, Answer, Approval, Passage, Source, Vetted
from knowledge.reviewing import decide
from knowledge.vetting import ContentMode, Ledger, Standing, expiring, servable, standings
from tests.knowledge.content import CLINICIAN, NOW, SAMPLE, TODAY, approve, edit, knowledge_base


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger of three decisions."""
    settings = knowledge_base(tmp_path)
    assert approve(settings) == 3
    return Ledger(settings.approvals)


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> list[Passage]:
    return read_passages(knowledge_base(tmp_path_factory.mktemp("knowledge")))


def decision(passage: Passage, **changes: Any) -> Approval:
    made = {"decision": "approved", "reviewer": CLINICIAN, "now": NOW, "expires": None, **changes}
    return decide(passage, made.pop("decision"), made.pop("reviewer"), **made)


def status(passage: Passage, *decisions: Approval, mode: ContentMode = "demo", today: date = TODAY) -> str:
    return standings([passage], decisions, mode=mode, today=today)[0].status


def lines(ledger: Ledger) -> list[str]:
    return ledger.path.read_text(encoding="utf-8").splitlines(keepends=True)


def rewrite(ledger: Ledger, changed: list[str]) -> None:
    ledger.path.write_text("".join(changed), encoding="utf-8")


def broken(ledger: Ledger) -> str:
    with pytest.raises(LedgerError) as caught:
        ledger.read()
    with pytest.raises(LedgerError):
        ledger.append([])
    return str(caught.value)


# The chain


def test_ledger_gives_back_every_decision_in_order(ledger: Ledger) -> None:
    found = ledger.read()
    assert [approval.passage for approval in found] == ["chairs#1", "kettles#1", "kettles#2"]
    assert {approval.reviewer for approval in found} == {"Robin Example"}
    assert found[0].at == NOW
    assert found[0].expires == date(2031, 5, 6)


def test_ledger_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "approvals.jsonl").read() == []


@pytest.mark.parametrize("number", [0, 1, 2])
def test_ledger_finds_an_edited_line(ledger: Ledger, number: int) -> None:
    changed = lines(ledger)
    changed[number] = changed[number].replace("Robin Example", "Someone Else")
    rewrite(ledger, changed)
    assert f"{ledger.path}: line {number + 1}: was edited after it was written. Restore the file" in broken(ledger)


@pytest.mark.parametrize("number", [0, 1])
def test_ledger_finds_a_deleted_line(ledger: Ledger, number: int) -> None:
    changed = lines(ledger)
    del changed[number]
    rewrite(ledger, changed)
    assert f"line {number + 1}: does not follow the line before it. A line was moved or deleted" in broken(ledger)


def test_ledger_finds_moved_lines(ledger: Ledger) -> None:
    first, second, third = lines(ledger)
    rewrite(ledger, [first, third, second])
    assert "line 2: does not follow the line before it" in broken(ledger)


def test_ledger_finds_a_line_that_stands_twice(ledger: Ledger) -> None:
    rewrite(ledger, [*lines(ledger), lines(ledger)[-1]])
    assert "line 4: does not follow the line before it" in broken(ledger)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_ledger_finds_lines_cut_off_the_end(ledger: Ledger, kept: int) -> None:
    rewrite(ledger, lines(ledger)[:kept])
    assert f"{ledger.path}: lines are missing at the end (approvals.head names a later one). Restore it." in broken(
        ledger
    )


def test_ledger_that_was_deleted_is_missed(ledger: Ledger) -> None:
    ledger.path.unlink()
    assert "lines are missing at the end" in broken(ledger)


def test_ledger_finds_a_line_cut_in_the_middle(ledger: Ledger) -> None:
    changed = lines(ledger)
    rewrite(ledger, [*changed[:2], changed[2][: len(changed[2]) // 2]])
    assert "line 3: not valid JSON. Restore the file from its last good copy." in broken(ledger)


def test_ledger_without_its_head_is_refused(ledger: Ledger) -> None:
    head = ledger.path.with_suffix(".head")
    head.unlink()
    assert broken(ledger) == f"{head}: missing. Restore it together with approvals.jsonl."


@pytest.mark.parametrize("line", ["[]", '"approved"', "{}", '{"passage": "a#1", "decision": "approved"}'])
def test_ledger_finds_a_line_that_is_no_decision(ledger: Ledger, line: str) -> None:
    rewrite(ledger, [*lines(ledger), f"{line}\n"])
    assert "line 4: does not have the fields of a decision" in broken(ledger)


def test_ledger_finds_an_entry_forged_with_a_hash_of_its_own(ledger: Ledger) -> None:
    forged = {**json.loads(lines(ledger)[-1]), "previous": "0" * 64, "hash": "1" * 64}
    rewrite(ledger, [*lines(ledger), json.dumps(forged) + "\n"])
    assert "line 4: does not follow" in broken(ledger)


def test_ledger_survives_a_crash_between_a_line_and_its_head(ledger: Ledger, passages: list[Passage]) -> None:
    head = ledger.path.with_suffix(".head")
    before = head.read_text()
    ledger.append([decision(passages[0])])
    head.write_text(before)
    assert len(ledger.read()) == 4
    ledger.append([decision(passages[1])])
    assert len(ledger.read()) == 5


@pytest.mark.parametrize(
    "note", ["two\nlines", "a\u2028b\u2029c\x85d\x0be", 'quotes " and \\', "\u05e9\u05dc\u05d5\u05dd \U0001f600"]
)
def test_ledger_keeps_any_note(ledger: Ledger, passages: list[Passage], note: str) -> None:
    ledger.append([decision(passages[0], note=note)])
    ledger.append([decision(passages[1])])
    assert ledger.read()[3].note == note


def test_ledger_takes_decisions_of_two_reviewers_at_once(tmp_path: Path, passages: list[Passage]) -> None:
    path = tmp_path / "shared.jsonl"

    def review() -> None:
        for _ in range(5):
            Ledger(path).append([decision(passages[0])])

    threads = [threading.Thread(target=review) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Ledger(path).read()) == 20


def test_ledger_is_only_ever_added_to(ledger: Ledger, passages: list[Passage]) -> None:
    before = ledger.path.read_bytes()
    ledger.append([decision(passages[0], decision="withdrawn")])
    assert ledger.path.read_bytes().startswith(before)


# What may be served


def test_passage_that_nobody_decided_on_waits(passages: list[Passage]) -> None:
    assert status(passages[0]) == "waiting"


def test_passage_approved_by_a_clinician_is_served_in_both_modes(passages: list[Passage]) -> None:
    made = decision(passages[0])
    assert status(passages[0], made) == "approved"
    assert status(passages[0], made, mode="live") == "approved"


def test_sample_approval_counts_in_demo_mode_only(passages: list[Passage]) -> None:
    sample = decision(passages[0], reviewer=SAMPLE)
    assert status(passages[0], sample) == "approved"
    assert status(passages[0], sample, mode="live") == "waiting"


def test_sample_approval_cannot_overrule_a_clinicians_rejection_in_live_mode(passages: list[Passage]) -> None:
    rejected = decision(passages[0], decision="rejected")
    assert status(passages[0], rejected, decision(passages[0], reviewer=SAMPLE), mode="live") == "rejected"


@pytest.mark.parametrize("word", ["rejected", "withdrawn"])
def test_latest_decision_counts(passages: list[Passage], word: str) -> None:
    yes, no = decision(passages[0]), decision(passages[0], decision=word)
    assert status(passages[0], yes, no) == "rejected"
    assert status(passages[0], no, yes) == "approved"


def test_approval_holds_on_its_last_day_and_not_after(passages: list[Passage]) -> None:
    made = decision(passages[0], expires=TODAY)
    assert status(passages[0], made, today=TODAY) == "approved"
    assert status(passages[0], made, today=TODAY + timedelta(days=1)) == "expired"


def test_approval_is_of_a_wording_and_not_of_a_place(tmp_path: Path) -> None:
    settings = knowledge_base(tmp_path)
    approve(settings)
    decisions = Ledger(settings.approvals).read()
    article = settings.articles / "kettles.md"
    edit(article, "## Why does the kettle whistle?", "## Why does a kettle whistle?")
    found = {s.passage.id: s for s in standings(read_passages(settings), decisions, mode="demo", today=TODAY)}
    assert found["kettles#2"].status == "changed"
    assert found["kettles#2"].approval is None
    assert found["kettles#2"].last_approved == decisions[2]
    assert {s.status for id_, s in found.items() if id_ != "kettles#2"} == {"approved"}
    edit(article, "## Why does a kettle whistle?", "## Why does the kettle whistle?")
    again = standings(read_passages(settings), decisions, mode="demo", today=TODAY)
    assert {standing.status for standing in again} == {"approved"}


def test_approval_moves_with_its_wording_when_a_section_is_put_before_it(tmp_path: Path) -> None:
    settings = knowledge_base(tmp_path)
    approve(settings)
    edit(settings.articles / "kettles.md", "## Does water help", "## What is new?\n\nThis is.\n\n## Does water help")
    found = standings(read_passages(settings), Ledger(settings.approvals).read(), mode="demo", today=TODAY)
    by_heading = {standing.passage.heading: standing.status for standing in found}
    assert by_heading.pop("What is new?") in ("waiting", "changed")
    assert set(by_heading.values()) == {"approved"}


def test_only_approved_passages_are_servable_each_with_its_approval(passages: list[Passage]) -> None:
    decisions = [
        decision(passages[0]),
        decision(passages[1], decision="rejected"),
        decision(passages[2], expires=TODAY - timedelta(days=1)),
    ]
    found = standings(passages, decisions, mode="demo", today=TODAY)
    assert servable(found) == [Vetted(passages[0], decisions[0])]


def test_expiry_is_announced_sixty_days_ahead(passages: list[Passage]) -> None:
    def announced(days: int) -> list[Standing]:
        made = decision(passages[0], expires=TODAY + timedelta(days=days))
        return expiring(standings([passages[0]], [made], mode="demo", today=TODAY), TODAY)

    assert announced(61) == []
    assert len(announced(60)) == 1
    assert announced(-1) == []


# An Answer


PASSAGE = Passage("a", 1, "A heading?", "Text.", 0, 5, "A", sources=(Source("s", "Book", 2030, "https://x.example"),))


def approval_of(passage: Passage) -> Approval:
    return decide(passage, "approved", CLINICIAN, now=datetime(2030, 1, 1, tzinfo=UTC))


def test_answer_needs_a_passage() -> None:
    with pytest.raises(ValueError, match="at least one passage"):
        Answer((), DISCLAIMER, None)


@pytest.mark.parametrize("disclaimer", ["", "  \n"])
def test_answer_needs_its_disclaimer(disclaimer: str) -> None:
    with pytest.raises(ValueError, match="needs its disclaimer"):
        Answer((Vetted(PASSAGE, approval_of(PASSAGE)),), disclaimer, None)


def test_answer_needs_a_source_for_each_passage() -> None:
    bare = Passage("a", 2, "B?", "Text.", 0, 5, "A")
    with pytest.raises(ValueError, match="passage a#2 has no source"):
        Answer((Vetted(PASSAGE, approval_of(PASSAGE)), Vetted(bare, approval_of(bare))), DISCLAIMER, None)


def test_answer_needs_the_approval_of_that_very_wording() -> None:
    other = Passage("a", 1, "A heading?", "Text!", 0, 5, "A", sources=PASSAGE.sources)
    with pytest.raises(ValueError, match="passage a#1 is not what its reviewer approved"):
        Answer((Vetted(PASSAGE, approval_of(other)),), DISCLAIMER, None)


@pytest.mark.parametrize("word", ["rejected", "withdrawn"])
def test_answer_needs_a_decision_that_approves(word: Any) -> None:
    refused = decide(PASSAGE, word, CLINICIAN, now=NOW)
    with pytest.raises(ValueError, match="passage a#1 is not what its reviewer approved"):
        Answer((Vetted(PASSAGE, refused),), DISCLAIMER, None)
