"""Actions that state the clinic's own facts."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.memory import Event

Domain = dict[str, Any]


class ActionHours(ServiceAction):
    """Says when the clinic is open."""

    called = "action_hours"

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """Open or not, and what comes next."""
        clinic = self.services.clinic
        hours = clinic.hours_text(self.services.now())
        return self.say(dispatcher, "hours", hours=hours, phone=clinic.phone_display, buttons=[call_button(clinic.phone_uri)])


def call_button(uri: str) -> dict[str, str]:
    """A button that calls the clinic."""
    return {"label": "Call the clinic", "payload": uri}
