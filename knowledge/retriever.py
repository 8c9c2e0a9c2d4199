"""A question in, the passages that fit it out: dense vectors and words find candidates, one model ranks them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from knowledge.encoder import SentenceEncoder, Vectors
from knowledge.following import Context, Following, Turn
from knowledge.index import PassageIndex
from knowledge.lexical import LexicalMatch
from knowledge.models import Hit
from knowledge.question import Question, QuestionReader, points_back
from knowledge.ranking import FIT_FEATURES, Candidates, Floats, QuestionSigns, Ranking

DENSE_DEPTH = 64
"""Nearest phrases taken from FAISS; several may point to one passage."""
LEXICAL_DEPTH = 20
NEAREST_ASKS = 3

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Query:
    """A question, read and encoded: its unit row, its words in the lexical index, and what it says by itself."""

    question: Question
    vector: Vectors
    match: LexicalMatch
    signs: QuestionSigns


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: passages, best first, and how likely each is to answer the question."""

    query: Query
    hits: tuple[Hit, ...]
    _judge: Callable[[int], float]

    def probability(self, rank: int) -> float:
        """How likely the passage at `rank` (0 is the best) is to answer the question, 0 to 1, calibrated."""
        return self._judge(rank)


class Retriever:
    """Searches one index with one encoder."""

    def __init__(
        self,
        index: PassageIndex,
        encoder: SentenceEncoder,
        reader: QuestionReader,
        ranking: Ranking,
        following: Following,
    ) -> None:
        self.index = index
        self.ranking = ranking
        self.following = following
        self._encoder = encoder
        self.reader = reader
        self._vectors = stored_vectors(index.dense)
        self._articles: dict[str, list[int]] = {}
        for position, vetted in enumerate(index.passages):
            self._articles.setdefault(vetted.passage.article, []).append(position)
        self._first = np.searchsorted(index.phrase_passage, np.arange(len(index.passages) + 1))
        self._ways = [
            [_sorted_words(way) for way in (vetted.passage.heading, *vetted.passage.asks)] for vetted in index.passages
        ]

    def search(self, text: str) -> Found | None:
        """Find the passages that fit a question; None when the index is empty."""
        if not self.index.passages:
            return None
        query = self.query(text)
        candidates = self.candidates(query)
        order = _order(candidates.positions, scores := self.ranking.scores(candidates))
        judge = partial(self.ranking.probability, candidates, order, query.signs)
        return Found(query, self._hits(candidates.positions, scores, order), judge)

    def follow(self, alone: Found, context: Context, shown: Collection[str] = ()) -> Found | None:
        """Find the passages that fit a question in its conversation; None when all that might were shown already.

        Args:
            alone: What the question found by itself.
            context: What the conversation is about.
            shown: Ids of passages that are not to be found again.
        """
        turn = self.turn(alone, context, shown)
        if not len(turn.positions):
            return None
        order = _order(turn.positions, scores := self.following.scores(turn))
        judge = partial(self.following.probability, turn, order)
        return Found(alone.query, self._hits(turn.positions, scores, order), judge)

    def context(self, previous: Sequence[str], shown: Sequence[str]) -> Context:
        """What a conversation is about: its last subject, and the passage shown last, or else the one nearest to it.

        Args:
            previous: Earlier questions, oldest first, at least one.
            shown: Ids of the passages given, oldest first.

        Raises:
            ValueError: If the index is empty: no conversation can be about any of it.
        """
        last = self.index.by_id.get(shown[-1]) if shown else None
        if last is None:
            found = self.search(previous[-1])
            if found is None:
                raise ValueError("the index is empty")
            last = self.index.by_id[found.hits[0].passage.id]
        return Context(self.reader.subject(previous), last)

    def turn(self, alone: Found, context: Context, shown: Collection[str] = ()) -> Turn:
        """Everything that is known of a question in its conversation, and of the passages that may answer it."""
        query, last = alone.query, self.index.passages[context.last].passage
        about = self.query(f"{query.question.text} {context.subject}")
        after = self.query(f"{query.question.text} {last.heading}")
        same = np.array(self._articles[last.article], dtype=np.int64)
        near = [self._positions(each) for each in (query, about, after)]
        positions = np.unique(np.concatenate([*near, same])).astype(np.int64)
        given = [self.index.by_id[passage] for passage in shown if passage in self.index.by_id]
        positions = positions[~np.isin(positions, given)]
        leads = self._vectors[self._first[positions]]
        return Turn(
            positions=positions,
            alone=self.fit(query, positions),
            about=self.fit(about, positions),
            after=self.fit(after, positions),
            same_article=np.isin(positions, same).astype(np.float32),
            near=leads @ self._vectors[self._first[context.last]],
            signs=query.signs,
            leans=points_back(query.question),
            alone_probability=alone.probability(0),
        )

    def query(self, text: str) -> Query:
        """Read and encode a question."""
        question = self.read(text)
        vector = self._encoder.encode([question.mended])[0]
        match = self.index.lexical.match(question.lemmas)
        outside, worded = self.index.outside.likeness(vector, question.mended)
        signs = QuestionSigns(match.words, len(question.unknown), len(question.concepts), outside, worded)
        return Query(question, vector, match, signs)

    def read(self, text: str) -> Question:
        """Read a question: typos mended, concepts named."""
        return self.reader.read(text)

    def candidates(self, query: Query) -> Candidates:
        """Passages that may fit, with their features."""
        positions = self._positions(query)
        return Candidates(positions, self.fit(query, positions))

    def fit(self, query: Query, positions: Positions) -> Floats:
        """One row of `FIT_FEATURES` for each of the passages."""
        fit = np.zeros((len(positions), len(FIT_FEATURES)), dtype=np.float32)
        fit[:, :4] = self._cosines(query.vector, positions)
        fit[:, 4] = query.match.coverage(positions)
        fit[:, 5] = self._wording(query.question.mended, positions)
        asked = frozenset(query.question.concepts)
        fit[:, 6] = [_share(asked, self.index.concepts[position]) for position in positions]
        return fit

    def _positions(self, query: Query) -> Positions:
        _, rows = self.index.dense.search(query.vector[None], min(DENSE_DEPTH, len(self.index.phrases)))
        near = self.index.phrase_passage[rows[0][rows[0] >= 0]]
        worded = np.array(query.match.best(LEXICAL_DEPTH), dtype=np.int64)
        positions: Positions = np.unique(np.concatenate([near, worded])).astype(np.int64)
        return positions

    def _hits(self, positions: Positions, scores: Floats, order: Positions) -> tuple[Hit, ...]:
        return tuple(Hit(self.index.passages[positions[row]].passage, float(scores[row])) for row in order)

    def _cosines(self, vector: Vectors, positions: Positions) -> Floats:
        """Nearest ask, mean of the nearest asks, lead and text of each passage. One without asks is asked by its lead."""
        starts = self._first[positions]
        counts = self._first[positions + 1] - starts
        cells = np.arange(counts.max(initial=2))[None, :] < counts[:, None]
        rows = (starts[:, None] + np.arange(cells.shape[1])[None, :])[cells]
        cosines = np.full(cells.shape, np.nan, dtype=np.float32)
        cosines[cells] = np.einsum("ij,j->i", self._vectors[rows], vector)
        lead, text = cosines[:, 0], cosines[:, 1]
        asks = -np.sort(-cosines[:, 2:], axis=1)[:, :NEAREST_ASKS]  # (what is not there sorts last)
        asks = np.where(np.isnan(asks[:, :1]), lead[:, None], asks) if asks.shape[1] else lead[:, None]
        return np.stack([asks[:, 0], np.nanmean(asks, axis=1), lead, text], axis=1)

    def _wording(self, mended: str, positions: Positions) -> Floats:
        """Likeness of letters with each passage's heading or nearest other way to ask, whatever the order of words."""
        ways = [self._ways[position] for position in positions]
        if not ways:
            return np.zeros(0, dtype=np.float32)
        every = [way for of_passage in ways for way in of_passage]
        likeness = process.cdist([_sorted_words(mended)], every, scorer=fuzz.ratio)[0]
        starts = np.cumsum([0, *(len(of_passage) for of_passage in ways[:-1])])
        return np.maximum.reduceat(likeness, starts).astype(np.float32) / 100.0


def _order(positions: Positions, scores: Floats) -> Positions:
    """Rows from the best score to the worst; of equal ones the first in the index comes first."""
    return np.lexsort((positions, -scores))


def _share(asked: frozenset[str], named: frozenset[str]) -> float:
    return len(asked & named) / len(asked) if asked else 0.0


def _sorted_words(text: str) -> str:
    """A text's words in alphabetical order: equal for two texts that differ only in the order of words."""
    return " ".join(sorted(text.split()))


def stored_vectors(dense: Any) -> Vectors:
    """The vectors that a flat or HNSW index holds, without copying them: shape (n, dimension)."""
    storage: Any = faiss.downcast_index(dense.storage) if isinstance(dense, faiss.IndexHNSW) else dense
    flat: Vectors = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * storage.d).reshape(-1, storage.d)
    return flat
