from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from actions.clinic import ActionAddress, ActionBooking, ActionHours, ActionPortal, ActionTalkToPerson, week_text
from actions.when import days_meant
from tests.actions.fakes import MONDAY_MORNING, sent

SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("are you open tomorrow", [date(2026, 11, 23)]),
        ("what about tmrw", [date(2026, 11, 23)]),
        ("open the day after tomorrow?", [date(2026, 11, 24)]),
        ("are you open on Friday", [date(2026, 11, 27)]),
        ("open fri?", [date(2026, 11, 27)]),
        ("this sunday", [SUNDAY]),
        ("are you open on weekends", [date(2026, 11, 28), date(2026, 11, 29)]),
        ("monday or wednesday", [date(2026, 11, 23), date(2026, 11, 25)]),
        ("are you open on thanksgiving", [date(2026, 11, 26)]),
        ("the day after thanksgiving", [date(2026, 11, 27)]),
        ("open the friday after thanksgiving?", [date(2026, 11, 27)]),
        ("black friday hours", [date(2026, 11, 27)]),
        ("the day before thanksgiving", [date(2026, 11, 25)]),
        ("the monday after christmas", [date(2026, 12, 28)]),
        ("the day after labor day", [date(2027, 9, 7)]),
        ("christmas eve hours", [date(2026, 12, 24)]),
        ("are you open on xmas", [date(2026, 12, 25)]),
        ("new year\u2019s eve", [date(2026, 12, 31)]),
        ("open on new years?", [date(2027, 1, 1)]),
        ("july 4th", [date(2027, 7, 4)]),
        ("are you open memorial day", [date(2027, 5, 31)]),
        ("december 24", [date(2026, 12, 24)]),
        ("are you open jan 5th", [date(2027, 1, 5)]),
        ("12/24", [date(2026, 12, 24)]),
        ("february 30", []),
        ("13/45", []),
        ("what are your hours", []),
        ("are you open now", []),
        ("in a month or so", []),
    ],
)
def test_days_meant(clinic, text, days):
    assert days_meant(text, SUNDAY, clinic) == days


@pytest.mark.parametrize(
    ("text", "today", "day"),
    [
        ("are you open next thursday", date(2026, 12, 3), date(2026, 12, 10)),
        ("are you open next thursday", date(2026, 12, 2), date(2026, 12, 3)),
        ("are you open this thursday", date(2026, 12, 3), date(2026, 12, 3)),
        ("next weekend?", date(2026, 12, 5), date(2026, 12, 12)),
        ("open the day after thanksgiving?", date(2026, 11, 27), date(2026, 11, 27)),
        ("open the day after thanksgiving?", date(2026, 11, 28), date(2027, 11, 26)),
        ("the monday after christmas", date(2026, 12, 27), date(2026, 12, 28)),
        ("the day after new year's eve", date(2027, 1, 1), date(2027, 1, 1)),
        ("are you open on thanksgiving", date(2026, 11, 26), date(2026, 11, 26)),
    ],
)
def test_days_meant_are_seen_from_the_day_of_the_question(clinic, text, today, day):
    assert days_meant(text, today, clinic)[0] == day


def test_the_week_joins_days_with_equal_hours_and_shows_the_lunch_break(clinic):
    assert week_text(clinic).splitlines() == [
        "- Monday and Tuesday: 7:30 AM to 4:30 PM",
        "- Wednesday: 7:30 AM to 12:00 PM and 1:00 PM to 4:30 PM",
        "- Thursday: 7:30 AM to 4:30 PM",
        "- Friday: 7:30 AM to 12:00 PM",
        "- Saturday and Sunday: closed",
    ]


@pytest.mark.parametrize(
    ("text", "intent", "said"),
    [
        ("are you open right now", "open_now", "Closed now. Opens tomorrow at 7:30 AM."),
        ("what are your hours", "hours", "- Friday: 7:30 AM to 12:00 PM"),
        ("are you open on friday", "hours", "On Friday, November 27 we are open 7:30 AM to 12:00 PM."),
        (
            "are you open on thanksgiving",
            "holiday",
            "On Thursday, November 26 we are closed (Thanksgiving Day). We open again Friday",
        ),
        ("are you open dec 2", "hours", "we are closed (staff training)"),
        (
            "are you open on saturday",
            "hours",
            "On Saturday, November 28 we are closed. We open again Monday, November 30",
        ),
        ("are you open this weekend", "hours", "- Sunday, November 29: closed"),
        ("which holidays are you closed", "holiday", "- Friday, December 25 (Christmas Day)"),
    ],
)
def test_hours_are_answered_exactly(services, dispatcher, tracker, text, intent, said):
    ActionHours(services).run(dispatcher, tracker(text, intent), {})
    (reply,) = sent(dispatcher)
    assert said in reply["text"]
    assert reply["kind"] == "clinic"
    assert {"label": "Call the clinic", "payload": "tel:+12125550142"} in reply["buttons"]


def test_open_now_says_until_when(services, dispatcher, tracker):
    ActionHours(replace(services, now=lambda: MONDAY_MORNING)).run(dispatcher, tracker("open?", "open_now"), {})
    assert "Open now until 4:30 PM." in sent(dispatcher)[0]["text"]


def test_the_day_is_the_clinics_not_the_servers(services, dispatcher, tracker):
    late = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # ten in the evening on Monday in New York
    ActionHours(replace(services, now=lambda: late)).run(dispatcher, tracker("are you open tomorrow", "hours"), {})
    assert "Tuesday, November 24" in sent(dispatcher)[0]["text"]


def test_daylight_saving_does_not_move_the_opening(services, dispatcher, tracker):
    for saturday in (datetime(2027, 3, 13, 17, tzinfo=UTC), datetime(2026, 10, 31, 16, tzinfo=UTC)):
        ActionHours(replace(services, now=lambda now=saturday: now)).run(dispatcher, tracker("open?", "open_now"), {})
    assert all("Monday at 7:30 AM" in reply["text"] for reply in sent(dispatcher))


def test_a_link_is_named_where_the_clinic_has_it(services, dispatcher, tracker):
    ActionBooking(services).run(dispatcher, tracker("book"), {})
    ActionPortal(services).run(dispatcher, tracker("portal"), {})
    booking, portal = sent(dispatcher)
    assert "https://clinic.example/book" in booking["text"]
    assert "http" not in portal["text"]


def test_an_unknown_address_gives_the_phone(services, dispatcher, tracker):
    nowhere = replace(services, clinic=services.clinic.model_copy(update={"address": ""}))
    ActionAddress(services).run(dispatcher, tracker("where"), {})
    ActionAddress(nowhere).run(dispatcher, tracker("where"), {})
    known, unknown = sent(dispatcher)
    assert "1 Test Street" in known["text"]
    assert "555-0142" in unknown["text"]


def test_a_person_is_offered_with_phone_hours_and_a_call_back(services, dispatcher, tracker):
    ActionTalkToPerson(services).run(dispatcher, tracker("a human please"), {})
    (reply,) = sent(dispatcher)
    assert "Closed now." in reply["text"]
    assert [button["payload"] for button in reply["buttons"]] == ["tel:+12125550142", "/request_callback"]
