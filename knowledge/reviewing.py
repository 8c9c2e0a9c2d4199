"""The review queue at a terminal: what waits, what changed since it was last approved, and the reviewer's decision."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from knowledge.errors import IndexArtifactError
from knowledge.index import load_current
from knowledge.models import Approval, Decision, Passage
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
    simple = f"\n\nSaid more simply:\n{passage.simple}" if passage.simple else ""
    return f"{passage.heading}\n\n{passage.text}{simple}"


def approved_wordings(settings: KnowledgeSettings) -> Callable[[Standing], str | None]:
    """How a changed passage read when it was last approved, as far as the index that serves still holds it."""
    try:
        served = load_current(settings.build, encoder=None).passages
    except IndexArtifactError:
        served = ()
    wordings = {vetted.passage.content_hash: shown_words(vetted.passage) for vetted in served}
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
        now: The time of the decisions.

    Returns:
        How many decisions were made.
    """
    decided = 0
    waiting = queue(standings)
    for number, standing in enumerate(waiting, start=1):
        passage = standing.passage
        show(f"\n[{number}/{len(waiting)}] {passage.id} ({standing.status})\n\n{shown_words(passage)}\n")
        show("Sources: " + "; ".join(f"{s.name} ({s.year})" for s in passage.sources))
        before = approved_words(standing)
        if before is not None:
            show("Changed since it was last approved:\n" + difference(before, shown_words(passage)))
        choice = ask("Approve, reject, skip or quit? [a/r/s/q] ").strip().lower()
        if choice == "q":
            break
        if choice in ("a", "r"):
            note = ask("Note (may be empty): ").strip()
            decision: Decision = "approved" if choice == "a" else "rejected"
            decided += ledger.append([decide(passage, decision, reviewer, note=note, now=now)])
    return decided
