"""The review queue at a terminal: what waits, what changed since it was last approved, and the reviewer's decision."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from knowledge.errors import IndexArtifactError, KnowledgeError, LedgerError
from knowledge.files import locked
from knowledge.index import load_current
from knowledge.linter import Finding, readability
from knowledge.models import Approval, Decision, Passage, content_hash
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger, Standing, expiring

SAMPLE_REVIEWER = "Sample approval (not a clinician)"
APPROVAL_LASTS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. `sample` approvals count in `demo` mode only."""

    name: str
    credential: str
    sample: bool = False


def queue(standings: Iterable[Standing], today: date, *, clinician: bool = False) -> list[Standing]:
    """What needs a decision, in the order of the articles.

    Waiting, changed and expired passages, and approvals that run out soon, so that they can be renewed while they hold.

    Args:
        standings: Where every passage stands.
        today: The date at the clinic.
        clinician: Whether a clinician decides, to whom a sample approval is none.
    """
    found = list(standings)
    soon = {standing.passage.id for standing in expiring(found, today)}
    samples = {s.passage.id for s in found if clinician and s.status == "approved" and s.approval and s.approval.sample}
    return [s for s in found if s.status in ("waiting", "changed", "expired") or s.passage.id in soon | samples]


def named(standings: Iterable[Standing], names: Sequence[str]) -> list[Standing]:
    """The passages of which a reviewer gives the id or the article's slug, whatever their status.

    Raises:
        KnowledgeError: If a name is neither.
    """
    found = list(standings)
    known = {name for standing in found for name in (standing.passage.id, standing.passage.article)}
    for name in names:
        if name not in known:
            raise KnowledgeError(
                f"review: {name!r}: no such passage or article. Write it as `review --list` does, such as leaky-gut#3, "
                "or leaky-gut for all of the article."
            )
    return [s for s in found if s.passage.id in names or s.passage.article in names]


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
    blocked: Collection[str] = (),
    now: datetime,
) -> int:
    """Walk through passages with a person; each decision is written at once, so that nothing is lost when they stop.

    To reject a passage that is approved withdraws it.

    Args:
        standings: What to decide on.
        ledger: Where decisions go.
        reviewer: Who decides.
        ask: Prompts for one line.
        show: Prints a text.
        approved_words: The last approved wording of a passage where it is still known.
        findings: What the linter found; each passage's own and its article's are shown with it.
        blocked: Ids of passages that cannot be approved.
        now: The time of the decisions.

    Returns:
        How many decisions were made.
    """
    kept = Wordings(ledger)
    decided = 0
    waiting = list(standings)
    for number, standing in enumerate(waiting, start=1):
        passage = standing.passage
        show(f"\n[{number}/{len(waiting)}] " + _presented(standing))
        for finding in findings:
            if finding.place in (passage.id, passage.article):
                show(str(finding))
        before = approved_words(standing) if standing.status == "changed" else None
        if before is not None:
            show("Changed since it was last approved:\n" + difference(before, shown_words(passage)))
        may_approve = passage.id not in blocked
        try:
            choice = ask(_QUESTION if may_approve else _QUESTION_BLOCKED).strip().lower()
            if choice == "q":
                break
            if choice != "r" and not (choice == "a" and may_approve):
                continue
            note = ask("Note (may be empty): ").strip()
        except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C: the person goes, and what they had decided stands
            show("")
            break
        refused: Decision = "withdrawn" if standing.status == "approved" else "rejected"
        decision = "approved" if choice == "a" else refused
        decided += ledger.append([decide(passage, decision, reviewer, note=note, now=now)])
        if decision == "approved":
            kept.add(passage)
    return decided


_QUESTION = "Approve, reject, skip or quit? [a/r/s/q] "
_QUESTION_BLOCKED = "Cannot be approved before its errors are mended. Reject, skip or quit? [r/s/q] "


def _presented(standing: Standing) -> str:
    """A passage with all that a reviewer weighs: words, reading grade, sources and what was decided before."""
    passage, before = standing.passage, standing.approval
    measured = readability(passage.text)
    lines = [
        f"{passage.id} ({standing.status}) of {passage.title!r}",
        f"\n{shown_words(passage)}\n",
        f"Reading grade {measured.grade:.1f}, {measured.words} words",
        "Sources: " + "; ".join(f"{s.name} ({s.year}), {s.address}" for s in passage.sources),
    ]
    if before:
        who = ", ".join(filter(None, (before.reviewer, before.credential)))
        until = f" until {before.expires}" if before.decision == "approved" else ""
        lines.append(f"Before: {before.decision} by {who} on {before.at.date()}{until}. {before.note}".rstrip())
    return "\n".join(lines)
