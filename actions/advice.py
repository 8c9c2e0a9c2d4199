"""Redirects what an education assistant must not answer, and offers education on the subject where there is some."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.clinic import call_button
from actions.memory import Event, Memory, intent_of
from actions.replies import passage_button
from actions.services import Services
from knowledge.models import Answer, Suggestion

Domain = dict[str, Any]

SPECIAL = {
    ("advice_results", "igg_test"): "advice_igg_result",
    ("advice_medicine_change", "antibiotics"): "advice_antibiotic",
}
"""Wordings for an intent together with a concept that the message names."""

WITHOUT_EDUCATION = frozenset({"jailbreak", "advice_refill", "advice_letter"})
ANSWERED_FIRST = frozenset({"advice_cure"})
"""Asked about a condition, these often have an approved passage that answers honestly."""


class ActionRedirect(ServiceAction):
    """Says what it can't do, why, whom to ask and what to ask them."""

    called = "action_redirect"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Redirect; with a button to a passage on the subject, or with the passage itself where that is the answer."""
        memory, intent = Memory.of(tracker), intent_of(tracker)
        found = None
        if intent not in WITHOUT_EDUCATION and not memory.question.startswith("/"):
            found = self.services.answers.ask(memory.question, previous=memory.previous, shown=memory.shown)
        if isinstance(found, Answer) and intent in ANSWERED_FIRST and (memory.previous or _names_a_condition(tracker)):
            return memory.asked() + self.show(dispatcher, found, memory)
        buttons = [*_education(found), call_button(self.services.clinic)]
        return self.say(dispatcher, _wording(intent, named(tracker, self.services), self.services), buttons=buttons)


def named(tracker: Tracker, services: Services) -> frozenset[str]:
    """Ids of the concepts that the message names, from the entities that spaCy found."""
    values = (str(entity.get("value", "")).lower() for entity in tracker.latest_message.get("entities", []))
    return frozenset(services.concepts[value] for value in values if value in services.concepts)


def _names_a_condition(tracker: Tracker) -> bool:
    return any(entity.get("entity") == "condition" for entity in tracker.latest_message.get("entities", []))


def _wording(intent: str, concepts: frozenset[str], services: Services) -> str:
    for (about, concept), name in SPECIAL.items():
        if intent == about and concept in concepts:
            return name
    return intent if intent in services.wording else "advice_treatment_choice"


def _education(found: object) -> list[dict[str, str]]:
    """Buttons to the passage that answers, and to its nearest neighbour."""
    if not isinstance(found, Answer):
        return []
    first = found.passages[0].passage
    return [passage_button(s) for s in (Suggestion(first.heading, first.id), *found.related[:1])]
