"""Actions' collaborators: a small knowledge base, a clinic with hours, and the shipped wording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.services import RESPONSES, Services
from actions.wording import Wording
from knowledge.clinic import Clinic
from tests.actions.fakes import SUNDAY_NOON, FakeAnswers, passage

MakeTracker = Callable[..., Tracker]


@pytest.fixture
def answers() -> FakeAnswers:
    return FakeAnswers([passage("stress", 1), passage("stress", 2), passage("pacing", 1, simple="")])


@pytest.fixture
def clinic() -> Clinic:
    day = {"open": "07:30", "close": "16:30"}
    return Clinic.model_validate(
        {
            "name": "Test Clinic",
            "phone": "+1 212-555-0142",
            "address": "1 Test Street",
            "time_zone": "America/New_York",
            "hours": {
                "monday": day,
                "tuesday": day,
                "wednesday": {**day, "lunch": {"open": "12:00", "close": "13:00"}},
                "thursday": day,
                "friday": {"open": "07:30", "close": "12:00"},
            },
            "holidays": {"country": "US"},
            "closures": [{"date": "2026-12-02", "reason": "staff training"}],
            "links": {"booking": "https://clinic.example/book"},
        }
    )


@pytest.fixture
def services(answers: FakeAnswers, clinic: Clinic) -> Services:
    concepts = {"igg test": "igg_test", "antibiotics": "antibiotics"}
    return Services(answers, clinic, Wording.load(RESPONSES), concepts, now=lambda: SUNDAY_NOON)


@pytest.fixture
def dispatcher() -> CollectingDispatcher:
    return CollectingDispatcher()


@pytest.fixture
def tracker() -> MakeTracker:
    def make(
        text: str = "",
        intent: str = "ask_stress",
        *,
        confidence: float = 0.95,
        entities: Sequence[dict[str, Any]] = (),
        **slots: Any,
    ) -> Tracker:
        message = {"text": text, "intent": {"name": intent, "confidence": confidence}, "entities": list(entities)}
        return Tracker("s", slots, message, [], False, None, {}, None)

    return make
