"""Tells a red flag from a mention of one: denied, over, asked about, somebody's history, a story, a figure of speech."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.safety.errors import SafetyDataError
from bot.safety.normalise import COMMA, NONE, SENTENCE, Message

CONTEXT = Path(__file__).parent / "context.yml"

_TURNS = frozenset(
    "but however although though except yet now then because so until pero aunque sino porque ahora".split()
)
"""Words at which the reach of "no" ends."""

_FILLER = "harmless"
"""What a figure of speech is replaced with before the rules look."""


@dataclass(frozen=True)
class _Mentions:
    any: re.Pattern[str]
    unless: re.Pattern[str]


class Context:
    """Reads the surroundings of a match. One instance serves every message."""

    def __init__(self, path: Path = CONTEXT) -> None:
        """Read the cues.

        Raises:
            SafetyDataError: If the file is missing or a pattern is not a regular expression.
        """
        try:
            data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            self._idioms = [re.compile(pattern) for pattern in data["idioms"]]
            negation = data["negation"]
            self._denied_before = [re.compile(pattern) for pattern in negation["before"]]
            self._denied_after = [re.compile(pattern) for pattern in negation["after"]]
            self._no_denial = re.compile(negation["unless"])
            self._mentions = {
                name: _Mentions(
                    re.compile("|".join(f"(?:{pattern})" for pattern in data[name]["any"])),
                    re.compile(data[name]["unless"]),
                )
                for name in ("past", "resolved", "educational", "family", "elsewhere")
            }
        except (OSError, KeyError, TypeError, re.error, yaml.YAMLError) as error:
            raise SafetyDataError(f"{path}: {error}. Restore the file from the repository.") from error

    def without_idioms(self, message: Message) -> Message:
        """The message with each figure of speech replaced by as many harmless words, so that positions stay."""
        text = message.text
        words = list(message.words)
        for pattern in self._idioms:
            for match in pattern.finditer(text):
                first = text.count(" ", 0, match.start())
                last = text.count(" ", 0, len(match.group().rstrip()) + match.start())
                words[first : last + 1] = [_FILLER] * (last + 1 - first)
        return message if words == list(message.words) else Message(tuple(words), message.boundaries, message.spanish)

    def excuse(self, message: Message, start: int, end: int, keeps: Collection[str] = ()) -> str | None:
        """Why the words from `start` up to `end` are no red flag: the name of the cue, or None when they are one.

        Cues named in `keeps` are not looked for.
        """
        if "negation" not in keeps and self._denied(message, start, end):
            return "negation"
        first = max(s for s, _ in message.sentences if s <= start)
        last = min(e for _, e in message.sentences if e >= end)
        around = " ".join(message.words[first:last])
        # What the sentence before says ("in 2010", "for my class") still holds for a short one that follows it.
        before = " ".join(message.words[max((s for s, _ in message.sentences if s < first), default=first) : last])
        for name, mentions in self._mentions.items():
            here = before if name in {"elsewhere", "past", "resolved"} else around
            if name not in keeps and mentions.any.search(here) and not mentions.unless.search(here):
                return name
        return None

    def general(self, message: Message) -> str | None:
        """The cue that holds for a whole message, or None. Negation never does."""
        for name, mentions in self._mentions.items():
            if mentions.any.search(message.text) and not mentions.unless.search(message.text):
                return name
        return None

    def _denied(self, message: Message, start: int, end: int) -> bool:
        begin = start
        while begin > 0 and start - begin < 9 and message.words[begin - 1] not in _TURNS:
            # A comma lets "no fever, chills, vomiting" through and stops "no luck, my chest hurts": only bare lists pass.
            if message.boundaries[begin] == SENTENCE:
                break
            begin -= 1
        prefix = " ".join(message.words[begin:start])
        if message.boundaries[start] == COMMA and not _bare_list(message, begin, start):
            prefix = ""
        if any(pattern.search(prefix) for pattern in self._denied_before) and not self._no_denial.search(
            f"{prefix} {message.words[start]}"
        ):
            return True
        stop = end
        while stop < len(message.words) and stop - end < 6 and message.boundaries[stop] != SENTENCE:
            stop += 1
        suffix = "".join(f" {word}" for word in message.words[end:stop])
        return any(pattern.search(suffix) for pattern in self._denied_after)


def _bare_list(message: Message, begin: int, start: int) -> bool:
    """Whether what stands before a comma is the beginning of a list of things denied: "no fever, no chills"."""
    opening = next(
        (i for i in range(begin, start) if message.words[i] in {"no", "without", "denies", "denied", "sin"}), None
    )
    if opening is None:
        return False
    commas = [i for i in range(opening, start + 1) if message.boundaries[i] != NONE and i > opening]
    lengths = [b - a for a, b in zip([opening, *commas], commas, strict=False)]
    return len(commas) >= 2 and all(length <= 3 for length in lengths)
