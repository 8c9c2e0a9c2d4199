"""Matches messages against the rules in `rules/*.yml`.

A rule is a pattern over normalised words. `{name}` stands for a word list of `words.yml` or of the rule's own file, `...` for
up to four words, and `a & b` for both within ten words, in either order. Everything else is a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, cast

import yaml

from bot.safety.context import Context
from bot.safety.errors import SafetyDataError
from bot.safety.flags import GROUPS, KINDS, Kind, Level
from bot.safety.normalise import Message

RULES = Path(__file__).parent / "rules"
WORDS = "words.yml"
REACH = 10
"""How many words apart the two sides of `&` may stand."""

_FIRST = (14, 6, 13, 12, 5, 3, 2, 11, 10, 8, 20, 1, 4, 19, 7, 16, 17, 9, 21, 15, 18)
"""Which group answers when several fire: the one whose reply asks for something special goes first."""

_GAP = r"(?: [^ ]+){0,4} "
_NAME = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Rule:
    """One pattern of one group."""

    group: int
    kind: Kind
    level: Level
    source: str
    parts: tuple[re.Pattern[str], ...]
    keeps: frozenset[str]
    """Excuses that do not excuse this rule: a stroke that "went away" is still one."""

    @cached_property
    def evidence(self) -> str:
        """What a log may say about a match."""
        return f"rule {self.group}: {self.source}"


@dataclass(frozen=True)
class RuleMatch:
    """A rule that matched, and the excuse if its surroundings take the alarm out of it."""

    rule: Rule
    excuse: str | None


class RuleBook:
    """All rules of all groups. One instance serves every message."""

    def __init__(self, folder: Path = RULES, context: Context | None = None) -> None:
        """Read and compile the rules.

        Raises:
            SafetyDataError: If a file is missing or damaged; the message names the file and the pattern.
        """
        self._context = context or Context()
        shared = _read(folder / WORDS)
        files = sorted(path for path in folder.glob("*.yml") if path.name != WORDS)
        if not files:
            raise SafetyDataError(f"{folder}: holds no rules. Restore the folder from the repository.")
        self.rules: tuple[Rule, ...] = tuple(rule for path in files for rule in _rules(path, shared))

    def matches(self, message: Message) -> list[RuleMatch]:
        """Every rule that matches, strongest first: unexcused before excused, alarm before check."""
        plain = self._context.without_idioms(message)
        positions = _Positions(plain)
        found = []
        for rule in self.rules:
            excuses = [self._context.excuse(plain, start, end, rule.keeps) for start, end in positions.of(rule)]
            if excuses:
                found.append(RuleMatch(rule, None if None in excuses else excuses[0]))
        return sorted(found, key=_strength)


def _strength(match: RuleMatch) -> tuple[bool, bool, int]:
    return (match.excuse is not None, match.rule.level != "alarm", _FIRST.index(match.rule.group))


class _Positions:
    """Where patterns match in one message, each pattern looked for once."""

    def __init__(self, message: Message) -> None:
        self._text = message.text
        self._seen: dict[str, list[tuple[int, int]]] = {}

    def of(self, rule: Rule) -> Iterator[tuple[int, int]]:
        """First word and the word after the last, of each place where all the rule's parts stand together."""
        places = []
        for part in rule.parts:
            found = self._places(part)
            if not found:
                return
            places.append(found)
        if len(places) == 1:
            yield from places[0]
            return
        for combination in product(*places):
            start, end = min(s for s, _ in combination), max(e for _, e in combination)
            if end - start - sum(e - s for s, e in combination) <= REACH:
                yield start, end

    def _places(self, part: re.Pattern[str]) -> list[tuple[int, int]]:
        if part.pattern not in self._seen:
            self._seen[part.pattern] = [
                (self._text.count(" ", 0, m.start()), self._text.count(" ", 0, m.end()) + 1)
                for m in part.finditer(self._text)
            ][:8]
        return self._seen[part.pattern]


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SafetyDataError(f"{path}: {error}. Restore the file from the repository.") from error
    if not isinstance(data, dict):
        raise SafetyDataError(f"{path}: is not a table. Restore the file from the repository.")
    return data


def _rules(path: Path, shared: Mapping[str, str]) -> Iterator[Rule]:
    data = _read(path)
    words = {**shared, **data.get("words", {})}
    if data.get("group") not in GROUPS:
        raise SafetyDataError(f"{path}: `group` is {data.get('group')!r}, not one of 1 to 21.")
    for number, entry in enumerate(data.get("rules", []), 1):
        kind, level = entry.get("kind", data.get("kind")), entry.get("level", "alarm")
        if kind not in KINDS or level not in ("alarm", "check"):
            raise SafetyDataError(f"{path}: rule set {number} has kind {kind!r} and level {level!r}.")
        for source in entry["match"]:
            yield Rule(
                group=data["group"],
                kind=cast(Kind, kind),
                level=cast(Level, level),
                source=source,
                parts=tuple(_compile(path, part, words) for part in source.split(" & ")),
                keeps=frozenset(entry.get("keeps", ())),
            )


def _compile(path: Path, source: str, words: Mapping[str, str]) -> re.Pattern[str]:
    expanded = source
    for _ in range(3):  # a word list may name another
        try:
            expanded = _NAME.sub(lambda match: f"(?:{words[match.group(1)]})", expanded)
        except KeyError as error:
            raise SafetyDataError(f"{path}: {source!r} names the unknown word list {error}.") from error
    expanded = _GAP.join(f"(?:{piece})" for piece in _pieces(expanded))
    try:
        return re.compile(rf"(?<![^ ])(?:{expanded})(?![^ ])")
    except re.error as error:
        raise SafetyDataError(f"{path}: {source!r} is not a regular expression ({error}).") from error


def _pieces(source: str) -> list[str]:
    """The source split at its gaps; a gap within parentheses stays in its piece, spelled out."""
    pieces: list[str] = []
    held = ""
    for piece in source.split(" ... "):
        held = f"{held}{_GAP}{piece}" if held else piece
        if held.count("(") == held.count(")"):
            pieces.append(held)
            held = ""
    return [*pieces, held] if held else pieces
