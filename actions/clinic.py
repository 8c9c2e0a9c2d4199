"""Actions that state the clinic's own facts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.memory import CALLBACK, Event, intent_of
from actions.services import Services
from actions.when import days_meant
from knowledge.clinic import WEEKDAYS, Clinic, Weekday, clock, day_name

Domain = dict[str, Any]
CLOSURES_AHEAD = 90
"""Days within which closing days are listed."""


class ActionHours(ServiceAction):
    """Says when the clinic is open: now, on the day that was asked about, at the holidays, or in an ordinary week."""

    called = "action_hours"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Find out which days are meant, and state them exactly."""
        clinic = self.services.clinic
        call = [call_button(clinic)]
        days = days_meant(str(tracker.latest_message.get("text") or ""), self.services.today(), clinic)
        name, values = _days_asked(self.services, days) if days else _in_general(self.services, intent_of(tracker))
        return self.say(dispatcher, name, buttons=call, **values)


class ClinicFact(ServiceAction):
    """States one fact by its wording; `page` names the link that, where the clinic has it, changes the wording."""

    page = ""

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """State it, with a button to call."""
        name = self.called.removeprefix("action_")
        if self.page and self.services.facts()[self.page]:
            name += "_online"
        return self.say(dispatcher, name, buttons=[call_button(self.services.clinic)])


class ActionPhone(ClinicFact):
    """The phone number."""

    called = "action_phone"


class ActionAddress(ClinicFact):
    """The address, or how to ask for it."""

    called = "action_address"

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """State it, with a button to call."""
        name = "address" if self.services.clinic.address else "address_unknown"
        return self.say(dispatcher, name, buttons=[call_button(self.services.clinic)])


class ActionBooking(ClinicFact):
    """How to book."""

    called = "action_booking"
    page = "booking"


class ActionCancelAppointment(ClinicFact):
    """How to cancel or move an appointment."""

    called = "action_cancel_appointment"
    page = "booking"


class ActionInsurance(ClinicFact):
    """Whom to ask about insurance and bills."""

    called = "action_insurance"
    page = "insurance"


class ActionPortal(ClinicFact):
    """Where records and messages are."""

    called = "action_portal"
    page = "portal"


class ActionRefillLine(ClinicFact):
    """How refills are asked for."""

    called = "action_refill_line"


class ActionTalkToPerson(ClinicFact):
    """How to reach a person."""

    called = "action_talk_to_person"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Event]:
        """The number, and the offer of a call back."""
        return [*super().run(dispatcher, tracker, domain), SlotSet("offered", CALLBACK)]


def call_button(clinic: Clinic) -> dict[str, str]:
    """A button that calls the clinic."""
    return {"label": "Call the clinic", "payload": clinic.phone_uri}


def long_day(day: date, today: date) -> str:
    """A date as people say it: `Friday, November 27`, with the year when it is another one than today's."""
    return f"{day:%A}, {day:%B} {day.day}" + ("" if day.year == today.year else f", {day.year}")


def spans_text(clinic: Clinic, day: date) -> str:
    """A day's opening hours: `7:30 AM to 12:00 PM`, with `and` around a lunch break; or that it is closed, and why."""
    spans = clinic.spans(day)
    if not spans:
        return "closed" + _reason(clinic, day)
    return " and ".join(f"{clock(opens)} to {clock(closes)}" for opens, closes in spans)


def week_text(clinic: Clinic) -> str:
    """The ordinary week, days with equal hours joined: `Monday to Thursday: 7:30 AM to 4:30 PM`."""
    groups: list[tuple[Weekday, Weekday, str]] = []
    for name in WEEKDAYS:
        hours = clinic.hours.get(name)
        text = " and ".join(f"{clock(o)} to {clock(c)}" for o, c in hours.spans()) if hours else "closed"
        if groups and groups[-1][2] == text:
            groups[-1] = (groups[-1][0], name, text)
        else:
            groups.append((name, name, text))
    return "\n".join(f"- {_days_text(first, last)}: {text}" for first, last, text in groups)


def _days_text(first: Weekday, last: Weekday) -> str:
    between = (WEEKDAYS.index(last) - WEEKDAYS.index(first)) % len(WEEKDAYS)
    if not between:
        return first.title()
    return f"{first.title()} {'and' if between == 1 else 'to'} {last.title()}"


def _days_asked(services: Services, days: list[date]) -> tuple[str, dict[str, str]]:
    """Wording and values for the days that were asked about."""
    clinic, today = services.clinic, services.today()
    if len(days) > 1:
        lines = [f"- {long_day(day, today)}: {spans_text(clinic, day)}" for day in days]
        return "hours_two_days", {"days": "\n".join(lines)}
    day, name = days[0], long_day(days[0], today)
    if clinic.spans(day):
        return "hours_open", {"day": name, "spans": spans_text(clinic, day)}
    return "hours_closed", {"day": name, "reason": _reason(clinic, day), "opens": _opens_after(services, day)}


def _in_general(services: Services, intent: str) -> tuple[str, dict[str, str]]:
    """Wording and values when no day was named."""
    week = {"week": week_text(services.clinic)}
    if intent == "open_now":
        return "open_now", {}
    if intent != "holiday":
        return "hours", week
    today = services.today()
    coming = [today + timedelta(days=ahead) for ahead in range(CLOSURES_AHEAD)]
    closed = [
        day for day in coming if WEEKDAYS[day.weekday()] in services.clinic.hours and not services.clinic.spans(day)
    ]
    lines = "\n".join(f"- {long_day(day, today)}{_reason(services.clinic, day)}" for day in closed)
    return ("holidays", {"closures": lines}) if closed else ("holidays_none", week)


def _reason(clinic: Clinic, day: date) -> str:
    reason = clinic.closed_because(day)
    return f" ({reason})" if reason else ""


def _opens_after(services: Services, after: date) -> str:
    """When the door opens again after a day, seen from today."""
    clinic, today = services.clinic, services.today()
    for ahead in range(1, 31):
        spans = clinic.spans(after + timedelta(days=ahead))
        if spans:
            opens = spans[0][0]
            return f"{day_name(opens, today)} at {clock(opens)}"
    return "later; please call"
