"""Scores passages for a question in its conversation: which one is meant, and whether it answers.

"can it heal", "and for kids?", "why?" have no subject of their own. Such a question is searched three times: by itself,
with the subject of the conversation, and with the heading of the passage shown last. Two small models over what the
searches say, fitted by `python -m tests.golden.fit` like those of `knowledge.ranking` and stored beside them, rank the
passages and judge the best one. They were fitted on full questions after a change of subject, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from knowledge.errors import SettingsError
from knowledge.ranking import FIT_FEATURES, WEIGHTS, Candidates, Floats, LinearModel, QuestionSigns, Ranking

FOLLOW_FEATURES = ("alone", "about", "after", "same_article", "near", "same_article_leaning")
"""What ranks passages in a conversation:

- `alone`, `about`, `after`: the rank model's score for the question by itself, with the subject, with the last heading.
- `same_article`: whether the passage is of the article that answered last.
- `near`: cosine with the passage shown last.
- `same_article_leaning`: `same_article` again, where the question's words point back.
"""

FOLLOW_ANSWER_FEATURES = (
    *FOLLOW_FEATURES,
    "margin",
    "alone_answers",
    "best_ask",
    "length",
    "unknown",
    "same_article_bare",
    "outside",
)
"""What decides whether the best passage answers: its own features above, and

- `margin`: how far it is ahead of the next in score.
- `alone_answers`: log odds that the best passage answers the question by itself.
- `best_ask`: cosine of the nearest way to ask of any passage, by itself.
- `length`, `outside`: as in `knowledge.ranking`; `unknown`: share of its words that articles and vocabulary do not know.
- `same_article_bare`: whether it is of the article that answered last, where the question names no concept.
"""

ASK = FIT_FEATURES.index("ask")


@dataclass(frozen=True, slots=True)
class Context:
    """What a conversation is about.

    Attributes:
        subject: Names of the concepts last asked about, or else the last question.
        last: Position of the passage shown last.
    """

    subject: str
    last: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A question in its conversation: passages that may be meant, and what is known of each.

    Attributes:
        positions: The passages' positions in the index.
        alone: One row of `FIT_FEATURES` for each, for the question by itself.
        about: The same for the question with the conversation's subject.
        after: The same for the question with the heading of the passage shown last.
        same_article: 1 for passages of the article that answered last.
        near: Cosine with the passage shown last.
        signs: What the question says by itself.
        leans: Whether its words point back.
        alone_probability: That the best passage answers the question by itself.
    """

    positions: npt.NDArray[np.int64]
    alone: Floats
    about: Floats
    after: Floats
    same_article: Floats
    near: Floats
    signs: QuestionSigns
    leans: bool
    alone_probability: float


class Following:
    """The fitted numbers for questions in a conversation."""

    def __init__(self, ranking: Ranking, rank: LinearModel, answer: LinearModel, answer_from: float) -> None:
        self._ranking = ranking
        self._rank = rank
        self._answer = answer
        self.answer_from = answer_from

    @classmethod
    def load(cls, ranking: Ranking, path: Path = WEIGHTS) -> Following:
        """Read the fitted numbers.

        Raises:
            SettingsError: If the file is missing or lacks a number.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))["following"]
            return cls(
                ranking,
                LinearModel.from_json(data["rank"], FOLLOW_FEATURES),
                LinearModel.from_json(data["answer"], FOLLOW_ANSWER_FEATURES),
                float(data["answer_from"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}: cannot be used ({error!r}). Restore it, or run `make fit`.") from error

    def scores(self, turn: Turn) -> Floats:
        """Score of each passage; higher is more likely meant."""
        return self._rank(follow_features(turn, self._ranking))

    def probability(self, turn: Turn, order: npt.NDArray[np.int64], chosen: int) -> float:
        """How likely the passage at rank `chosen` of `order` is to answer, 0 to 1."""
        features = follow_features(turn, self._ranking)
        row = follow_answer_features(turn, features, self._rank(features), order, chosen)
        return float(1.0 / (1.0 + np.exp(-float(self._answer(row[None, :])[0]))))


def follow_features(turn: Turn, ranking: Ranking) -> Floats:
    """One row of `FOLLOW_FEATURES` for each passage."""
    alone, about, after = (
        ranking.scores(Candidates(turn.positions, fit)) for fit in (turn.alone, turn.about, turn.after)
    )
    leans = float(turn.leans)
    columns = (alone, about, after, turn.same_article, turn.near, turn.same_article * leans)
    features: Floats = np.stack(columns, axis=1).astype(np.float32)
    return features


def follow_answer_features(
    turn: Turn, features: Floats, scores: Floats, order: npt.NDArray[np.int64], chosen: int = 0
) -> Floats:
    """One row of `FOLLOW_ANSWER_FEATURES` for the passage at rank `chosen`."""
    row, signs = order[chosen], turn.signs
    rest = order[chosen + 1] if len(order) > chosen + 1 else row
    sure = min(max(turn.alone_probability, 1e-3), 1 - 1e-3)
    extra = (
        float(scores[row] - scores[rest]),
        float(np.log(sure / (1 - sure))),
        float(turn.alone[:, ASK].max()),
        float(np.log1p(signs.words)),
        signs.unknown / max(1, signs.words),
        float(turn.same_article[row]) * (signs.concepts == 0),
        signs.outside,
    )
    return np.array([*features[row].tolist(), *extra], dtype=np.float32)
