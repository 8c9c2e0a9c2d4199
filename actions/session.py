"""Actions about the conversation itself."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.memory import Event

Domain = dict[str, Any]


class ActionGreet(ServiceAction):
    """Greets once; a patient who comes back in a live session is not greeted again."""

    called = "action_greet"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Greet, or just be there."""
        if tracker.get_slot("greeted") or tracker.get_slot("last_question"):
            return self.say(dispatcher, "greet_again")
        self.say(dispatcher, "greet", emergency=self.services.clinic.emergency.emergency)
        return [SlotSet("greeted", True)]
