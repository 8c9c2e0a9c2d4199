"""The clinic's own facts, read from `bot/clinic.yml`: who it is, when it is open, which numbers to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
import phonenumbers
import yaml
from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from knowledge.errors import SettingsError
from knowledge.files import parse_yaml, yaml_problem

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SAMPLE_NAME = "Sample Pain Clinic"
SAMPLE_PHONE_DIGITS = "12125550142"
LOOK_AHEAD = 30
"""Days within which the next opening is sought."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _clock_time(value: object) -> object:
    """YAML reads an unquoted 16:30 as the number 990, which pydantic would take for seconds after midnight."""
    if isinstance(value, time):
        return value
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        return value.zfill(5)
    raise ValueError(f'{value!r} is no clock time; write it in quotes as "07:30"')


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class Span(_Strict):
    """Two clock times of one day; `close` is later than `open`."""

    open: ClockTime
    close: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.close <= self.open:
            raise ValueError(f"closes at {self.close:%H:%M}, not after it opens at {self.open:%H:%M}; mend one of them")
        return self


class DayHours(Span):
    """Opening hours of a weekday, with an optional lunch break inside them."""

    lunch: Span | None = None

    @model_validator(mode="after")
    def _lunch_inside(self) -> DayHours:
        if self.lunch and not (self.open < self.lunch.open and self.lunch.close < self.close):
            raise ValueError("the lunch break must lie inside the opening hours")
        return self

    def spans(self) -> list[tuple[time, time]]:
        """The stretches in which the door is open, in order."""
        if self.lunch is None:
            return [(self.open, self.close)]
        return [(self.open, self.lunch.open), (self.lunch.close, self.close)]


class Closure(_Strict):
    """A day on which the clinic is closed although the week says otherwise."""

    date: date
    reason: str = ""


class HolidayRule(_Strict):
    """Whose public holidays the clinic keeps (names of the `holidays` library)."""

    country: str = "US"
    subdivision: str | None = None

    @model_validator(mode="after")
    def _known(self) -> HolidayRule:
        try:
            holidays.country_holidays(self.country, subdiv=self.subdivision)
        except NotImplementedError as error:
            place = f"{self.country} {self.subdivision or ''}".rstrip()
            raise ValueError(
                f"no holidays known for {place}; write codes such as country: US and subdivision: NY"
            ) from error
        return self


class EmergencyNumbers(_Strict):
    """The numbers that the safety screen shows. Defaults are those of the United States."""

    emergency: str = "911"
    crisis: str = "988"
    poison: str = "1-800-222-1222"
    abuse: str = "1-800-799-7233"

    @field_validator("*")
    @classmethod
    def _can_be_called(cls, value: str) -> str:
        if sum(sign.isdigit() for sign in value) < 3:
            raise ValueError(
                f"{value!r} is no number that can be called; write it as it is dialled, or leave the line out"
            )
        return value


class Links(_Strict):
    """Pages of the clinic's own site."""

    booking: AnyHttpUrl | None = None
    portal: AnyHttpUrl | None = None
    privacy: AnyHttpUrl | None = None
    insurance: AnyHttpUrl | None = None


class SignOff(_Strict):
    """Who answers for the safety screen's wording and groups."""

    by: str = ""
    signed_on: date | None = None


class Clinic(_Strict):
    """Everything the assistant may say about the clinic.

    Example:
        >>> clinic = load_clinic(Path("bot/clinic.yml"))  # doctest: +SKIP
        >>> clinic.hours_text(datetime(2026, 11, 22, 12, tzinfo=UTC))  # doctest: +SKIP
        'Closed now. Opens Monday at 7:30 AM.'
    """

    name: str = Field(min_length=2)
    phone: str
    address: str = ""
    website: AnyHttpUrl | None = None
    time_zone: str
    content_mode: Literal["demo", "live"] = "demo"
    hours: dict[Weekday, DayHours]
    holidays: HolidayRule | None = None
    closures: tuple[Closure, ...] = ()
    emergency: EmergencyNumbers = EmergencyNumbers()
    links: Links = Links()
    allowed_origins: tuple[str, ...] = ()
    safety_sign_off: SignOff = SignOff()

    @field_validator("phone")
    @classmethod
    def _phone(cls, value: str) -> str:
        try:
            number = phonenumbers.parse(value, "US")
        except phonenumbers.NumberParseException as error:
            raise ValueError(f"{value!r} is no phone number; write it as +1 212-555-0142") from error
        if not phonenumbers.is_possible_number(number):
            raise ValueError(f"{value!r} has the wrong number of digits; write it as +1 212-555-0142")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, such as America
            raise ValueError(f"{value!r} is no time zone; use a name such as America/New_York") from error
        return value

    @field_validator("hours")
    @classmethod
    def _some_hours(cls, value: dict[Weekday, DayHours]) -> dict[Weekday, DayHours]:
        if not value:
            raise ValueError("lists no day at all; give at least one day its hours")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, host = origin.partition("://")
            if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
                raise ValueError(
                    f"{origin!r} is no origin; write scheme and host only, such as https://www.clinic.example"
                )
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def phone_display(self) -> str:
        """The phone number as people write it at home."""
        number = phonenumbers.parse(self.phone, "US")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)

    @property
    def phone_uri(self) -> str:
        """The phone number as a `tel:` link."""
        number = phonenumbers.parse(self.phone, "US")
        return "tel:" + phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def closed_because(self, day: date) -> str | None:
        """Why the clinic is closed all day on `day`: an own closure or a holiday's name; None when it is neither."""
        for closure in self.closures:
            if closure.date == day:
                return closure.reason or "a closing day"
        if self.holidays is None:
            return None
        known = holidays.country_holidays(self.holidays.country, subdiv=self.holidays.subdivision, years=day.year)
        name = known.get(day)
        return str(name) if name else None

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening stretches of a calendar day in the clinic's time zone, in order; empty when it is closed."""
        hours = self.hours.get(WEEKDAYS[day.weekday()])
        if hours is None or self.closed_because(day):
            return []
        return [
            (datetime.combine(day, opens, self.zone), datetime.combine(day, closes, self.zone))
            for opens, closes in hours.spans()
        ]

    def is_open(self, now: datetime) -> bool:
        """Whether the door is open at `now` (an aware time)."""
        return any(opens <= now < closes for opens, closes in self.spans(now.astimezone(self.zone).date()))

    def next_opening(self, now: datetime) -> datetime | None:
        """The next time the door opens after `now`, in the clinic's zone; None when not within 30 days."""
        return next((opens for opens, _ in self._coming(now) if opens > now), None)

    def hours_text(self, now: datetime) -> str:
        """A sentence on whether it is open and what comes next.

        Example: "Open now until 4:30 PM." or "Closed now. Opens Monday at 7:30 AM."
        """
        local = now.astimezone(self.zone)
        for opens, closes in self.spans(local.date()):
            if opens <= now < closes:
                return f"Open now until {clock(closes)}."
        coming = self.next_opening(now)
        if coming is None:
            return "Closed now."
        return f"Closed now. Opens {day_name(coming, local.date())} at {clock(coming)}."

    def _coming(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = now.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD + 1):
            yield from self.spans(today + timedelta(days=ahead))


def clock(moment: datetime | time) -> str:
    """A time as people say it: `7:30 AM`."""
    return f"{moment:%I:%M %p}".lstrip("0")


def day_name(moment: datetime, today: date) -> str:
    """The day of `moment` seen from `today`: "today", "tomorrow", a weekday's name; the date beyond a week, the year in another."""
    ahead = (moment.date() - today).days
    if ahead <= 1:
        return ("today", "tomorrow")[max(ahead, 0)]
    if ahead < 7:
        return f"{moment:%A}"
    return f"{moment:%A}, {moment:%B} {moment.day}" + ("" if moment.year == today.year else f", {moment.year}")


def load_clinic(path: Path) -> Clinic:
    """Read the clinic's facts.

    Raises:
        SettingsError: If the file cannot be read, or a field is unknown, missing or makes no sense; and in `live` mode
            while the sample's name or number stands in it or nobody signed off the safety screen.
    """
    try:
        loaded: Any = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}. Save the file as UTF-8.") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: {yaml_problem(error)}") from error
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path}: holds no fields. Start from the sample clinic.yml.")
    try:
        clinic = Clinic.model_validate(loaded)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from error
    if clinic.content_mode == "live":
        _check_live(clinic, path)
    return clinic


def _check_live(clinic: Clinic, path: Path) -> None:
    if clinic.name == SAMPLE_NAME:
        raise SettingsError(f"{path}: name: still the sample's. In live mode write your clinic's own name.")
    if "".join(filter(str.isdigit, clinic.phone_uri)) == SAMPLE_PHONE_DIGITS:
        raise SettingsError(f"{path}: phone: still the sample's. In live mode write your clinic's own number.")
    if not clinic.safety_sign_off.by.strip() or clinic.safety_sign_off.signed_on is None:
        raise SettingsError(
            f"{path}: safety_sign_off: empty. In live mode name the clinician who signed off the safety screen "
            "(docs/safety.md) and the date."
        )


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        place = ".".join(str(step) for step in problem["loc"] if step != "[key]")
        if problem["type"] == "extra_forbidden":
            parts.append(
                f"{place}: unknown field; remove it or mend its spelling (known: {', '.join(Clinic.model_fields)})"
            )
        elif problem["type"] == "missing":
            parts.append(f"{place}: missing; add it (see the sample clinic.yml)")
        elif problem["type"] == "string_type":
            parts.append(f"{place}: {problem['input']!r} is no text; put it in quotes")
        elif problem["type"] == "model_type":
            parts.append(f"{place}: '{problem['input']}' lacks its fields; write it as the sample clinic.yml does")
        else:
            fix = next((f"; {fix}" for start, fix in _FIXES.items() if problem["type"].startswith(start)), "")
            parts.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}{fix}")
    return ". ".join(parts) + "."


_FIXES = {
    "date": "write it as YYYY-MM-DD",
    "tuple": "write a list, each entry on a line of its own after a hyphen",
    "url": "write it in full, such as https://www.clinic.example",
}
"""By how pydantic's name for the problem starts; the other messages say by themselves what to do."""
