"""A question in, an Answer of approved passages or an honest Refusal out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import faiss

from knowledge.clinic import Clinic, load_clinic
from knowledge.encoder import SentenceEncoder
from knowledge.following import Following
from knowledge.index import PassageIndex, load_current
from knowledge.language import build_language
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE, Answer, Hit, Refusal, Suggestion, Vetted
from knowledge.question import QuestionReader, parts_of, points_back, words_of
from knowledge.ranking import Ranking
from knowledge.retriever import Found, Retriever
from knowledge.settings import KnowledgeSettings
from knowledge.vocabulary import load_vocabulary

RELATED = 3
OFFERED = 2
SURE = 0.9
"""Probability from which a question that does not point back is answered by itself in a conversation, too: two searches saved."""
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class _Judged:
    """Passages that may be served, best first, and how likely the first is to answer."""

    hits: tuple[Hit, ...]
    probability: float
    answer_from: float

    @property
    def unsure(self) -> bool:
        return not self.hits or self.probability < self.answer_from


class AnswerService:
    """Answers questions from the index that was current when it was opened.

    Example:
        >>> service = AnswerService.open(KnowledgeSettings())  # doctest: +SKIP
        >>> service.ask("does leaky gut make my joints hurt?")  # doctest: +SKIP
        Answer(...)
    """

    def __init__(self, retriever: Retriever, clinic: Clinic) -> None:
        self.retriever = retriever
        self._clinic = clinic
        self._beside: dict[str, list[Hit]] = {}

    @classmethod
    def open(cls, settings: KnowledgeSettings) -> AnswerService:
        """Load encoder, index and clinic facts.

        Raises:
            KnowledgeError: If one of them is missing or damaged.
        """
        ranking = Ranking.load()
        retriever = open_retriever(settings, ranking, Following.load(ranking))
        return cls(retriever, load_clinic(settings.clinic))

    @property
    def index(self) -> PassageIndex:
        """The index that answers."""
        return self.retriever.index

    def ask(
        self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] | None = None
    ) -> Answer | Refusal:
        """Answer a question.

        Args:
            question: What the patient wrote.
            previous: Their earlier questions in this conversation, oldest first.
            shown: Ids of passages they were already given, oldest first; by default those that `previous` would get.
        """
        if shown is None:
            shown = self._replayed(previous)
        found = self.retriever.search(question)
        if found is None:
            return Refusal(nearest=(), probability=0.0)
        alone = self._judged(found, shown)
        leans = bool(previous) and points_back(found.query.question)
        both = None if leans else self._both_parts(question, shown)
        if both or not previous or (alone.probability >= SURE and not leans):
            return both or self._outcome(alone)
        following = self._following(found, previous, shown)
        return self._outcome(alone if following.unsure and not (alone.unsure or leans) else following)

    def _following(self, found: Found, previous: Sequence[str], shown: Sequence[str]) -> _Judged:
        """What answers a question, given the conversation before it. No passage is given twice."""
        context = self.retriever.context(previous, shown)
        return self._judged(self.retriever.follow(found, context, shown), shown, self.retriever.following.answer_from)

    def _both_parts(self, question: str, shown: Sequence[str]) -> Answer | None:
        """Two passages for a message that asks two things, each of which can be answered; None otherwise."""
        parts = parts_of(question)
        if len(parts) < 2:
            return None
        judged: list[_Judged] = []
        for part in parts:
            given = [*shown, *(before.hits[0].passage.id for before in judged)]
            found = self.retriever.search(part)
            if found and judged and points_back(found.query.question):
                answer = self._following(found, parts[:1], given)
            else:
                answer = self._judged(found, given, again=False)
            if not answer.unsure:
                judged.append(answer)
        if len(judged) < 2:
            return None
        near = [hit for part in judged for hit in part.hits[1:RELATED]]
        ids = [part.hits[0].passage.id for part in judged[:2]]
        return self._answer(ids, near, min(part.probability for part in judged[:2]))

    def _judged(
        self, found: Found | None, shown: Sequence[str], answer_from: float | None = None, *, again: bool = True
    ) -> _Judged:
        """What may be served of what was found, and whether it answers.

        Passages that were shown already come last. Where `again` is set and only one of them answers, it is served once
        more: someone who asks the same question twice is not told that there is no answer.
        """
        threshold = self.retriever.ranking.answer_from if answer_from is None else answer_from
        today = self._today()
        ranks = [rank for rank, hit in enumerate(found.hits) if self._may_serve(hit.passage.id, today)] if found else []
        if found is None or not ranks:
            return _Judged((), 0.0, 1.0)
        fresh = [rank for rank in ranks if found.hits[rank].passage.id not in shown]
        probability = found.probability(fresh[0]) if fresh else 0.0
        if again and probability < threshold and (first := found.probability(ranks[0])) >= threshold:
            fresh, probability = ranks, first
        return _Judged(tuple(found.hits[rank] for rank in fresh), probability, threshold)

    def _outcome(self, judged: _Judged) -> Answer | Refusal:
        if judged.unsure:
            near = judged.hits[:OFFERED] if judged.probability >= self.retriever.ranking.offer_from else ()
            return Refusal(nearest=tuple(_suggestion(hit) for hit in near), probability=judged.probability)
        return self._answer([judged.hits[0].passage.id], judged.hits[1:], judged.probability)

    def _replayed(self, previous: Sequence[str]) -> list[str]:
        """The passages that earlier questions would have been answered with."""
        shown: list[str] = []
        for turn, text in enumerate(previous):
            outcome = self.ask(text, previous=previous[:turn], shown=shown)
            if isinstance(outcome, Answer):
                shown.extend(vetted.passage.id for vetted in outcome.passages)
        return shown

    def search(self, question: str, *, limit: int = 5) -> list[Hit]:
        """The passages nearest to a question, best first, whether or not they answer it."""
        found = self.retriever.search(question)
        return list(found.hits[:limit]) if found else []

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names; None when there is no such approved passage (any more)."""
        today = self._today()
        if passage_id not in self.index.by_id or not self._may_serve(passage_id, today):
            return None
        if passage_id not in self._beside:
            self._beside[passage_id] = self.search(self._vetted(passage_id).passage.heading, limit=8)
        near = [hit for hit in self._beside[passage_id] if self._may_serve(hit.passage.id, today)]
        return self._answer([passage_id], near, 1.0, simple=simple)

    def _answer(self, ids: Sequence[str], near: Sequence[Hit], probability: float, *, simple: bool = False) -> Answer:
        related = [_suggestion(hit) for hit in near if hit.passage.id not in ids]
        return Answer(
            passages=tuple(self._vetted(passage_id) for passage_id in ids),
            disclaimer=DISCLAIMER,
            notice=SAMPLE_NOTICE if self._clinic.content_mode == "demo" else None,
            related=tuple(related[:RELATED]),
            probability=probability,
            simple=simple,
        )

    def _vetted(self, passage_id: str) -> Vetted:
        return self.index.passages[self.index.by_id[passage_id]]

    def _today(self) -> date:
        """The clinic's date."""
        return datetime.now(self._clinic.zone).date()

    def _may_serve(self, passage_id: str, today: date) -> bool:
        """An approval that ran out since the build takes its passage out at once."""
        approval = self._vetted(passage_id).approval
        if approval.sample and self._clinic.content_mode == "live":
            return False
        return approval.expires >= today


def open_retriever(settings: KnowledgeSettings, ranking: Ranking, following: Following) -> Retriever:
    """Load encoder and index, to search with the numbers given.

    Raises:
        KnowledgeError: If one of them is missing or damaged.
    """
    faiss.omp_set_num_threads(
        1
    )  # one question at a time: on a busy server, threads wait for each other longer than they work
    encoder = SentenceEncoder(settings.encoder)
    index = load_current(settings.build, encoder=encoder.fingerprint)
    vocabulary = load_vocabulary(settings.vocabulary)
    words = (word for vetted in index.passages for word in words_of(f"{vetted.passage.heading} {vetted.passage.text}"))
    reader = QuestionReader(vocabulary, build_language(vocabulary), words)
    return Retriever(index, encoder, reader, ranking, following)


def answer_as_json(answer: Answer) -> dict[str, Any]:
    """An Answer as the one JSON message that leaves the action server (see docs/chat-api.md for the shapes)."""
    return {
        "schema": SCHEMA,
        "kind": "answer",
        "text": "",
        "passages": [_passage_as_json(vetted, simple=answer.simple) for vetted in answer.passages],
        "disclaimer": answer.disclaimer,
        "notice": answer.notice,
        "related": [{"question": s.question, "passage": s.passage} for s in answer.related],
        "probability": round(answer.probability, 4),
    }


def refusal_as_json(refusal: Refusal) -> dict[str, Any]:
    """A Refusal as JSON, of the same shape as an answer, but without passages and with the `nearest` questions."""
    return {
        "schema": SCHEMA,
        "kind": "no_answer",
        "text": "",
        "passages": [],
        "disclaimer": None,
        "notice": None,
        "nearest": [{"question": s.question, "passage": s.passage} for s in refusal.nearest],
        "probability": round(refusal.probability, 4),
    }


def _suggestion(hit: Hit) -> Suggestion:
    return Suggestion(question=hit.passage.heading, passage=hit.passage.id)


def _passage_as_json(vetted: Vetted, *, simple: bool) -> dict[str, Any]:
    passage, approval = vetted.passage, vetted.approval
    return {
        "id": passage.id,
        "heading": passage.heading,
        "text": passage.simple if simple and passage.simple else passage.text,
        "article": passage.title,
        "source": "; ".join(f"{source.name} ({source.year})" for source in passage.sources),
        "url": passage.sources[0].address,
        "reviewed_by": _reviewer(approval.reviewer, approval.credential),
        "reviewed_on": _day(approval.at.date()),
    }


def _reviewer(name: str, credential: str) -> str:
    return f"{name}, {credential}" if credential else name


def _day(day: date) -> str:
    return day.isoformat()
