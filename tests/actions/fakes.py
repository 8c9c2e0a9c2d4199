"""A small knowledge base, and readers of what an action sent and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from knowledge.models import DISCLAIMER, Answer, Approval, Passage, Refusal, Source, Suggestion, Vetted

SUNDAY_NOON = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # noon in New York
MONDAY_MORNING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # ten o'clock in New York


class FakeAnswers:
    """Answers a question that holds a passage's first word; refuses any other."""

    def __init__(self, passages: Sequence[Passage], *, sample: bool = True) -> None:
        self.by_id = {passage.id: passage for passage in passages}
        self.sample = sample
        self.near: tuple[Suggestion, ...] = ()
        self.asked: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        self.asked.append((question, tuple(previous), tuple(shown)))
        found = [p for p in self.by_id.values() if p.article in question.lower()]
        return self._answer(found[0]) if found else Refusal(nearest=self.near, probability=0.1)

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        passage = self.by_id.get(passage_id)
        return self._answer(passage, simple=simple) if passage else None

    def is_current(self) -> bool:
        return True

    def _answer(self, passage: Passage, *, simple: bool = False) -> Answer:
        approval = Approval(
            passage=passage.id,
            content_hash=passage.content_hash,
            decision="approved",
            reviewer="Dana Reyes",
            credential="RN",
            sample=self.sample,
            at=datetime(2026, 11, 1, tzinfo=UTC),
            expires=date(2027, 11, 1),
        )
        related = tuple(Suggestion(p.heading, p.id) for p in self.by_id.values() if p.id != passage.id)
        return Answer((Vetted(passage, approval),), DISCLAIMER, "Sample content.", related, 0.9, simple)


def passage(article: str, ordinal: int, *, simple: str = "Short.") -> Passage:
    text = f"Words about {article}, part {ordinal}."
    source = Source("a-2020", "A and others", 2020, "https://example.org/a")
    return Passage(
        article,
        ordinal,
        f"What is {article} {ordinal}?",
        text,
        0,
        len(text),
        article.title(),
        sources=(source,),
        simple=simple,
    )


def sent(dispatcher: CollectingDispatcher) -> list[dict[str, Any]]:
    return [message["custom"] for message in dispatcher.messages]


def slots_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {event["name"]: event["value"] for event in events}
