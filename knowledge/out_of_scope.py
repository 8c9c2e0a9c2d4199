"""Questions that patients ask and no article answers: what a question is compared with before it is answered.

A question can be near a passage only because both speak of knees. If it is nearer still to a question that nothing here
answers, the honest reply is "I don't know". The list is `knowledge/out_of_scope.txt`, one question a line; `build`
leaves out those that an article answers by now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process

from knowledge.encoder import Vectors
from knowledge.errors import SettingsError
from knowledge.weights import DIMENSION

ANSWERED = 0.85
"""Cosine with a passage's phrase from which on a listed question counts as answered."""
NEAREST = 3
WORDED = 20
"""How many of the nearest are compared letter by letter."""


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """Listed questions, and one unit row for each: shape (n, 384), float32."""

    texts: tuple[str, ...]
    vectors: Vectors

    def without_answered(self, phrases: Vectors) -> OutOfScope:
        """Those that are not nearly the same as one of an index's phrases."""
        if not len(phrases) or not self.texts:
            return self
        kept = (self.vectors @ phrases.T).max(axis=1) < ANSWERED
        return OutOfScope(tuple(text for text, keep in zip(self.texts, kept, strict=True) if keep), self.vectors[kept])

    def likeness(self, vector: Vectors, mended: str) -> tuple[float, float]:
        """How near a question comes to the listed ones: mean cosine with the nearest three, and likeness of letters.

        Args:
            vector: The question's unit row, shape (384,).
            mended: The question, typos mended, lower case.
        """
        if not self.texts:
            return 0.0, 0.0
        cosines = np.einsum(
            "ij,j->i", self.vectors, vector
        )  # (on this thread: `@` would wake others for half a millisecond of work)
        near = np.argpartition(-cosines, min(WORDED, len(cosines)) - 1)[:WORDED]
        nearest = np.sort(cosines[near])[::-1][:NEAREST]
        found = process.extractOne(mended, [self.texts[row] for row in near], scorer=fuzz.token_sort_ratio)
        return float(nearest.mean()), found[1] / 100.0


NOTHING = OutOfScope((), np.zeros((0, DIMENSION), dtype=np.float32))


def fingerprint(texts: Sequence[str]) -> str:
    """Hash of a list of questions."""
    return hashlib.sha256("\n".join(texts).encode("utf-8")).hexdigest()


def read_out_of_scope(path: Path) -> tuple[str, ...]:
    """Read the list: lines, without blanks, comments (`#`) and repetitions.

    Raises:
        SettingsError: If the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}). Restore it, or leave it empty.") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("#")))
