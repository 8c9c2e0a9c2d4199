"""What the actions share: opened once at start-up, handed to each action, faked in tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from actions.wording import Wording
from knowledge.answering import AnswerService
from knowledge.clinic import Clinic, load_clinic
from knowledge.models import Answer, Refusal
from knowledge.settings import ROOT, KnowledgeSettings

RESPONSES = ROOT / "bot" / "domain" / "responses"


class Answers(Protocol):
    """The part of `knowledge.answering.AnswerService` that actions use."""

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        """Answer a question, or refuse."""

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names."""


@dataclass(frozen=True)
class Services:
    """Collaborators of the actions.

    Attributes:
        answers: Finds approved passages.
        clinic: The clinic's own facts.
        wording: Replies by name.
        now: The present time, aware of its zone.
    """

    answers: Answers
    clinic: Clinic
    wording: Wording
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def open_services(environ: Mapping[str, str], responses: Path = RESPONSES) -> Services:
    """Open the index, the encoder, the clinic's facts and the wording.

    Raises:
        KnowledgeError: If the index, the encoder or `clinic.yml` is missing or wrong.
        WordingError: If a response file is wrong.
    """
    settings = KnowledgeSettings.from_env(environ)
    return Services(AnswerService.open(settings), load_clinic(settings.clinic), Wording.load(responses))
