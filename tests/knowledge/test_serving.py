from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge import serving
from knowledge.errors import IndexArtifactError
from knowledge.index import current_name, switch_current
from knowledge.serving import CurrentAnswers
from knowledge.settings import KnowledgeSettings


class NamedService:
    """Answers every question with the name of the index that it was opened on."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self.name = current_name(settings.build)
        if self.name == "damaged":
            raise IndexArtifactError("dense.faiss: its hash is not that of the manifest.")

    def ask(self, _question: str, **_options: Any) -> str | None:
        return self.name

    def passage(self, _passage_id: str, **_options: Any) -> str | None:
        return self.name


@pytest.fixture
def settings(tmp_path: Path) -> KnowledgeSettings:
    switch_current(tmp_path, "first")
    return KnowledgeSettings(build=tmp_path)


def until(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_serving_follows_the_current_index(settings: KnowledgeSettings) -> None:
    answers = CurrentAnswers(settings, NamedService)  # type: ignore[arg-type]
    assert answers.ask("why?") == "first"
    switch_current(settings.build, "second")
    assert until(lambda: answers.ask("why?") == "second")
    assert answers.passage("a#1") == "second"


def test_serving_opens_an_index_once(settings: KnowledgeSettings) -> None:
    opened: list[str | None] = []

    def open_service(settings: KnowledgeSettings) -> NamedService:
        opened.append(current_name(settings.build))
        return NamedService(settings)

    answers = CurrentAnswers(settings, open_service)  # type: ignore[arg-type]
    switch_current(settings.build, "second")
    assert until(lambda: answers.ask("why?") == "second")
    answers.ask("and now?")
    assert opened == ["first", "second"]


def test_serving_keeps_the_old_index_when_the_new_one_is_damaged(
    settings: KnowledgeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    answers = CurrentAnswers(settings, NamedService)  # type: ignore[arg-type]
    switch_current(settings.build, "damaged")
    with caplog.at_level(logging.ERROR):
        answers.ask("why?")
        assert until(lambda: bool(caplog.records))
    assert answers.ask("why?") == "first"
    assert "dense.faiss" in caplog.text
    switch_current(settings.build, "third")
    assert until(lambda: answers.ask("why?") == "third")


@pytest.mark.parametrize("trouble", [IndexArtifactError("dense.faiss: missing."), PermissionError(13), MemoryError()])
def test_serving_tries_again_what_could_not_be_opened(
    settings: KnowledgeSettings, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    monkeypatch.setattr(serving, "RETRY_SECONDS", 0.05)
    troubles = [trouble, trouble]
    tried: list[float] = []

    def open_service(settings: KnowledgeSettings) -> NamedService:
        if current_name(settings.build) == "second":
            tried.append(time.monotonic())
            if troubles:
                raise troubles.pop()
        return NamedService(settings)

    answers = CurrentAnswers(settings, open_service)  # type: ignore[arg-type]
    assert answers.is_current()
    switch_current(settings.build, "second")
    assert answers.ask("why?") == "first"
    assert not answers.is_current()
    assert until(lambda: answers.ask("why?") == "second")
    assert answers.is_current()
    assert len(tried) == 3
    assert tried[1] - tried[0] >= 0.05
    assert tried[2] - tried[1] >= 0.1


def test_serving_outlives_a_name_that_cannot_be_read(settings: KnowledgeSettings) -> None:
    answers = CurrentAnswers(settings, NamedService)  # type: ignore[arg-type]
    (settings.build / "CURRENT").unlink()
    (settings.build / "CURRENT").mkdir()
    assert answers.ask("why?") == "first"
    assert not answers.is_current()
    (settings.build / "CURRENT").rmdir()
    switch_current(settings.build, "second")
    assert until(lambda: answers.ask("why?") == "second")
