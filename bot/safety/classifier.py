"""The learned half of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.safety.errors import SafetyDataError
from bot.safety.normalise import Message


@dataclass(frozen=True)
class Scores:
    """What the classifier says of one message."""

    probability: float
    group: int


class Classifier:
    """Placeholder until the weights are trained."""

    @classmethod
    def open(cls, encoder_folder: Path) -> Classifier:
        """Open the weights."""
        raise SafetyDataError(f"{encoder_folder}: no weights yet")

    def score(self, message: Message) -> Scores:
        """Score a message."""
        raise NotImplementedError
