"""A question in, an Answer of approved passages or an honest Refusal out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from knowledge.clinic import Clinic, load_clinic
from knowledge.encoder import SentenceEncoder
from knowledge.index import PassageIndex, load_current
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE, Answer, Hit, Refusal, Suggestion, Vetted
from knowledge.retriever import Retriever
from knowledge.settings import KnowledgeSettings

ANSWER_FROM = 0.62
OFFER_FROM = 0.45
RELATED = 3
SCHEMA = 1


class AnswerService:
    """Answers questions from the index that was current when it was opened.

    Example:
        >>> service = AnswerService.open(KnowledgeSettings())  # doctest: +SKIP
        >>> service.ask("does leaky gut make my joints hurt?")  # doctest: +SKIP
        Answer(...)
    """

    def __init__(self, retriever: Retriever, clinic: Clinic) -> None:
        self._retriever = retriever
        self._clinic = clinic

    @classmethod
    def open(cls, settings: KnowledgeSettings) -> AnswerService:
        """Load encoder, index and clinic facts.

        Raises:
            KnowledgeError: If one of them is missing or damaged.
        """
        encoder = SentenceEncoder(settings.encoder)
        index = load_current(settings.build, encoder=encoder.fingerprint)
        return cls(Retriever(index, encoder), load_clinic(settings.clinic))

    @property
    def index(self) -> PassageIndex:
        """The index that answers."""
        return self._retriever.index

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        """Answer a question.

        Args:
            question: What the patient wrote.
            previous: Their earlier questions in this conversation, oldest first.
            shown: Ids of passages they were already given.
        """
        hits = [hit for hit in self._retriever.search(question, limit=10) if self._may_serve(hit.passage.id)]
        fresh = [hit for hit in hits if hit.passage.id not in shown] or hits
        if not fresh:
            return Refusal()
        best = fresh[0]
        if best.score < ANSWER_FROM:
            near = fresh[:2] if best.score >= OFFER_FROM else []
            return Refusal(nearest=tuple(_suggestion(hit) for hit in near), probability=max(best.score, 0.0))
        return self._answer([best.passage.id], fresh[1:], min(best.score, 1.0))

    def search(self, question: str, *, limit: int = 5) -> list[Hit]:
        """The passages nearest to a question, best first, whether or not they answer it."""
        return self._retriever.search(question, limit=limit)

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names; None when there is no such approved passage (any more)."""
        if passage_id not in self.index.by_id or not self._may_serve(passage_id):
            return None
        passage = self._vetted(passage_id).passage
        near = [hit for hit in self._retriever.search(passage.heading, limit=8) if self._may_serve(hit.passage.id)]
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

    def _may_serve(self, passage_id: str) -> bool:
        """An approval that ran out since the build takes its passage out at once."""
        approval = self._vetted(passage_id).approval
        if approval.sample and self._clinic.content_mode == "live":
            return False
        return approval.expires >= datetime.now(self._clinic.zone).date()


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
    """A Refusal as JSON, of the same shape as an answer but for its passages."""
    return {
        "schema": SCHEMA,
        "kind": "no_answer",
        "text": "",
        "passages": [],
        "disclaimer": None,
        "notice": None,
        "related": [{"question": s.question, "passage": s.passage} for s in refusal.nearest],
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
