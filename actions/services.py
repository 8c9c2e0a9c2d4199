"""What the actions share: opened once at start-up, handed to each action, faked in tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from actions.wording import Reply, Wording
from knowledge.clinic import Clinic, load_clinic
from knowledge.models import Answer, Refusal
from knowledge.serving import CurrentAnswers
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.vocabulary import load_vocabulary

RESPONSES = ROOT / "bot" / "domain" / "responses"


class Answers(Protocol):
    """The part of `knowledge.serving.CurrentAnswers` that actions use."""

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        """Answer a question, or refuse."""

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names."""

    def is_current(self) -> bool:
        """Whether the index that serves is the one that ought to."""


@dataclass(frozen=True)
class Services:
    """Collaborators of the actions.

    Attributes:
        answers: Finds approved passages.
        clinic: The clinic's own facts.
        wording: Replies by name.
        concepts: Concept ids by the ways to write them, lower case.
        now: The present time, aware of its zone.
    """

    answers: Answers
    clinic: Clinic
    wording: Wording
    concepts: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def today(self) -> date:
        """The date at the clinic."""
        return self.now().astimezone(self.clinic.zone).date()

    def facts(self) -> dict[str, str]:
        """What any wording may name: the clinic's numbers, links and whether it is open."""
        clinic, numbers, links = self.clinic, self.clinic.emergency, self.clinic.links
        pages = {name: str(getattr(links, name) or "") for name in type(links).model_fields}
        return {
            **pages,
            "clinic": clinic.name,
            "phone": clinic.phone_display,
            "address": clinic.address,
            "emergency": numbers.emergency,
            "crisis": numbers.crisis,
            "poison": numbers.poison,
            "abuse": numbers.abuse,
            "hours": clinic.hours_text(self.now()),
            "checked": "clinic-checked" if clinic.content_mode == "live" else "sample",
        }

    def say(self, name: str, *, buttons: list[dict[str, str]] | None = None, **values: str) -> Reply:
        """A reply by name, with the clinic's facts and the given values filled in."""
        return self.wording.reply(name, buttons=buttons, **{**self.facts(), **values})


def open_services(environ: Mapping[str, str], responses: Path = RESPONSES) -> Services:
    """Open the index, the encoder, the clinic's facts and the wording.

    Raises:
        KnowledgeError: If the index, the encoder or `clinic.yml` is missing or wrong.
        WordingError: If a response file is wrong.
    """
    settings = KnowledgeSettings.from_env(environ)
    vocabulary = load_vocabulary(settings.vocabulary)
    return Services(
        answers=CurrentAnswers(settings),
        clinic=load_clinic(settings.clinic),
        wording=Wording.load(responses),
        concepts={term: concept.id for concept in vocabulary for term in concept.terms},
    )
