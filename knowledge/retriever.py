"""A question in, the passages nearest to it out: dense vectors and words, fused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from knowledge.encoder import SentenceEncoder, Vectors
from knowledge.index import PassageIndex
from knowledge.models import Hit

DENSE_DEPTH = 100
"""Nearest phrases taken from FAISS; several may point to one passage."""
LEXICAL_DEPTH = 30
LEXICAL_WEIGHT = 0.2


class Retriever:
    """Searches one index with one encoder.

    A passage's dense score is that of its nearest phrase (heading, text or another way to ask), a cosine in -1..1. Its
    lexical score is BM25 scaled by the best passage's, 0..1. The fused score is a weighted mean of the two.
    """

    def __init__(self, index: PassageIndex, encoder: SentenceEncoder) -> None:
        self.index = index
        self._encoder = encoder

    def search(self, question: str, *, limit: int = 5) -> list[Hit]:
        """The passages nearest to a question, best first; empty when the index is."""
        if not self.index.passages:
            return []
        vector = self._encoder.encode([question])
        dense, nearest = self._dense(vector)
        lexical = self.index.lexical.scores(question)
        best = float(lexical.max())
        lexical = lexical / best if best > 0 else lexical
        candidates = set(dense) | set(np.argsort(-lexical)[:LEXICAL_DEPTH].tolist())
        fused = {
            position: (1 - LEXICAL_WEIGHT) * dense.get(position, 0.0) + LEXICAL_WEIGHT * float(lexical[position])
            for position in candidates
        }
        order = sorted(fused, key=lambda position: (-fused[position], position))[:limit]
        return [
            Hit(self.index.passages[position].passage, fused[position], self._matched(nearest, position))
            for position in order
        ]

    def _dense(self, vector: Vectors) -> tuple[dict[int, float], dict[int, int]]:
        """Each passage's best cosine, and the row of the phrase that gave it."""
        scores: npt.NDArray[np.float32]
        rows: npt.NDArray[np.int64]
        scores, rows = (
            found[0] for found in self.index.dense.search(vector, min(DENSE_DEPTH, len(self.index.phrases)))
        )
        best: dict[int, float] = {}
        nearest: dict[int, int] = {}
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            position = int(self.index.phrase_passage[row])
            if row >= 0 and position not in best:
                best[position], nearest[position] = score, row
        return best, nearest

    def _matched(self, nearest: dict[int, int], position: int) -> str:
        return self.index.phrases[nearest[position]].text if position in nearest else ""
