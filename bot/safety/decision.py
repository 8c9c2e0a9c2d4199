"""Puts all opinions of a message together into one verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.safety.classifier import Scores
from bot.safety.errors import SafetyDataError
from bot.safety.flags import KINDS, Kind, Level, RedFlag
from bot.safety.normalise import Message
from bot.safety.rules import RuleMatch

OPINIONS = (
    "flag",
    "some group",
    "surest group",
    "sequences",
    "alarm rule",
    "alarm rules",
    "check rule",
    "excused rule",
)
"""What is weighed: the transformer's flag, its doubt that there is no group at all, how sure it is which one if there is (strange
messages are spread over many), the sequence model, and which rules match."""

NAMED = 2.0
"""How much likelier (in log probability) a group is when an unexcused alarm rule names it."""


@dataclass(frozen=True)
class Weighing:
    """The weights of the opinions, and the risks from which on a kind is an alarm or a check. Read from `model.json`."""

    weights: tuple[float, ...]
    bias: float
    alarm: Mapping[Kind, float]
    check: Mapping[Kind, float]

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Weighing:
        """Take the settings of the model.

        Raises:
            SafetyDataError: If one is missing.
        """
        try:
            weights = tuple(float(settings["weights"][name]) for name in OPINIONS)
            levels = [{kind: float(settings[level][kind]) for kind in KINDS} for level in ("alarm", "check")]
            return cls(weights, float(settings["bias"]), *levels)
        except (KeyError, TypeError, ValueError) as error:
            raise SafetyDataError(f"model.json: {error!r} is missing or no number. Train the model again.") from error

    def risk(self, scores: Scores, matches: Sequence[RuleMatch]) -> float:
        """Log odds that the message is a red flag."""
        return self.combine(opinions(scores, matches))

    def combine(self, row: Sequence[float]) -> float:
        """The weighed sum of one message's opinions, in the order of `OPINIONS`."""
        return self.bias + math.fsum(w * o for w, o in zip(self.weights, row, strict=True))


def opinions(scores: Scores, matches: Sequence[RuleMatch]) -> tuple[float, ...]:
    """The opinions on one message, in the order of `OPINIONS`."""
    open_rules = [match.rule for match in matches if match.excuse is None]
    alarms = sum(rule.level == "alarm" for rule in open_rules)
    groups = scores.groups[1:]
    return (
        scores.flag,
        -float(scores.groups[0]),
        float(groups.max() - np.logaddexp.reduce(groups)),
        scores.sequences,
        float(alarms > 0),
        float(min(alarms, 4)),
        float(alarms < len(open_rules)),
        float(any(match.excuse for match in matches)),
    )


def verdict(
    message: Message,
    matches: Sequence[RuleMatch],
    scores: Scores | None,
    weighing: Weighing | None,
    doubt: float = 0.0,
) -> RedFlag | None:
    """What the screen says of one message, read on its own. `doubt` is taken off the risk unless an alarm rule stands behind it."""
    if scores is None or weighing is None:
        return _by_rules(message, matches)
    standing = [match.rule for match in matches if match.excuse is None]
    ruled = any(rule.level == "alarm" for rule in standing)
    crisis = next((rule for rule in standing if rule.kind == "crisis"), None)
    risk = weighing.risk(scores, matches) - (0.0 if ruled else doubt)
    group, kind = named(scores, matches)
    level: Level
    if risk >= weighing.alarm[kind]:
        level = "alarm"
    elif risk >= weighing.check[kind] or ruled or crisis is not None:
        # A model that never met these words may not silence a rule for alarms, nor any rule for crises.
        level = "check"
        if crisis is not None:
            group, kind = crisis.group, crisis.kind
    else:
        return None
    return RedFlag(level, kind, group, f"risk {risk:.2f}", message.spanish)


def _by_rules(message: Message, matches: Sequence[RuleMatch]) -> RedFlag | None:
    """The strongest unexcused rule decides; there is nothing else to go by."""
    if not matches or matches[0].excuse is not None:
        return None
    rule = matches[0].rule
    return RedFlag(rule.level, rule.kind, rule.group, rule.evidence, message.spanish)


def named(scores: Scores, matches: Sequence[RuleMatch]) -> tuple[int, Kind]:
    """The likeliest group, and its kind: the rule's where one matched, else the group's usual one."""
    ruled = {match.rule.group: match.rule.kind for match in reversed(matches) if match.excuse is None}
    sure = {match.rule.group for match in matches if match.excuse is None and match.rule.level == "alarm"}
    group = max(range(1, 22), key=lambda g: float(scores.groups[g]) + (NAMED if g in sure else 0.0))
    return group, ruled.get(group) or usual_kind(group)


def usual_kind(group: int) -> Kind:
    """Whom to call for a group when nothing says otherwise."""
    if group == 6:
        return "poison"
    if group == 14:
        return "crisis"
    return "urgent" if group >= 15 else "emergency"
