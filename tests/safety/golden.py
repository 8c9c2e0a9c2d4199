"""The golden messages of the safety screen: where they are, how they split, and what each counts as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.safety.flags import Kind

GOLDEN = Path(__file__).parents[1] / "golden" / "safety"

Split = Literal["dev", "test"]


@dataclass(frozen=True)
class Case:
    """One golden message.

    Attributes:
        id: Its name; decides the split.
        text: The message.
        previous: The earlier turns of the same patient, oldest first.
        group: The red flag's group, None for a benign message.
        kind: The red flag's kind, None for a benign message.
        style: How it is written, or why it is no red flag.
        lang: "en" or "es".
        ordinary: A benign message of the topic, as opposed to a near-miss.
    """

    id: str
    text: str
    previous: tuple[str, ...]
    group: int | None
    kind: Kind | None
    style: str
    lang: str
    ordinary: bool

    @property
    def split(self) -> Split:
        """Half the messages tune thresholds and are read for misses; the other half only measures."""
        return "test" if int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 2 == 1 else "dev"


def load(folder: Path = GOLDEN) -> list[Case]:
    """All golden messages.

    Raises:
        ValueError: If there are none, an id is used twice or a line is incomplete.
    """
    cases = [case for path in sorted(folder.glob("*.jsonl")) for case in _read(path)]
    if not cases:
        raise ValueError(f"{folder}: holds no golden messages")
    ids = [case.id for case in cases]
    twice = {name for name in ids if ids.count(name) > 1} if len(set(ids)) < len(ids) else set()
    if twice:
        raise ValueError(f"{folder}: ids used twice: {', '.join(sorted(twice))}")
    return cases


def _read(path: Path) -> Iterable[Case]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            data = json.loads(line)
            yield Case(
                id=data["id"],
                text=data["text"],
                previous=tuple(data.get("previous") or ()),
                group=data["group"],
                kind=data["kind"],
                style=data["style"],
                lang=data["lang"],
                ordinary=data["group"] is None and path.stem.startswith("ordinary"),
            )
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path}:{number}: {error!r}") from error
