"""Answers from whichever index is current: a build, a withdrawal or a rollback is served without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from knowledge.answering import AnswerService
from knowledge.index import current_name
from knowledge.models import Answer, Refusal
from knowledge.settings import KnowledgeSettings

logger = logging.getLogger("vagus.knowledge")

RETRY_SECONDS = 2.0
"""Pause after an index could not be opened for the first time; each further failure doubles it."""
LONGEST_RETRY_SECONDS = 60.0


class CurrentAnswers:
    """An `AnswerService` that is opened anew beside the old one when `CURRENT` names another index.

    The questions of the seconds that opening takes are answered by the old one. Where the new index cannot be opened, the
    old one goes on serving, and opening is tried again.

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
        self._serves = current_name(settings.build)
        self._service = open_service(settings)
        self._lock = threading.Lock()  # held for moments, over everything that changes
        self._opening = False
        self._failed: str | None = None
        self._pause = RETRY_SECONDS
        self._next_try = 0.0

    def ask(self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] = ()) -> Answer | Refusal:
        """Answer a question; see `AnswerService.ask`."""
        return self._current().ask(question, previous=previous, shown=shown)

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        """The answer that a button names; see `AnswerService.passage`."""
        return self._current().passage(passage_id, simple=simple)

    def is_current(self) -> bool:
        """Whether the index that `CURRENT` names is the one that serves; where it is not, opening it begins."""
        name = self._named()
        with self._lock:
            if name == self._serves:
                return True
            if self._opening or (name == self._failed and time.monotonic() < self._next_try):
                return False
            self._opening = True
        try:
            threading.Thread(target=self._reopen, args=(name,), name="index", daemon=True).start()
        except RuntimeError as error:  # no memory for another thread
            self._put_off(name, error)
        return False

    def _current(self) -> AnswerService:
        self.is_current()
        return self._service

    def _named(self) -> str | None:
        try:
            return current_name(self._settings.build)
        except (OSError, ValueError):  # opening fails of it too, and says so
            return None

    def _reopen(self, name: str | None) -> None:
        try:
            service = self._open(self._settings)
        except Exception as error:  # whatever it is, an index that is no longer current must not go on for good
            self._put_off(name, error)
            return
        with self._lock:
            self._service, self._serves = service, name
            self._failed, self._opening = None, False
        logger.info("index %s serves", (name or "")[:12])

    def _put_off(self, name: str | None, error: Exception) -> None:
        with self._lock:
            self._pause = min(2 * self._pause, LONGEST_RETRY_SECONDS) if name == self._failed else RETRY_SECONDS
            self._next_try = time.monotonic() + self._pause
            self._failed, self._opening = name, False
        logger.error(
            "the new index is not used, the old one goes on serving; tried again in %g s: %s: %s",
            self._pause,
            type(error).__name__,
            error,
        )
