"""Chooses the risks from which on a message is an alarm or a check, on messages whose authors the scoring model never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.safety.flags import KINDS, Kind

NEAR_MISS_ALARMS: Mapping[Kind, float] = {"emergency": 0.019, "crisis": 0.028, "poison": 0.006, "urgent": 0.01}
"""Share of all near-misses that may raise a false alarm of each kind. The bar for their sum is 6%."""

ORDINARY_ALARMS: Mapping[Kind, float] = {"emergency": 0.0035, "crisis": 0.0065, "poison": 0.0005, "urgent": 0.0015}
"""Share of all ordinary messages that may raise an alarm of each kind. The bar for their sum is 1%."""

ORDINARY_CHECKS: Mapping[Kind, float] = {"emergency": 0.013, "crisis": 0.014, "poison": 0.001, "urgent": 0.012}
"""Share of all ordinary messages that may be flagged at all, for each kind, of the same messages."""


@dataclass(frozen=True)
class Judged:
    """A training message as a model without its author's other messages sees it.

    Attributes:
        risk: Log odds of a red flag.
        kind: The kind that would be named.
        flag: Whether it is a red flag.
        ordinary: Whether it is benign and no near-miss.
    """

    risk: float
    kind: Kind
    flag: bool
    ordinary: bool


def choose(judged: Sequence[Judged]) -> tuple[dict[Kind, float], dict[Kind, float]]:
    """Thresholds for alarm and for check, a kind each: the lowest that keep false alarms within the shares above."""
    near = [j for j in judged if not j.flag and not j.ordinary]
    ordinary = [j for j in judged if j.ordinary]
    alarm, check = {}, {}
    for kind in KINDS:
        alarm[kind] = max(
            _limit([j.risk for j in near if j.kind == kind], NEAR_MISS_ALARMS[kind] * len(near)),
            _limit([j.risk for j in ordinary if j.kind == kind], ORDINARY_ALARMS[kind] * len(ordinary)),
        )
        lowest = _limit([j.risk for j in ordinary if j.kind == kind], ORDINARY_CHECKS[kind] * len(ordinary))
        check[kind] = min(lowest, alarm[kind])
    return alarm, check


def _limit(risks: Sequence[float], allowed: float) -> float:
    """The risk that at most `allowed` of these exceed."""
    ranked = np.sort(np.asarray(risks))[::-1]
    place = int(allowed)
    if place >= len(ranked):
        return round(float(ranked[-1]) - 0.01, 3) if len(ranked) else 0.0
    return round(float(ranked[place]) + 1e-3, 3)
