"""A question in, the passages that fit it out: dense vectors, words and concepts find candidates, one model ranks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from knowledge.encoder import SentenceEncoder, Vectors
from knowledge.index import PassageIndex
from knowledge.models import Hit
from knowledge.question import Question, QuestionReader
from knowledge.ranking import FIT_FEATURES, Candidates, QuestionSigns, Ranking

DENSE_DEPTH = 64
"""Nearest phrases taken from FAISS; several may point to one passage."""
LEXICAL_DEPTH = 20
NEAREST_ASKS = 3


SAME_ARTICLE = 3.0
"""What a follow-up adds to the score of passages of the last article; chosen on the dev follow-ups."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Context:
    """What a conversation was about.

    Attributes:
        subject: Names of the concepts last asked about, or else the last question.
        article: Slug of the article that answered last.
    """

    subject: str
    article: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: passages, best first, and how likely each is to answer the question."""

    question: Question
    hits: tuple[Hit, ...]
    _candidates: Candidates
    _order: npt.NDArray[np.int64]
    _signs: QuestionSigns
    _ranking: Ranking

    def probability(self, rank: int) -> float:
        """How likely the passage at `rank` (0 is the best) is to answer the question, 0 to 1, calibrated."""
        return self._ranking.probability(self._candidates, self._order, self._signs, rank)


class Retriever:
    """Searches one index with one encoder."""

    def __init__(self, index: PassageIndex, encoder: SentenceEncoder, reader: QuestionReader, ranking: Ranking) -> None:
        self.index = index
        self.ranking = ranking
        self._encoder = encoder
        self.reader = reader
        self._vectors = stored_vectors(index.dense)
        self._articles: dict[str, list[int]] = {}
        for position, vetted in enumerate(index.passages):
            self._articles.setdefault(vetted.passage.article, []).append(position)
        self._first = np.searchsorted(index.phrase_passage, np.arange(len(index.passages) + 1))

    def search(self, text: str, context: Context | None = None) -> Found | None:
        """Find the passages that fit a question; None when the index is empty.

        Args:
            text: The question.
            context: What the conversation was about, for a question that cannot stand alone.
        """
        if not self.index.passages:
            return None
        if context is None:
            question = self.read(text)
            candidates, signs = self.candidates(question)
            scores = self.ranking.scores(candidates)
        else:
            question = self.read(f"{text} {context.subject}")
            candidates, signs, scores = self._in_context(question, self.read(text), context)
        order = np.lexsort((candidates.positions, -scores))
        hits = tuple(Hit(self.index.passages[candidates.positions[row]].passage, float(scores[row])) for row in order)
        return Found(question, hits, candidates, order, signs, self.ranking)

    def read(self, text: str) -> Question:
        """Read a question: typos mended, concepts named."""
        return self.reader.read(text)

    def candidates(
        self, question: Question, *, also: Positions | None = None, only: Positions | None = None
    ) -> tuple[Candidates, QuestionSigns]:
        """Passages that may fit, with their features, and what the question says by itself.

        Args:
            question: The question, read.
            also: Passages to look at besides those that the search finds.
            only: Look at these alone.
        """
        vector = self._encoder.encode([question.expanded])
        match = self.index.lexical.match(question.expanded)
        if only is None:
            _, rows = self.index.dense.search(vector, min(DENSE_DEPTH, len(self.index.phrases)))
            near = self.index.phrase_passage[rows[0][rows[0] >= 0]]
            worded = np.array(match.best(LEXICAL_DEPTH), dtype=np.int64)
            positions = np.unique(np.concatenate([near, worded, () if also is None else also])).astype(np.int64)
        else:
            positions = only
        fit = np.zeros((len(positions), len(FIT_FEATURES)), dtype=np.float32)
        asked = set(question.concepts)
        for row, position in enumerate(positions):
            fit[row, :4] = self._cosines(vector[0], position)
            fit[row, 6] = self._wording(question.mended, position)
            fit[row, 7] = len(asked & self.index.concepts[position]) / len(asked) if asked else 0.0
        fit[:, 4] = match.coverage(positions)
        fit[:, 5] = match.scores(positions)
        signs = QuestionSigns(words=match.words, unknown=len(question.unknown), concepts=len(asked))
        return Candidates(positions, fit), signs

    def _in_context(
        self, question: Question, alone: Question, context: Context
    ) -> tuple[Candidates, QuestionSigns, npt.NDArray[np.float32]]:
        """Candidates for a follow-up: scored with and without its subject, those of the last article first."""
        same = np.array(self._articles.get(context.article, ()), dtype=np.int64)
        candidates, signs = self.candidates(question, also=same)
        by_itself, _ = self.candidates(alone, only=candidates.positions)
        ours = np.isin(candidates.positions, same).astype(np.float32)
        scores = self.ranking.scores(candidates) + self.ranking.scores(by_itself) + SAME_ARTICLE * ours
        return candidates, signs, scores

    def _cosines(self, vector: Vectors, position: int) -> tuple[float, float, float, float]:
        """Nearest ask, mean of the nearest asks, lead and text. A passage without asks is asked by its lead."""
        start, end = self._first[position], self._first[position + 1]
        lead, text, *asks = (self._vectors[start:end] @ vector).tolist()
        nearest = sorted(asks, reverse=True)[:NEAREST_ASKS] or [lead]
        return nearest[0], sum(nearest) / len(nearest), lead, text

    def _wording(self, mended: str, position: int) -> float:
        passage = self.index.passages[position].passage
        ways = [passage.heading, *passage.asks]
        found = process.extractOne(mended, ways, scorer=fuzz.token_sort_ratio)
        return found[1] / 100.0 if found else 0.0


def stored_vectors(dense: Any) -> Vectors:
    """The vectors that a flat or HNSW index holds, without copying them: shape (n, dimension)."""
    storage: Any = faiss.downcast_index(dense.storage) if isinstance(dense, faiss.IndexHNSW) else dense
    flat: Vectors = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * storage.d).reshape(-1, storage.d)
    return flat
