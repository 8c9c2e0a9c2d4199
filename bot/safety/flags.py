"""What the screen reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["alarm", "check"]
"""`alarm`: the emergency reply, alone. `check`: the normal reply, preceded by one kind line with the number."""

Kind = Literal["emergency", "crisis", "poison", "urgent"]
"""911; 988; Poison Control; the same day."""

KINDS: tuple[Kind, ...] = ("emergency", "crisis", "poison", "urgent")
GROUPS = range(1, 22)
"""The groups of red flags, numbered as in docs/safety.md."""


@dataclass(frozen=True)
class RedFlag:
    """Something in a message that may not wait.

    Attributes:
        level: How sure the screen is, and so how the reply looks.
        kind: Whom to call.
        group: 1 to 21, as in docs/safety.md.
        evidence: What fired: a rule's own pattern or a score, never the patient's words. Safe to log.
        spanish: The message reads as Spanish, so the reply comes in Spanish and English.
    """

    level: Level
    kind: Kind
    group: int
    evidence: str
    spanish: bool = False
