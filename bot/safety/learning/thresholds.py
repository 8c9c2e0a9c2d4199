"""Chooses the risks from which on a message is an alarm or a check, on messages whose authors the scoring model never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.safety.flags import KINDS, Kind

FOUND: Mapping[Kind, float] = {"emergency": 0.98, "crisis": 0.998, "poison": 0.97, "urgent": 0.92}
"""Share of the red flags of each kind that must raise an alarm: above the bars, and of the crises nearly all, as long as less
than half a percent of the ordinary messages of dev alarm."""

ORDINARY_ALARMS: Mapping[Kind, float] = {"emergency": 0.01, "crisis": 0.016, "poison": 0.004, "urgent": 0.006}
"""Share of all ordinary messages that may raise an alarm of each kind, whatever is missed: it binds the linear model, which stands
in where the encoder is missing. The questions of the retrieval count as ordinary here, and not all of them are."""

ORDINARY_CHECKS: Mapping[Kind, float] = {"emergency": 0.015, "crisis": 0.03, "poison": 0.003, "urgent": 0.01}
"""Share of all ordinary messages that may be flagged at all, for each kind. The bar for checks is 5% of them."""


@dataclass(frozen=True)
class Judged:
    """A message as a model sees it that never saw its author's others.

    Attributes:
        risk: Log odds of a red flag.
        named: The kind that would be named.
        kind: What it really is; None when it is no red flag.
        ordinary: Whether it is benign and no near-miss.
    """

    risk: float
    named: Kind
    kind: Kind | None
    ordinary: bool


def choose(judged: Sequence[Judged]) -> tuple[dict[Kind, float], dict[Kind, float]]:
    """Thresholds for alarm and for check, a kind each.

    An alarm begins where `FOUND` of the red flags of a kind lie above, or where `ORDINARY_ALARMS` allow it; a check at the lowest
    risk that keeps what is flagged of the ordinary messages within `ORDINARY_CHECKS`. `make eval-safety` measures what both cost.
    """
    ordinary = [j for j in judged if j.ordinary]
    alarm, check = {}, {}
    for kind in KINDS:
        flags = [j.risk for j in judged if j.kind == kind]
        cries = [j.risk for j in ordinary if j.named == kind]
        found = round(float(np.quantile(flags, 1 - FOUND[kind])), 3) if flags else 0.0
        alarm[kind] = max(found, _limit(cries, ORDINARY_ALARMS[kind] * len(ordinary)))
        check[kind] = min(alarm[kind], _limit(cries, ORDINARY_CHECKS[kind] * len(ordinary)))
    return alarm, check


def _limit(risks: Sequence[float], allowed: float) -> float:
    """The risk that at most `allowed` of these exceed."""
    ranked = np.sort(np.asarray(risks))[::-1]
    place = int(allowed)
    if place >= len(ranked):
        return round(float(ranked[-1]) - 0.01, 3) if len(ranked) else 0.0
    return round(float(ranked[place]) + 1e-3, 3)
