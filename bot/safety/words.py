"""The exact words that answer a red flag, from `replies.yml`. No other file holds any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.safety.errors import SafetyDataError
from bot.safety.flags import GROUPS, KINDS, Kind, RedFlag

REPLIES = Path(__file__).parent / "replies.yml"

NUMBERS = ("emergency", "crisis", "poison", "clinic", "abuse")
"""The numbers a clinic sets; the wordings name them in braces."""

LANGUAGES = ("en", "es")

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DIALLED = re.compile(r"[^0-9+*#]")


class SafetyWords:
    """Looks up replies. One instance serves every message."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the parsed file.

        Raises:
            SafetyDataError: If a group or a kind lacks its words in a language, or names an unknown number.
        """
        self._data = data
        _validate(data)

    @classmethod
    def load(cls, path: Path = REPLIES) -> SafetyWords:
        """Read the wordings.

        Raises:
            SafetyDataError: If the file is missing or incomplete; the message names the group and the language.
        """
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise SafetyDataError(f"{path}: {error}. Restore the file from the repository.") from error
        return cls(data)

    def reply(self, flag: RedFlag, numbers: Mapping[str, str]) -> dict[str, Any]:
        """The whole reply to an alarm: shaped like a `Reply` of the chat API, without its id.

        Args:
            flag: What fired.
            numbers: The clinic's numbers, by the names in `NUMBERS`.

        Returns:
            `kind`, `text` (two to four short lines; in Spanish and English when the patient wrote Spanish), `buttons`
            with `tel:` or `sms:` payloads, and no passages, disclaimer or notice.
        """
        entry = self._entry(flag)
        languages = ("es", "en") if flag.spanish else ("en",)
        text = "\n\n".join(_filled(str(entry[language]).strip(), numbers) for language in languages)
        return {
            "kind": flag.kind,
            "text": text,
            "passages": [],
            "disclaimer": None,
            "notice": None,
            "buttons": [self._button(name, languages[0], numbers) for name in entry["buttons"]],
        }

    def check_line(self, flag: RedFlag, numbers: Mapping[str, str]) -> str:
        """The one line that comes before a normal reply when the screen is not sure."""
        entry = self._data["check"].get(flag.group) or self._data["check"][flag.kind]
        languages = ("es", "en") if flag.spanish else ("en",)
        return " ".join(_filled(str(entry[language]).strip(), numbers) for language in languages)

    def _entry(self, flag: RedFlag) -> Mapping[str, Any]:
        group: Mapping[str, Any] = self._data["groups"][flag.group]
        entry: Mapping[str, Any] = group.get(flag.kind) or self._data["kinds"][flag.kind]
        return entry

    def _button(self, name: str, language: str, numbers: Mapping[str, str]) -> dict[str, str]:
        button = self._data["buttons"][name]
        number = _DIALLED.sub("", numbers[button["number"]])
        return {"label": _filled(button[language], numbers), "payload": f"{button['scheme']}:{number}"}


def _filled(text: str, numbers: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: numbers[match.group(1)], text)


def _validate(data: Mapping[str, Any]) -> None:
    def check(where: str, entry: Mapping[str, Any]) -> None:
        for language in LANGUAGES:
            text = entry.get(language)
            if not isinstance(text, str) or not text.strip():
                raise SafetyDataError(f"replies.yml: {where} has no words in {language!r}.")
            unknown = set(_PLACEHOLDER.findall(text)) - set(NUMBERS)
            if unknown:
                raise SafetyDataError(f"replies.yml: {where} names unknown numbers: {', '.join(sorted(unknown))}.")
        for name in entry.get("buttons", ()):
            if name not in data["buttons"]:
                raise SafetyDataError(f"replies.yml: {where} names the unknown button {name!r}.")

    try:
        for group in GROUPS:
            if not data["groups"][group]:
                raise SafetyDataError(f"replies.yml: group {group} has no words.")
            for kind, entry in data["groups"][group].items():
                _known_kind(kind)
                check(f"group {group}, {kind}", entry)
        for section in ("kinds", "check"):
            for key in {*KINDS, *data[section]}:
                check(f"{section}, {key}", data[section][key])
        for name, button in data["buttons"].items():
            check(f"button {name}", button)
            if button["scheme"] not in ("tel", "sms") or button["number"] not in NUMBERS:
                raise SafetyDataError(f"replies.yml: button {name} has an unknown scheme or number.")
    except (KeyError, TypeError, AttributeError) as error:
        raise SafetyDataError(f"replies.yml: {error!r} is missing or not a table.") from error


def _known_kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise SafetyDataError(f"replies.yml: {kind!r} is no kind.")
    return kind
