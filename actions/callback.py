"""The callback request: reads what the patient gives, asks again kindly, and files a confirmed summary.

The Rasa form `callback_form` asks for its slots in order. `validate_callback_form` takes a message as the requested slot's
value, or returns nothing when it is a digression: Rasa then answers that and comes back to the form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import phonenumbers
from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.clinic import call_button
from actions.memory import Event, intent_of
from actions.wording import SCHEMA

Domain = dict[str, Any]

SLOTS = (
    "callback_consent",
    "callback_name",
    "callback_phone",
    "callback_time",
    "callback_topic",
    "callback_confirmed",
)
MAX_NAME, MAX_TIME, MAX_TOPIC = 60, 100, 200
REGION = "US"

ALWAYS_DIGRESSION = frozenset({"cancel_request", "red_flag", "request_callback", "ask_passage", "ask_topic"})
CLEAR_INTENT = 0.75
"""From this confidence on, a message that reads as a question is taken as one."""
WORDS_OF_A_QUESTION = 4

_QUESTION = re.compile(
    r"\?|^(what|when|where|why|who|whom|whose|which|how|is|are|am|can|could|do|does|did|should|would|will|was|were|has|have)\b"
    r"|^(tell|show|explain|say|repeat)\b"
)
_NAME_LEAD = re.compile(
    r"^(hi|hello|hey)?[\s,]*((my|the) name is|my name's|name is|i am|i'm|im|this is|it's|its|call me|ask for)\s+", re.I
)
_NAME = re.compile(r"[^\W\d_][\w .,'\u2019-]*", re.UNICODE)
_FIELD_WORDS = {
    "callback_phone": r"number|phone|digits",
    "callback_name": r"name",
    "callback_time": r"time|when|day|hour",
    "callback_topic": r"topic|about|reason|subject",
}


class ValidateCallbackForm(ServiceAction):
    """Fills the requested slot from the message, asks again, or lets a digression through."""

    called = "validate_callback_form"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Events that fill or clear the requested slot; none for a digression."""
        requested = tracker.get_slot("requested_slot")
        text = str(tracker.latest_message.get("text") or "").strip()
        intent = intent_of(tracker)
        if requested not in SLOTS or intent in ALWAYS_DIGRESSION:
            return []
        if requested in ("callback_consent", "callback_confirmed"):
            return self._yes_or_no(dispatcher, tracker, requested, intent, text)
        if text.startswith("/") or is_question(tracker, requested):
            return []
        value = READERS[requested](text)
        if value is None:
            self.say(dispatcher, f"{requested}_again")
        return [SlotSet(requested, value)]

    def _yes_or_no(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, requested: str, intent: str, text: str
    ) -> list[Event]:
        change = _field_to_change(tracker, text) if requested == "callback_confirmed" else None
        if change:
            return [SlotSet(change, None), SlotSet(requested, None)]
        if intent == "affirm":
            return [SlotSet(requested, True)]
        if intent == "deny" and requested == "callback_consent":
            return [SlotSet(requested, False), SlotSet("requested_slot", None)]
        if intent in ("deny", "nlu_fallback", "change_callback"):
            self.say(dispatcher, "callback_change_what" if intent == "deny" else "callback_yes_or_no")
            return [SlotSet(requested, None)]
        return []


class ActionAskCallbackConsent(ServiceAction):
    """Asks whether to go ahead, and says when the staff call back."""

    called = "action_ask_callback_consent"

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """Ask."""
        return self.say(dispatcher, "callback_consent")


class ActionAskCallbackConfirmed(ServiceAction):
    """Reads the request back."""

    called = "action_ask_callback_confirmed"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show the summary, with the number formatted."""
        number = display_phone(str(tracker.get_slot("callback_phone")))
        values = {"person": "callback_name", "time": "callback_time", "topic": "callback_topic"}
        given = {name: str(tracker.get_slot(slot)) for name, slot in values.items()}
        return self.say(dispatcher, "callback_summary", number=number, **given)


class ActionSubmitCallback(ServiceAction):
    """Hands a confirmed request to the gateway, and forgets it."""

    called = "action_submit_callback"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """File it, or say that it was dropped."""
        if not tracker.get_slot("callback_confirmed"):
            return drop(self, dispatcher)
        clinic, now = self.services.clinic, self.services.now()
        hours = "" if clinic.is_open(now) else f" {clinic.hours_text(now)}"
        reply = self.services.say("callback_filed", when=hours, buttons=[call_button(clinic)])
        reply["callback"] = {
            "name": tracker.get_slot("callback_name"),
            "phone": tracker.get_slot("callback_phone"),
            "best_time": tracker.get_slot("callback_time"),
            "topic": tracker.get_slot("callback_topic"),
            "consent": True,
        }
        reply["forget"] = True
        dispatcher.utter_message(json_message=reply)
        return forget()


class ActionCallbackCancelled(ServiceAction):
    """Drops the request on "never mind"."""

    called = "action_callback_cancelled"

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """Say so, and forget what was given."""
        return drop(self, dispatcher)


class ActionCallbackDropped(ServiceAction):
    """Drops the request in silence, when a red flag came in between."""

    called = "action_callback_dropped"

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """Forget what was given."""
        dispatcher.utter_message(json_message={"schema": SCHEMA, "kind": "silent", "forget": True})
        return forget()


def drop(action: ServiceAction, dispatcher: CollectingDispatcher) -> list[Event]:
    """Say that nothing was passed on; forget what was given."""
    reply = action.services.say("callback_cancelled", buttons=[call_button(action.services.clinic)])
    reply["forget"] = True
    dispatcher.utter_message(json_message=reply)
    return forget()


def forget() -> list[Event]:
    """Empty every slot of the form."""
    return [SlotSet(slot, None) for slot in SLOTS]


def is_question(tracker: Tracker, requested: str) -> bool:
    """Whether a message given for a slot is a question of its own.

    A topic may well be worded as a question, so nothing is a digression there. A bare name or time can look like any
    intent, so elsewhere it takes a clear intent and the form of a question.
    """
    if requested == "callback_topic":
        return False
    text = str(tracker.latest_message.get("text") or "").strip().lower()
    intent = tracker.latest_message.get("intent") or {}
    clear = float(intent.get("confidence") or 0.0) >= CLEAR_INTENT and intent.get("name") != "nlu_fallback"
    if requested == "callback_phone" and not any(map(str.isdigit, text)):
        return bool(_QUESTION.search(text)) or (clear and intent.get("name") not in ("affirm", "deny"))
    if requested == "callback_name" and len(text.split()) < WORDS_OF_A_QUESTION and "?" not in text:
        return False  # Will Hope is a name
    return bool(_QUESTION.search(text)) and (clear or "?" in text)


def read_name(text: str) -> str | None:
    """A person's name out of "my name is Ana Lopez"; None when there is none.

    Example:
        >>> read_name("hi, I'm Ana")
        'Ana'
    """
    name = _NAME_LEAD.sub("", text).strip(" .,!")
    fits = _NAME.fullmatch(name) and len(name) <= MAX_NAME and len(name.split()) <= 5
    return name if fits and name.lower() not in ("no", "yes", "ok", "none") else None


def read_phone(text: str) -> str | None:
    """A phone number in E.164 form; None when there is none.

    Example:
        >>> read_phone("it's 212-555-0142, thanks")
        '+12125550142'
    """
    for match in phonenumbers.PhoneNumberMatcher(text, REGION, leniency=phonenumbers.Leniency.POSSIBLE):
        if phonenumbers.is_possible_number_with_reason(match.number) == phonenumbers.ValidationResult.IS_POSSIBLE:
            return phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
    return None


def read_time(text: str) -> str | None:
    """A note on when to call; None when it is empty or too long."""
    note = " ".join(text.split())
    return note if 2 <= len(note) <= MAX_TIME else None


def read_topic(text: str) -> str | None:
    """A few words on the subject; None when it is empty, too long or a button."""
    note = " ".join(text.split())
    return note if 2 <= len(note) <= MAX_TOPIC and not note.startswith("/") else None


def display_phone(number: str) -> str:
    """A stored number as people write it: `(212) 555-0142`, or with its country code from abroad."""
    parsed = phonenumbers.parse(number, REGION)
    home = parsed.country_code == phonenumbers.country_code_for_region(REGION)
    form = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, form)


READERS: dict[str, Callable[[str], str | None]] = {
    "callback_name": read_name,
    "callback_phone": read_phone,
    "callback_time": read_time,
    "callback_topic": read_topic,
}


def _field_to_change(tracker: Tracker, text: str) -> str | None:
    """The slot that the patient wants to change: named by a button, or in words."""
    if intent_of(tracker) == "change_callback":
        field = next(tracker.get_latest_entity_values("field"), None)
        return field if field in _FIELD_WORDS else None
    if text.startswith("/"):
        return None
    return next((slot for slot, words in _FIELD_WORDS.items() if re.search(rf"\b(?:{words})\b", text.lower())), None)
