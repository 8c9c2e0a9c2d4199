"""The words of a text that matter for search (spaCy lemmas), and a BM25 index over them (bm25s)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt

from knowledge.language import content_lemmas
from knowledge.light_spacy import spacy

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG

Floats = npt.NDArray[np.float32]

BLOCK = 64
"""Passages whose scores are looked through at once for the best."""

ENOUGH = 100_000
"""Postings of a query's rarer words after which its commoner ones find no passages of their own any more."""

SHORTLIST = 1_000
"""Passages that the rarer words found best, among which the commoner ones then decide."""


def words_to_index(text: str) -> list[str]:
    """The content lemmas of a text.

    Example:
        >>> words_to_index("Does leaky gut make my joints hurt?")
        ['leaky', 'gut', 'joint', 'hurt']
    """
    return list(content_lemmas(_lemmatiser()(text.lower())))


@lru_cache(maxsize=1)
def _lemmatiser() -> spacy.language.Language:
    language = spacy.blank("en")
    language.add_pipe("lemmatizer", config={"mode": "lookup"})
    language.initialize()
    return language


class LexicalIndex:
    """BM25 (Lucene's variant, k1 1.5, b 0.75) over one bag of words a passage.

    bm25s keeps, for each word, the passages that hold it with their scores; a query only touches the lists of its own
    words, so that its cost grows with those and not with the index.
    """

    def __init__(self, model: bm25s.BM25 | None, size: int) -> None:
        self._model = model
        self._size = size

    @classmethod
    def build(cls, texts: Sequence[str]) -> LexicalIndex:
        """Index texts, one a passage, in the passages' order."""
        if not texts:
            return cls(None, 0)
        model = bm25s.BM25()
        model.index([words_to_index(text) for text in texts], show_progress=False)
        return cls(model, len(texts))

    def save(self, folder: Path) -> None:
        """Write the index as plain arrays and JSON."""
        if self._model is not None:
            self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, size: int) -> LexicalIndex:
        """Load what `save` wrote; nothing in it is unpickled."""
        if not size:
            return cls(None, 0)
        return cls(bm25s.BM25.load(str(folder), allow_pickle=False, show_progress=False), size)

    def match(self, lemmas: Iterable[str]) -> LexicalMatch:
        """Match a query's content lemmas against every passage."""
        words = list(dict.fromkeys(lemmas))
        postings = [self._postings(word) for word in words]
        weights = [np.log(1 + (self._size - len(rows) + 0.5) / (len(rows) + 0.5)) for rows, _ in postings]
        return LexicalMatch(postings, np.array(weights, dtype=np.float32), self._size)

    def _postings(self, word: str) -> tuple[npt.NDArray[np.int32], Floats]:
        token = self._model.vocab_dict.get(word) if self._model is not None else None
        if self._model is None or token is None:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        matrix = self._model.scores
        start, end = int(matrix["indptr"][token]), int(matrix["indptr"][token + 1])
        return matrix["indices"][start:end], matrix["data"][start:end]


class LexicalMatch:
    """How a query's words match the passages."""

    def __init__(self, postings: list[tuple[npt.NDArray[np.int32], Floats]], weights: Floats, size: int) -> None:
        self._postings = postings
        self._weights = weights
        self._size = size

    @property
    def words(self) -> int:
        """How many different content words the query has."""
        return len(self._postings)

    def best(self, count: int) -> list[int]:
        """Positions of the passages with the highest BM25 score, best first; of equal ones the first in the index.

        Exact as long as the query's words stand in fewer than `ENOUGH` passages together. In an index so large that they
        stand in more, the common ones' lists are as long as the index, and the cost of a query must not be.
        """
        totals = np.zeros(-(-self._size // BLOCK) * BLOCK, dtype=np.float32)
        common = []
        seen = 0
        for rows, values in sorted(self._postings, key=lambda posting: len(posting[0])):
            if seen and seen + len(rows) > ENOUGH:
                common.append((rows, values))
            else:
                np.add.at(totals, rows, values)
                seen += len(rows)
        found = _highest(totals, max(count, SHORTLIST) if common else count)
        scores = totals[found]
        for rows, values in common:
            hit, at = _find(rows, found)
            scores[hit] += values[at]
        return [int(row) for row in found[np.argsort(-scores, kind="stable")[:count]]]

    def coverage(self, positions: npt.NDArray[np.int64]) -> Floats:
        """For each of the passages the share, 0 to 1, of the query's words that it holds, rare words counting more."""
        covered = np.zeros(len(positions), dtype=np.float32)
        for (rows, _), weight in zip(self._postings, self._weights, strict=True):
            hit, _at = _find(rows, positions)
            covered[hit] += weight
        total = float(self._weights.sum())
        return covered / total if total else covered


def _highest(totals: Floats, count: int) -> npt.NDArray[np.int64]:
    """Where the `count` highest scores above 0 are, ascending; of equal ones the first."""
    blocks = totals.reshape(-1, BLOCK)
    tops = blocks.max(axis=1)
    # The best of `count` different blocks are at least as good as the last that is wanted.
    least = np.partition(tops, -count)[-count] if len(tops) >= count else 0.0
    near = np.flatnonzero((tops >= least) & (tops > 0))
    inside = (blocks[near] >= least) & (blocks[near] > 0)
    found = (near[:, None] * BLOCK + np.arange(BLOCK))[inside]
    return np.sort(found[np.argsort(-totals[found], kind="stable")[:count]])


def _find(
    rows: npt.NDArray[np.int32], positions: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which of `positions` stand in the sorted `rows`, and where."""
    if not len(rows):
        return np.zeros(len(positions), dtype=bool), np.zeros(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(rows, positions), len(rows) - 1)
    hit = rows[at] == positions
    return hit, at[hit]
