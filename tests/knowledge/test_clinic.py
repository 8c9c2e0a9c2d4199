from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from knowledge.clinic import Clinic, clock, day_name, load_clinic
from knowledge.errors import SettingsError
from knowledge.settings import ROOT
from tests.knowledge.content import CLINIC, write_clinic

NEW_YORK = ZoneInfo("America/New_York")
WEEK = {day: {"open": "07:30", "close": "16:30"} for day in ("monday", "tuesday", "wednesday", "thursday")}
SHIPPED = ROOT / "bot" / "clinic.yml"


def clinic(**changes: Any) -> Clinic:
    return Clinic.model_validate({name: value for name, value in {**CLINIC, **changes}.items() if value is not None})


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """A local time as an aware time in UTC, which is what the processes pass."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


# The file


def test_shipped_clinic_is_a_sample_that_loads() -> None:
    shipped = load_clinic(SHIPPED)
    assert shipped.content_mode == "demo"
    assert shipped.phone_display == "(212) 555-0142"
    assert shipped.phone_uri == "tel:+12125550142"
    assert shipped.emergency.emergency == "911"


BAD_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": "blue"}, "colour", "unknown field; remove it or mend its spelling (known: name, phone"),
    ({"emergency": {"police": "911"}}, "emergency.police", "unknown field"),
    ({"hours": {"monday": {"open": "08:00", "close": "16:00", "tea": "15:00"}}}, "hours.monday.tea", "unknown field"),
    ({"hours": {"funday": {"open": "08:00", "close": "16:00"}}}, "hours.funday", "monday"),
    ({"name": None}, "name", "missing; add it (see the sample clinic.yml)"),
    ({"name": "X"}, "name", "at least 2 characters"),
    ({"phone": None}, "phone", "missing; add it"),
    ({"phone": "call us"}, "phone", "'call us' is no phone number; write it as +1 212-555-0142"),
    ({"phone": "555-01"}, "phone", "has the wrong number of digits; write it as +1 212-555-0142"),
    ({"phone": "+1 212-555-014299"}, "phone", "has the wrong number of digits"),
    ({"phone": 12125550177}, "phone", "12125550177 is no text; put it in quotes"),
    ({"emergency": {"emergency": 911}}, "emergency.emergency", "911 is no text; put it in quotes"),
    ({"time_zone": "New York"}, "time_zone", "'New York' is no time zone; use a name such as America/New_York"),
    ({"time_zone": "America"}, "time_zone", "'America' is no time zone"),
    ({"time_zone": "../../etc/passwd"}, "time_zone", "is no time zone"),
    ({"time_zone": ""}, "time_zone", "is no time zone"),
    ({"hours": {}}, "hours", "lists no day at all; give at least one day its hours"),
    ({"hours": {"monday": {"open": "16:30", "close": "07:30"}}}, "hours.monday", "closes at 07:30, not after it opens at 16:30"),
    ({"hours": {"monday": {"open": "08:00", "close": "08:00"}}}, "hours.monday", "closes at 08:00, not after it opens"),
    ({"hours": {"monday": {"open": "25:00", "close": "26:00"}}}, "hours.monday.open", "'25:00' is no clock time; write it in"),
    ({"hours": {"monday": {"open": "7.30 am", "close": "16:30"}}}, "hours.monday.open", "is no clock time"),
    ({"hours": {"monday": {"open": "08:00Z", "close": "16:30"}}}, "hours.monday.open", "is no clock time"),
    ({"hours": {"monday": {"open": 540, "close": 990}}}, "hours.monday.open", "540 is no clock time; write it in quotes"),
    ({"hours": {"monday": {"open": "08:00"}}}, "hours.monday.close", "missing; add it"),
    ({"hours": {"monday": "8 to 4"}}, "hours.monday", "'8 to 4' lacks its fields"),
    (
        {"hours": {"monday": {"open": "08:00", "close": "16:00", "lunch": {"open": "07:00", "close": "07:30"}}}},
        "hours.monday",
        "the lunch break must lie inside the opening hours",
    ),
    (
        {"hours": {"monday": {"open": "08:00", "close": "16:00", "lunch": {"open": "12:00", "close": "16:00"}}}},
        "hours.monday",
        "the lunch break must lie inside the opening hours",
    ),
    (
        {"hours": {"monday": {"open": "08:00", "close": "16:00", "lunch": {"open": "13:00", "close": "12:00"}}}},
        "hours.monday.lunch",
        "closes at 12:00, not after it opens at 13:00",
    ),
    ({"emergency": {"emergency": ""}}, "emergency.emergency", "'' is no number that can be called; write it as it is dialled"),
    ({"emergency": {"crisis": "call us"}}, "emergency.crisis", "'call us' is no number that can be called"),
    ({"closures": [{"date": "Christmas"}]}, "closures.0.date", "write it as YYYY-MM-DD"),
    ({"closures": ["2030-12-24"]}, "closures.0", "'2030-12-24' lacks its fields"),
    ({"closures": [date(2030, 12, 24)]}, "closures.0", "'2030-12-24' lacks its fields; write it as the sample clinic.yml does"),
    ({"closures": {"date": "2030-12-24"}}, "closures", "write a list, each entry on a line of its own after a hyphen"),
    ({"holidays": {"country": "Narnia"}}, "holidays", "no holidays known for Narnia; write codes such as country: US"),
    ({"holidays": {"country": "US", "subdivision": "ZZ"}}, "holidays", "no holidays known for US ZZ"),
    ({"content_mode": "production"}, "content_mode", "'demo' or 'live'"),
    ({"website": "clinic.example"}, "website", "write it in full, such as https://www.clinic.example"),
    ({"links": {"booking": "javascript:alert(1)"}}, "links.booking", "write it in full, such as https://www.clinic.example"),
    ({"allowed_origins": "https://clinic.example"}, "allowed_origins", "write a list"),
    ({"allowed_origins": ["https://clinic.example/"]}, "allowed_origins", "write scheme and host only, such as https://www.clinic.example"),
    ({"allowed_origins": ["*"]}, "allowed_origins", "'*' is no origin"),
    ({"allowed_origins": ["https://*.clinic.example"]}, "allowed_origins", "is no origin"),
    ({"allowed_origins": ["clinic.example"]}, "allowed_origins", "is no origin"),
    ({"allowed_origins": ["ftp://clinic.example"]}, "allowed_origins", "is no origin"),
    ({"allowed_origins": ["https://"]}, "allowed_origins", "is no origin"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "fix"), BAD_FIELDS, ids=[f"{f}-{i}" for i, (_, f, _x) in enumerate(BAD_FIELDS)]
)
def test_clinic_names_file_field_and_fix(tmp_path: Path, changes: dict[str, Any], field: str, fix: str) -> None:
    path = write_clinic(tmp_path / "clinic.yml", **changes)
    with pytest.raises(SettingsError) as caught:
        load_clinic(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert f"{field}: " in str(caught.value)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no fields. Start from the sample clinic.yml."),
        (b"- name\n", "holds no fields"),
        (
            b"name: A: B\n",
            "clinic.yml: line 1: mapping values are not allowed in this context. Quote texts that hold a colon.",
        ),
        (b"name: [open\n", "clinic.yml: line 2: "),
        (
            b"name: Elm\nclosures: [{date: 2030-02-30}]\n",
            "line 2: 2030-02-30 is no day that exists; write days as YYYY-MM-DD.",
        ),
        ("name: Praxis M\u00fcller\n".encode("latin-1"), "not UTF-8 at byte 14. Save the file as UTF-8."),
    ],
)
def test_clinic_explains_a_file_that_is_none(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "clinic.yml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_clinic(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_clinic_says_when_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"clinic\.yml: cannot be read \(No such file or directory\)"):
        load_clinic(tmp_path / "clinic.yml")


def test_unquoted_hours_are_refused_rather_than_read_as_seconds(tmp_path: Path) -> None:
    path = write_clinic(tmp_path / "clinic.yml", hours=None)
    path.write_text(path.read_text() + "hours: {monday: {open: 9:00, close: 16:30}}\n")
    with pytest.raises(SettingsError, match=r"hours\.monday\.open: 540 is no clock time; write it in quotes"):
        load_clinic(path)


def test_clinic_accepts_origins_with_a_port() -> None:
    assert clinic(allowed_origins=["https://www.clinic.example", "http://localhost:3000"]).allowed_origins


# Live mode


def live(tmp_path: Path, **changes: Any) -> Path:
    return write_clinic(tmp_path / "clinic.yml", content_mode="live", **changes)


def test_live_mode_accepts_a_clinic_of_its_own(tmp_path: Path) -> None:
    assert load_clinic(live(tmp_path)).content_mode == "live"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Sample Pain Clinic"}, "name: still the sample's. In live mode write your clinic's own name."),
        ({"phone": "(212) 555-0142"}, "phone: still the sample's. In live mode write your clinic's own number."),
        ({"phone": "+1 212 555 0142"}, "phone: still the sample's"),
        ({"safety_sign_off": None}, "safety_sign_off: empty. In live mode name the clinician who signed off"),
        ({"safety_sign_off": {"by": " ", "signed_on": "2030-01-02"}}, "safety_sign_off: empty"),
        ({"safety_sign_off": {"by": "Robin Example, NP"}}, "safety_sign_off: empty"),
    ],
)
def test_live_mode_refuses_the_sample_and_a_missing_sign_off(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = live(tmp_path, **changes)
    with pytest.raises(SettingsError) as caught:
        load_clinic(path)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_live_mode_refuses_the_shipped_file(tmp_path: Path) -> None:
    fields = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    path = tmp_path / "clinic.yml"
    path.write_text(yaml.safe_dump({**fields, "content_mode": "live"}))
    with pytest.raises(SettingsError, match="name: still the sample's"):
        load_clinic(path)


# Hours


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2030-05-06T07:29:59", False),  # a Monday
        ("2030-05-06T07:30:00", True),
        ("2030-05-06T11:59:59", True),
        ("2030-05-06T12:00:00", False),
        ("2030-05-06T13:00:00", True),
        ("2030-05-06T16:29:59", True),
        ("2030-05-06T16:30:00", False),
        ("2030-05-08T10:00:00", False),  # a Wednesday, not listed
    ],
)
def test_clinic_is_open_from_opening_to_closing_but_not_at_lunch(moment: str, is_open: bool) -> None:
    assert clinic().is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2030-05-06T08:00", "Open now until 12:00 PM."),
        ("2030-05-06T12:10", "Closed now. Opens today at 1:00 PM."),
        ("2030-05-06T14:00", "Open now until 4:30 PM."),
        ("2030-05-06T20:00", "Closed now. Opens tomorrow at 7:30 AM."),
        ("2030-05-06T06:00", "Closed now. Opens today at 7:30 AM."),
        ("2030-05-07T18:00", "Closed now. Opens Friday at 7:30 AM."),
        ("2030-05-10T12:00", "Closed now. Opens Monday at 7:30 AM."),
        ("2030-05-12T23:59", "Closed now. Opens tomorrow at 7:30 AM."),
    ],
)
def test_hours_text_says_what_comes_next(moment: str, text: str) -> None:
    assert clinic().hours_text(at(moment)) == text


def test_hours_text_gives_the_date_beyond_a_week() -> None:
    closures = [{"date": (date(2030, 5, 6) + timedelta(days=ahead)).isoformat()} for ahead in range(10)]
    assert (
        clinic(closures=closures).hours_text(at("2030-05-06T08:00")) == "Closed now. Opens Friday, May 17 at 7:30 AM."
    )


def test_hours_text_does_not_look_further_than_a_month() -> None:
    closures = [{"date": (date(2030, 5, 1) + timedelta(days=ahead)).isoformat()} for ahead in range(60)]
    shut = clinic(closures=closures)
    assert shut.next_opening(at("2030-05-06T08:00")) is None
    assert shut.hours_text(at("2030-05-06T08:00")) == "Closed now."


@pytest.mark.parametrize(
    ("saturday", "offset"),
    [("2030-03-09T12:00", -4), ("2030-11-02T12:00", -5)],  # the clocks change on the Sunday between
)
def test_hours_hold_across_a_change_of_the_clocks(saturday: str, offset: int) -> None:
    opening = clinic().next_opening(at(saturday))
    assert opening is not None
    assert (opening.hour, opening.minute) == (7, 30)
    assert opening.utcoffset() == timedelta(hours=offset)
    assert clinic().hours_text(at(saturday)) == "Closed now. Opens Monday at 7:30 AM."
    assert clinic().is_open(opening.astimezone(UTC))
    assert not clinic().is_open(opening.astimezone(UTC) - timedelta(seconds=1))


def test_hours_on_the_day_the_clocks_change() -> None:
    sunday = clinic(hours={"sunday": {"open": "01:30", "close": "03:30"}}, holidays=None)
    spring = [opens.astimezone(UTC) for span in sunday.spans(date(2030, 3, 10)) for opens in span]
    assert spring == [datetime(2030, 3, 10, 6, 30, tzinfo=UTC), datetime(2030, 3, 10, 7, 30, tzinfo=UTC)]
    assert sunday.is_open(datetime(2030, 3, 10, 7, 0, tzinfo=UTC))
    assert not sunday.is_open(datetime(2030, 3, 10, 7, 30, tzinfo=UTC))


def test_hours_are_the_clinics_own_wherever_the_server_stands() -> None:
    monday_evening_in_new_york = datetime(2030, 5, 7, 1, 0, tzinfo=UTC)
    assert clinic().hours_text(monday_evening_in_new_york) == "Closed now. Opens tomorrow at 7:30 AM."
    tokyo = clinic(time_zone="Asia/Tokyo", holidays=None)
    assert tokyo.is_open(at("2030-05-07T08:00", ZoneInfo("Asia/Tokyo")))
    assert tokyo.hours_text(monday_evening_in_new_york) == "Open now until 4:30 PM."


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2030, 7, 4), "Independence Day"),
        (date(2030, 11, 28), "Thanksgiving"),
        (date(2026, 7, 3), "Independence Day (observed)"),
        (date(2027, 12, 31), "New Year's Day (observed)"),
        (date(2030, 5, 7), None),
    ],
)
def test_clinic_keeps_public_holidays(day: date, why: str | None) -> None:
    found = clinic().closed_because(day)
    assert found == why if why is None else found is not None and why in found


def test_holiday_moves_the_next_opening() -> None:
    friday_before_memorial_day = at("2030-05-24T18:00")
    assert clinic().hours_text(friday_before_memorial_day) == "Closed now. Opens Tuesday at 7:30 AM."
    assert clinic(holidays=None).hours_text(friday_before_memorial_day) == "Closed now. Opens Monday at 7:30 AM."


def test_own_closing_day_closes_and_may_name_its_reason() -> None:
    shut = clinic(closures=[{"date": "2030-05-07", "reason": "staff training"}, {"date": "2030-05-10"}])
    assert shut.closed_because(date(2030, 5, 7)) == "staff training"
    assert shut.closed_because(date(2030, 5, 10)) == "a closing day"
    assert shut.hours_text(at("2030-05-07T09:00")) == "Closed now. Opens Monday at 7:30 AM."


def test_clock_and_day_are_said_as_people_say_them() -> None:
    moment = datetime(2030, 5, 6, 0, 5, tzinfo=NEW_YORK)
    assert clock(moment) == "12:05 AM"
    assert clock(moment.replace(hour=12)) == "12:05 PM"
    assert day_name(moment, date(2030, 5, 6)) == "today"
    assert day_name(moment, date(2030, 4, 30)) == "Monday"
    assert day_name(moment, date(2030, 4, 29)) == "Monday, May 6"


def test_phone_of_another_country_is_written_as_at_home() -> None:
    abroad = clinic(phone="+44 20 7946 0018", time_zone="Europe/London", holidays={"country": "GB"})
    assert abroad.phone_display == "020 7946 0018"
    assert abroad.phone_uri == "tel:+442079460018"


def test_days_that_are_not_listed_are_closed() -> None:
    open_days = [day for day in range(6, 13) if clinic(hours=WEEK).spans(date(2030, 5, day))]
    assert open_days == [6, 7, 8, 9]
