"""Which days a question about opening hours means."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import holidays

from knowledge.clinic import WEEKDAYS, Clinic

MONTHS = "january february march april may june july august september october november december".split()

DAY_WORDS = {
    "monday": "mondays?|mon",
    "tuesday": "tuesdays?|tues?",
    "wednesday": "wednesdays?|weds?",
    "thursday": "thursdays?|thurs?|thu",
    "friday": "fridays?|fri",
    "saturday": "saturdays?|sat",
    "sunday": "sundays?|sun",
}

HOLIDAY_WORDS: dict[str, str] = {
    # what patients write: how the name begins in the `holidays` library, or a fixed month and day
    r"thanksgiving|turkey day": "Thanksgiving",
    r"christmas eve|xmas eve": "12-24",
    r"christmas|xmas": "Christmas Day",
    r"new years? eve|new year's eve": "12-31",
    r"new years?|new year's": "New Year's Day",
    r"memorial day": "Memorial Day",
    r"labou?r day": "Labor Day",
    r"july 4(th)?|4th of july|fourth of july|july fourth|independence day": "Independence Day",
    r"veterans'? day": "Veterans Day",
    r"presidents'? day|washington's birthday": "Washington's Birthday",
    r"mlk( day)?|martin luther king": "Martin Luther King",
    r"columbus day|indigenous peoples": "Columbus Day",
    r"juneteenth": "Juneteenth",
    r"halloween": "10-31",
    r"boxing day": "12-26",
    r"valentine": "02-14",
}


def days_meant(text: str, today: date, clinic: Clinic) -> list[date]:
    """The calendar days that a question names, in order; empty when it names none.

    Args:
        text: What the patient wrote, such as "are you open on Friday?".
        today: The date at the clinic.
        clinic: Whose holidays count.

    Example:
        >>> days_meant("are you open tomorrow", date(2026, 11, 22), clinic)  # doctest: +SKIP
        [datetime.date(2026, 11, 23)]
    """
    words = text.lower().replace("\u2019", "'")
    for finder in _FINDERS:
        found = finder(words, today, clinic)
        if found:
            return found
    return []


def _holiday(words: str, today: date, clinic: Clinic) -> list[date]:
    words = words.replace("black friday", "day after thanksgiving")
    weekdays = "|".join(DAY_WORDS.values())
    for pattern, name in HOLIDAY_WORDS.items():
        match = re.search(rf"\b(?:(day|{weekdays}) (after|before) )?(?:{pattern})\b", words)
        if match:
            step = -1 if match[2] == "before" else 1
            days = (_beside(day, match[1], step) for day in _named(name, today, clinic))
            return [day for day in days if day >= today][:1]
    return []


def _beside(day: date, which: str | None, step: int) -> date:
    """The day itself; or the one beside it (`day`), or the nearest of a weekday, by steps of one day."""
    if which is None:
        return day
    day += timedelta(days=step)
    while which != "day" and not re.fullmatch(DAY_WORDS[WEEKDAYS[day.weekday()]], which):
        day += timedelta(days=step)
    return day


def _named(name: str, today: date, clinic: Clinic) -> list[date]:
    """The days of that name, a fixed `MM-DD` or a holiday's name, from last year on: the day beside it may be to come."""
    years = range(today.year - 1, today.year + 3)
    if re.fullmatch(r"\d\d-\d\d", name):
        month, day = map(int, name.split("-"))
        return [date(year, month, day) for year in years]
    country = clinic.holidays.country if clinic.holidays else "US"
    known = holidays.country_holidays(country, years=years)
    return sorted(day for day, label in known.items() if label.startswith(name) and "observed" not in label.lower())


def _relative(words: str, today: date, _clinic: Clinic) -> list[date]:
    if "day after tomorrow" in words:
        return [today + timedelta(days=2)]
    if re.search(r"\b(tomorrow|tmrw|tomorow|tommorow|2morrow)\b", words):
        return [today + timedelta(days=1)]
    return []


def _month_day(words: str, today: date, _clinic: Clinic) -> list[date]:
    short = "|".join(f"{month[:3]}(?:{month[3:]})?" if len(month) > 3 else month for month in MONTHS)
    match = re.search(rf"\b({short})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b", words)
    if match:
        number = next(i for i, month in enumerate(MONTHS, 1) if month.startswith(match[1][:3]))
        day = _coming(number, int(match[2]), today)
        return [day] if day else []
    match = re.search(r"\b(\d{1,2})/(\d{1,2})\b", words)
    day = _coming(int(match[1]), int(match[2]), today) if match else None
    return [day] if day else []


def _weekend(words: str, today: date, _clinic: Clinic) -> list[date]:
    if not re.search(r"\bweek ?ends?\b", words):
        return []
    saturday = today + timedelta(days=_ahead(5, r"week ?end", words, today))
    return [saturday, saturday + timedelta(days=1)]


def _weekday(words: str, today: date, _clinic: Clinic) -> list[date]:
    found = [name for name in WEEKDAYS if re.search(rf"\b(?:{DAY_WORDS[name]})\b", words)]
    ahead = [_ahead(WEEKDAYS.index(name), DAY_WORDS[name], words, today) for name in found]
    return sorted(today + timedelta(days=days) for days in ahead)


def _ahead(weekday: int, pattern: str, words: str, today: date) -> int:
    """Days until a weekday, 0 on that day itself; but "next Thursday", said on a Thursday, is a week ahead."""
    return (weekday - today.weekday()) % 7 or (7 if re.search(rf"\bnext (?:{pattern})\b", words) else 0)


def _coming(month: int, day: int, today: date) -> date | None:
    """The next such day; None when there is none, like February 30."""
    for year in (today.year, today.year + 1):
        try:
            candidate = date(year, month, day)
        except ValueError:
            return None
        if candidate >= today:
            return candidate
    return None


_FINDERS: tuple[Callable[[str, date, Clinic], list[date]], ...] = (_holiday, _relative, _month_day, _weekend, _weekday)
