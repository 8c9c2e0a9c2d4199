"""The ledger of approvals: append-only, hash-chained, and the only thing that lets a passage be served."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import LedgerError
from knowledge.files import locked, replace_text
from knowledge.models import Approval, Passage, Vetted

ContentMode = Literal["demo", "live"]
Status = Literal["approved", "waiting", "changed", "expired", "rejected"]

START = "0" * 64
EXPIRY_WARNING = timedelta(days=60)
_FIELDS = (
    "passage",
    "content_hash",
    "decision",
    "reviewer",
    "credential",
    "sample",
    "at",
    "expires",
    "note",
    "previous",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one passage stands on one day."""

    passage: Passage
    status: Status
    approval: Approval | None
    """The approval that lets it be served, or the latest decision on it."""
    last_approved: Approval | None = None
    """For a changed passage: the latest approval of its former wording."""


class Ledger:
    """Reads and extends the approval ledger.

    Each line is a JSON object that holds the hash of the line before it, so that an edited, moved or deleted line is
    found. A small file beside the ledger (`approvals.head`) holds the last hash, so that lines cut off the end are too.

    Raises:
        LedgerError: On reading, if the chain is broken or a line cannot be read. Nothing is served then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head = path.with_suffix(".head")

    def read(self) -> list[Approval]:
        """Every decision in order, the chain checked."""
        return [_approval(entry) for entry, _ in self._checked()]

    def append(self, decisions: Iterable[Approval]) -> int:
        """Add decisions at the end, durably, under a lock. Returns how many were added."""
        with locked(self.path.with_suffix(".lock")):
            entries = list(self._checked())
            last = entries[-1][1] if entries else START
            lines = []
            for decision in decisions:
                entry = _entry(decision, previous=last)
                last = _entry_hash(entry)
                lines.append(json.dumps({**entry, "hash": last}, ensure_ascii=False))
            if lines:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write("".join(f"{line}\n" for line in lines))
                    file.flush()
                    os.fsync(file.fileno())
                replace_text(self._head, last + "\n")
        return len(lines)

    def _checked(self) -> Iterator[tuple[dict[str, Any], str]]:
        previous = START
        seen = {START}
        # Not splitlines(): a note may hold U+2028 and its like, which JSON does not escape.
        lines = self.path.read_text(encoding="utf-8").removesuffix("\n").split("\n") if self.path.exists() else []
        lines = [] if lines == [""] else lines
        for number, line in enumerate(lines, start=1):
            place = f"{self.path}: line {number}"
            entry = _parsed(line, place)
            claimed = str(entry.pop("hash"))
            if entry["previous"] != previous:
                raise LedgerError(
                    f"{place}: does not follow the line before it. A line was moved or deleted; restore the file."
                )
            if _entry_hash(entry) != claimed:
                raise LedgerError(
                    f"{place}: was edited after it was written. Restore the file; decisions are only ever added."
                )
            previous = claimed
            seen.add(claimed)
            yield entry, claimed
        if self._head.exists():
            head = self._head.read_text(encoding="utf-8").strip()
            # A crash between ledger and head leaves the head behind, which is harmless; a head that is not in
            # the chain at all means that lines were cut off the end.
            if head not in seen:
                raise LedgerError(
                    f"{self.path}: lines are missing at the end ({self._head.name} names a later one). Restore it."
                )
        elif lines:
            raise LedgerError(f"{self._head}: missing. Restore it together with {self.path.name}.")


def standings(
    passages: Iterable[Passage], decisions: Iterable[Approval], *, mode: ContentMode, today: date
) -> list[Standing]:
    """Say for each passage whether it may be served on `today`.

    The latest decision on a passage's exact wording counts. In `live` mode sample approvals do not count at all.
    """
    by_hash: dict[str, Approval] = {}
    by_passage: dict[str, Approval] = {}
    for decision in decisions:
        if decision.sample and mode == "live":
            continue
        by_hash[decision.content_hash] = decision
        if decision.decision == "approved":
            by_passage[decision.passage] = decision
    return [_standing(passage, by_hash, by_passage, today) for passage in passages]


def _standing(passage: Passage, by_hash: dict[str, Approval], by_passage: dict[str, Approval], today: date) -> Standing:
    decision = by_hash.get(passage.content_hash)
    former = by_passage.get(passage.id)
    if decision is None:
        return Standing(passage, "changed" if former else "waiting", None, former)
    if decision.decision != "approved":
        return Standing(passage, "rejected", decision, former)
    if decision.expires < today:
        return Standing(passage, "expired", decision, former)
    return Standing(passage, "approved", decision, decision)


def servable(found: Iterable[Standing]) -> list[Vetted]:
    """The passages that may be served, each with the approval that says so."""
    return [Vetted(s.passage, s.approval) for s in found if s.status == "approved" and s.approval]


def expiring(found: Iterable[Standing], today: date) -> list[Standing]:
    """Approved passages whose approval runs out within 60 days."""
    return [s for s in found if s.status == "approved" and s.approval and s.approval.expires <= today + EXPIRY_WARNING]


def _entry(decision: Approval, *, previous: str) -> dict[str, Any]:
    return {
        "passage": decision.passage,
        "content_hash": decision.content_hash,
        "decision": decision.decision,
        "reviewer": decision.reviewer,
        "credential": decision.credential,
        "sample": decision.sample,
        "at": decision.at.isoformat(),
        "expires": decision.expires.isoformat(),
        "note": decision.note,
        "previous": previous,
    }


def _entry_hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()


def _parsed(line: str, place: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise LedgerError(f"{place}: not valid JSON. Restore the file from its last good copy.") from error
    if not isinstance(entry, dict) or set(entry) != {*_FIELDS, "hash"}:
        raise LedgerError(f"{place}: does not have the fields of a decision. Restore the file from its last good copy.")
    return entry


def _approval(entry: dict[str, Any]) -> Approval:
    fields = {name: entry[name] for name in _FIELDS if name != "previous"}
    fields["at"] = datetime.fromisoformat(fields["at"])
    fields["expires"] = date.fromisoformat(fields["expires"])
    return Approval(**fields)
