"""The actions, run with a tracker and a dispatcher of rasa_sdk and a small fake of the answer service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.registry import build_actions
from actions.services import RESPONSES, Services
from actions.wording import Wording
from knowledge.clinic import load_clinic
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE, Answer, Approval, Passage, Refusal, Source, Suggestion, Vetted

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Source("s", "A study", 2024, "https://example.org/study")


def passage(ordinal: int, simple: str = "Short and plain.") -> Passage:
    return Passage(
        "kettles",
        ordinal,
        f"Question {ordinal}?",
        f"Answer {ordinal}.",
        0,
        9,
        "Kettles",
        sources=(SOURCE,),
        simple=simple,
    )


def answer(ordinal: int, *, simple: bool = False) -> Answer:
    found = passage(ordinal)
    approval = Approval(
        found.id, found.content_hash, "approved", "Sample", "", True, datetime(2026, 1, 2, tzinfo=UTC), date(2030, 1, 1)
    )
    related = (Suggestion("Question 9?", "kettles#9"),)
    return Answer((Vetted(found, approval),), DISCLAIMER, SAMPLE_NOTICE, related, simple=simple)


class FakeAnswers:
    """Answers what mentions a kettle; knows passages 1 to 3."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...], tuple[str, ...] | None]] = []

    def ask(
        self, question: str, *, previous: Sequence[str] = (), shown: Sequence[str] | None = None
    ) -> Answer | Refusal:
        self.asked.append((question, tuple(previous), None if shown is None else tuple(shown)))
        return answer(1) if "kettle" in question else Refusal()

    def passage(self, passage_id: str, *, simple: bool = False) -> Answer | None:
        known = {f"kettles#{n}": n for n in (1, 2, 3)}
        return answer(known[passage_id], simple=simple) if passage_id in known else None


@pytest.fixture
def answers() -> FakeAnswers:
    return FakeAnswers()


@pytest.fixture
def services(answers: FakeAnswers) -> Services:
    clinic = load_clinic(ROOT / "bot" / "clinic.yml")
    monday = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    return Services(answers=answers, clinic=clinic, wording=Wording.load(RESPONSES), now=lambda: monday)


def run(
    services: Services, name: str, text: str = "", intent: str = "", **slots: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run one action; returns its message and the slots that it set."""
    action = next(a for a in build_actions(services) if a.name() == name)
    latest = {"text": text, "intent": {"name": intent}, "entities": []}
    tracker = Tracker("someone", slots, latest, [], False, None, {}, "action_listen")
    dispatcher = CollectingDispatcher()
    events = action.run(dispatcher, tracker, {})
    assert len(dispatcher.messages) == 1
    return dispatcher.messages[0]["custom"], {
        event["name"]: event["value"] for event in events if event["event"] == "slot"
    }


def test_question_with_an_answer_becomes_one_json_message(services: Services) -> None:
    message, slots = run(services, "action_answer_question", "does my kettle hurt?")
    assert message["kind"] == "answer"
    assert message["disclaimer"] == DISCLAIMER
    assert message["passages"][0]["text"] == "Answer 1."
    assert message["passages"][0]["source"] == "A study (2024)"
    assert slots["shown_passages"] == ["kettles#1"]
    assert slots["last_passage"] == "kettles#1"


def test_question_without_an_answer_says_so_and_is_filed(services: Services) -> None:
    message, _ = run(services, "action_answer_question", "who won the cup?")
    assert message["kind"] == "no_answer"
    assert message["file_question"] is True
    assert not message["passages"]
    assert message["buttons"]


def test_earlier_questions_and_passages_are_handed_to_knowledge(services: Services, answers: FakeAnswers) -> None:
    run(services, "action_answer_question", "kettle?", previous_questions=["first"], shown_passages=["kettles#2"])
    assert answers.asked == [("kettle?", ("first",), ("kettles#2",))]


def test_answer_after_a_red_flag_repeats_the_number_once(services: Services) -> None:
    message, slots = run(services, "action_answer_question", "kettle?", red_flag="emergency")
    assert "911" in message["notice"]
    assert slots["red_flag"] is None


def test_say_it_simpler_shows_the_approved_simpler_wording(services: Services) -> None:
    message, _ = run(services, "action_say_simpler", last_passage="kettles#1")
    assert message["passages"][0]["text"] == "Short and plain."


def test_hours_come_from_clinic_yml(services: Services) -> None:
    message, _ = run(services, "action_hours", "are you open?")
    assert message["kind"] == "clinic"
    assert "4:30 PM" in message["text"]


def test_every_action_of_the_domain_exists_and_the_other_way_round(services: Services) -> None:
    files = sorted((ROOT / "bot" / "domain").glob("*.yml"))
    assert files
    named = {name for file in files for name in yaml.safe_load(file.read_text()).get("actions", [])}
    named |= {"validate_callback_form"} & {action.name() for action in build_actions(services)}
    assert named == {action.name() for action in build_actions(services)}
