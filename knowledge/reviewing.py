"""The review queue at a terminal: what waits, what changed since it was last approved, and the reviewer's decision."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from knowledge.errors import IndexArtifactError, LedgerError
from knowledge.files import locked
from knowledge.index import load_current
from knowledge.linter import Finding
from knowledge.models import Approval, Decision, Passage, content_hash
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger, Standing

SAMPLE_REVIEWER = "Sample approval (not a clinician)"
APPROVAL_LASTS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. `sample` approvals count in `demo` mode only."""

    name: str
    credential: str
    sample: bool = False


def queue(standings: Iterable[Standing]) -> list[Standing]:
    """What needs a decision: waiting, changed and expired passages, in the order of the articles."""
    return [standing for standing in standings if standing.status in ("waiting", "changed", "expired")]


def decide(
    passage: Passage,
    decision: Decision,
    reviewer: Reviewer,
    *,
    note: str = "",
    now: datetime,
    expires: date | None = None,
) -> Approval:
    """A decision on a passage's present wording, good for a year unless `expires` says otherwise."""
    return Approval(
        passage=passage.id,
        content_hash=passage.content_hash,
        decision=decision,
        reviewer=reviewer.name,
        credential=reviewer.credential,
        sample=reviewer.sample,
        at=now.astimezone(UTC).replace(microsecond=0),
        expires=expires or (now.date() + APPROVAL_LASTS),
        note=note,
    )


def shown_words(passage: Passage) -> str:
    """Everything that an approval covers, as the reviewer sees it."""
    return _shown(passage.heading, passage.text, passage.simple)


def _shown(heading: str, text: str, simple: str) -> str:
    return f"{heading}\n\n{text}" + (f"\n\nSaid more simply:\n{simple}" if simple else "")


class Wordings:
    """What reviewers approved, word for word, so that a later change can be shown to them against it.

    A file beside the ledger; each line is found by its hash, which is that of its own words. It only helps to review:
    what is served depends on the ledger alone.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.path = ledger.path.with_suffix(".texts.jsonl")

    def add(self, passage: Passage) -> None:
        """Keep a passage's present wording."""
        entry = {"heading": passage.heading, "text": passage.text, "simple": passage.simple}
        with locked(self.path.with_suffix(".lock")), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def read(self) -> dict[str, str]:
        """Every wording by its hash."""
        lines = self.path.read_text(encoding="utf-8").split("\n") if self.path.exists() else []
        entries = [json.loads(line) for line in lines if line]
        return {content_hash(**entry): _shown(**entry) for entry in entries}


def approved_wordings(settings: KnowledgeSettings) -> Callable[[Standing], str | None]:
    """How a changed passage read when it was last approved: as the reviewer saw it, or as the index that serves holds it.

    Raises:
        LedgerError: If the file of wordings cannot be read.
    """
    try:
        served = load_current(settings.build, encoder=None).passages
    except IndexArtifactError:
        served = ()
    wordings = {vetted.passage.content_hash: shown_words(vetted.passage) for vetted in served}
    kept = Wordings(Ledger(settings.approvals))
    try:
        wordings |= kept.read()
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{kept.path}: a line cannot be read. Restore the file, or delete it.") from error
    return lambda standing: wordings.get(standing.last_approved.content_hash) if standing.last_approved else None


def difference(before: str, after: str) -> str:
    """A unified diff of two wordings."""
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), "approved", "now", lineterm=""))


def walk(
    standings: Iterable[Standing],
    ledger: Ledger,
    reviewer: Reviewer,
    *,
    ask: Callable[[str], str],
    show: Callable[[str], object],
    approved_words: Callable[[Standing], str | None],
    findings: Sequence[Finding] = (),
    now: datetime,
) -> int:
    """Walk the queue with a person; each decision is written at once, so that nothing is lost when they stop.

    Args:
        standings: Every passage with its status.
        ledger: Where decisions go.
        reviewer: Who decides.
        ask: Prompts for one line.
        show: Prints a text.
        approved_words: The last approved wording of a passage where it is still known.
        findings: What the linter found; each passage's own and its article's are shown with it.
        now: The time of the decisions.

    Returns:
        How many decisions were made.
    """
    kept = Wordings(ledger)
    decided = 0
    waiting = queue(standings)
    for number, standing in enumerate(waiting, start=1):
        passage = standing.passage
        show(f"\n[{number}/{len(waiting)}] {passage.id} ({standing.status})\n\n{shown_words(passage)}\n")
        show("Sources: " + "; ".join(f"{s.name} ({s.year})" for s in passage.sources))
        for finding in findings:
            if finding.place in (passage.id, passage.article):
                show(str(finding))
        before = approved_words(standing) if standing.status == "changed" else None
        if before is not None:
            show("Changed since it was last approved:\n" + difference(before, shown_words(passage)))
        choice = ask("Approve, reject, skip or quit? [a/r/s/q] ").strip().lower()
        if choice == "q":
            break
        if choice in ("a", "r"):
            note = ask("Note (may be empty): ").strip()
            decision: Decision = "approved" if choice == "a" else "rejected"
            decided += ledger.append([decide(passage, decision, reviewer, note=note, now=now)])
            if decision == "approved":
                kept.add(passage)
    return decided
