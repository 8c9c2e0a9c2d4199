"""Scores how well passages fit a question, and how likely the best one is to answer it.

Both are small logistic models over a handful of named features. Their numbers are fitted on the development split of
the golden questions by `python -m tests.golden.fit` and stored as plain JSON in `knowledge/ranking.json`; the choice
of features is measured in docs/decisions/retrieval.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import SettingsError

WEIGHTS = Path(__file__).with_name("ranking.json")

Floats = npt.NDArray[np.float32]

FIT_FEATURES = ("ask", "asks", "lead", "text", "coverage", "wording", "concepts")
"""What is known of a passage and a question together, in the order of `Candidates.fit`:

- `ask`, `asks`: cosine of the nearest other way to ask, and the mean of the three nearest.
- `lead`, `text`: cosine of heading with first paragraph, and of the whole text.
- `coverage`: share of the question's words that the passage holds, rare words counting more.
- `wording`: likeness of letters with the nearest way to ask, which survives typos.
- `concepts`: share of the question's vocabulary concepts that the passage names.
"""

RANK_FEATURES = ("asks", "lead", "text", "coverage", "wording")
"""Those that rank. What earned nothing in the ablation is left out, here and below (docs/decisions/retrieval.md)."""

RANK_COLUMNS = [FIT_FEATURES.index(name) for name in RANK_FEATURES]

ANSWER_FEATURES = (
    "ask",
    "lead",
    "best_ask",
    "lead_of_five",
    "length",
    "uncovered",
    "missing_concepts",
    "outside",
    "outside_wording",
)
"""What decides whether the best passage answers: `ask` and `lead` as above, and

- `best_ask`: the nearest way to ask of any passage.
- `lead_of_five`: how far it is ahead of the fifth in score.
- `length`: logarithm of the number of content words in the question.
- `uncovered`: share of words not in the passage, times length.
- `missing_concepts`: share of the vocabulary's concepts in the question that the passage does not name.
- `outside`, `outside_wording`: likeness with questions that no article answers (`knowledge.out_of_scope`).
"""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that may fit a question: `positions` in the index, and one row of `FIT_FEATURES` for each."""

    positions: npt.NDArray[np.int64]
    fit: Floats


@dataclass(frozen=True, slots=True)
class QuestionSigns:
    """What a question says by itself about whether it can be answered here."""

    words: int
    unknown: int
    concepts: int
    outside: float = 0.0
    outside_wording: float = 0.0


@dataclass(frozen=True, slots=True)
class LinearModel:
    """`sum(weight * (feature - mean) / scale) + bias`."""

    mean: Floats
    scale: Floats
    weight: Floats
    bias: float

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, float] | float], names: tuple[str, ...]) -> LinearModel:
        """Read a model, its features in the order of `names`; a missing one is a KeyError."""

        def column(field: str) -> Floats:
            return np.array([data[field][name] for name in names], dtype=np.float32)  # type: ignore[index]

        return cls(column("mean"), column("scale"), column("weight"), float(data["bias"]))  # type: ignore[arg-type]

    @classmethod
    def blank(cls, names: tuple[str, ...]) -> LinearModel:
        """A model that knows nothing yet: every score is 0."""
        zeros = np.zeros(len(names), dtype=np.float32)
        return cls(zeros, zeros + 1, zeros, 0.0)

    def __call__(self, features: Floats) -> Floats:
        """Score rows of features: (n, f) -> (n,)."""
        scores: Floats = (((features - self.mean) / self.scale) @ self.weight + self.bias).astype(np.float32)
        return scores


class Ranking:
    """The fitted numbers: how passages rank, and when the best one answers."""

    def __init__(self, rank: LinearModel, answer: LinearModel, answer_from: float, offer_from: float) -> None:
        self._rank = rank
        self._answer = answer
        self.answer_from = answer_from
        self.offer_from = offer_from

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Ranking:
        """Read the fitted numbers.

        Raises:
            SettingsError: If the file is missing or lacks a number.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}: cannot be used ({error!r}). Restore it, or run `make fit`.") from error

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ranking:
        """Take the numbers as they stand in the file; a missing one is a KeyError."""
        return cls(
            LinearModel.from_json(data["rank"], RANK_FEATURES),
            LinearModel.from_json(data["answer"], ANSWER_FEATURES),
            float(data["answer_from"]),
            float(data["offer_from"]),
        )

    def scores(self, candidates: Candidates) -> Floats:
        """Score of each candidate; higher fits better."""
        return self._rank(candidates.fit[:, RANK_COLUMNS])

    def probability(
        self, candidates: Candidates, order: npt.NDArray[np.int64], signs: QuestionSigns, chosen: int
    ) -> float:
        """How likely the candidate at rank `chosen` of `order` is to answer the question, 0 to 1."""
        row = answer_features(candidates, self.scores(candidates), order, signs, chosen)
        return float(1.0 / (1.0 + np.exp(-float(self._answer(row[None, :])[0]))))


def answer_features(
    candidates: Candidates, scores: Floats, order: npt.NDArray[np.int64], signs: QuestionSigns, chosen: int = 0
) -> Floats:
    """One row of `ANSWER_FEATURES` for the candidate at rank `chosen`."""
    ranked = scores[order]
    fit = dict(zip(FIT_FEATURES, candidates.fit[order[chosen]].tolist(), strict=True))
    length = float(np.log1p(signs.words))
    features = (
        fit["ask"],
        fit["lead"],
        float(candidates.fit[:, FIT_FEATURES.index("ask")].max()),
        float(ranked[chosen] - ranked[min(chosen + 4, len(ranked) - 1)]),
        length,
        (1.0 - fit["coverage"]) * length,
        (1.0 - fit["concepts"]) if signs.concepts else 0.0,
        signs.outside,
        signs.outside_wording,
    )
    return np.array(features, dtype=np.float32)
