"""The golden questions, and their split into dev (to fit and choose on) and test (only ever measured)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Golden:
    """One question, and the passages that answer it (`slug/Heading`, best first; none for off-topic questions)."""

    id: str
    text: str
    style: str
    accept: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    first: tuple[str, ...] = ()

    @property
    def split(self) -> str:
        return "test" if int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 2 else "dev"


SETS = ("answerable", "follow-ups", "off-topic-medical", "off-topic-other")


def load(name: str, split: str | None = None) -> list[Golden]:
    """Read a set; `split` keeps one half of it."""
    lines = (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    goldens = [_golden(json.loads(line)) for line in lines if line.strip()]
    return [golden for golden in goldens if split in (None, golden.split)]


def _golden(row: dict[str, Any]) -> Golden:
    return Golden(
        id=row["id"],
        text=row["text"],
        style=row.get("style", ""),
        accept=tuple(row.get("accept", ())),
        previous=tuple(row.get("previous", ())),
        first=tuple(row.get("first", ())),
    )
