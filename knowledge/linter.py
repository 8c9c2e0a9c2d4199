"""What a reviewer should know before approving a passage."""

from __future__ import annotations
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal
from knowledge.settings import KnowledgeSettings


@dataclass(frozen=True, slots=True)
class Finding:
    level: Literal["error", "warning"]
    rule: str
    place: str
    message: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def lint(settings: KnowledgeSettings, today: date) -> list[Finding]:
    return []


def blocking(settings: KnowledgeSettings, today: date) -> set[str]:
    return set()
