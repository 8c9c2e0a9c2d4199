"""'Save for my appointment': the session's questions and the approved passages that answered them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel

from bot.gateway.replies import Passage
from bot.gateway.store import Turn
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE


class SummaryItem(BaseModel):
    """A question and what it was answered with."""

    question: str
    passages: list[Passage]


class Summary(BaseModel):
    """A page to print and bring along."""

    title: str
    clinic: dict[str, Any]
    made_on: str
    items: list[SummaryItem]
    questions_to_ask: list[str]
    disclaimer: str
    notice: str | None


def summarise(turns: Sequence[Turn], clinic: dict[str, Any], today: date) -> Summary:
    """Build the summary of a session from its turns. Only answers count; every word of theirs is an approved one.

    Of what stood above an answer only the notice of sample content comes along: others may read the page.

    The same passages once more, "say it simpler" for one, are no new question: they stand in the wording given last.
    """
    answered: dict[tuple[str, ...], SummaryItem] = {}
    sample = False
    for turn in turns:
        for reply in turn.replies:
            if reply.kind == "answer":
                ids = tuple(passage.id for passage in reply.passages)
                item = answered.setdefault(ids, SummaryItem(question=turn.text, passages=[]))
                item.passages = list(reply.passages)
                sample = sample or SAMPLE_NOTICE in (reply.notice or "")
    items = list(answered.values())
    return Summary(
        title="For my appointment",
        clinic=clinic,
        made_on=today.isoformat(),
        items=items,
        questions_to_ask=questions_to_ask([passage for item in items for passage in item.passages]),
        disclaimer=DISCLAIMER,
        notice=SAMPLE_NOTICE if sample else None,
    )


def questions_to_ask(passages: Sequence[Passage]) -> list[str]:
    """The questions that stand as list items in the passages, in order, each once."""
    found = [
        line.removeprefix("- ").strip()
        for passage in passages
        for line in passage.text.splitlines()
        if line.startswith("- ") and line.rstrip().endswith("?")
    ]
    return list(dict.fromkeys(found))
