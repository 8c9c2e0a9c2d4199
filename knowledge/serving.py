"""Answers from whichever index is current: a build, a withdrawal or a rollback is served without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from knowledge.answering import AnswerService
from knowledge.errors import KnowledgeError
from knowledge.index import current_name
from knowledge.models import Answer, Refusal
from knowledge.settings import KnowledgeSettings

logger = logging.getLogger("vagus.knowledge")


class CurrentAnswers:
    """An `AnswerService` that is opened anew beside the old one when `CURRENT` names another index.

    The questions of the seconds that opening takes are answered by the old one, and all of them when the new index is damaged.

    Example:
        >>> answers = CurrentAnswers(KnowledgeSettings())  # doctest: +SKIP
        >>> answers.ask("what is leaky gut?")  # doctest: +SKIP
        Answer(...)
    """

    def __init__(
        self,
        settings: KnowledgeSettings,
        open_service: Callable[[KnowledgeSettings], AnswerService] = AnswerService.open,
    ) -> None:
        """Open the index that is current now.

        Raises:
            KnowledgeError: If the index, the encoder or `clinic.yml` is missing or damaged.
        """
        self._settings = settings
        self._open = open_service
        self._seen = current_name(settings.build)
        self._service = open_service(settings)
        self._opening = threading.Lock()

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        """Answer a question; see `AnswerService.ask`."""
        return self._current().ask(question, previous=previous, shown=shown)

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names; see `AnswerService.passage`."""
        return self._current().passage(passage_id, simple=simple)

    def _current(self) -> AnswerService:
        name = current_name(self._settings.build)
        if name != self._seen:
            self._seen = name
            threading.Thread(target=self._reopen, args=(name,), name="index", daemon=True).start()
        return self._service

    def _reopen(self, name: str | None) -> None:
        with self._opening:  # of two builds in a row the later one is opened last
            try:
                self._service = self._open(self._settings)
            except KnowledgeError as error:
                logger.error("the new index is not used, the old one goes on serving: %s", error)
            else:
                logger.info("index %s serves", (name or "")[:12])
