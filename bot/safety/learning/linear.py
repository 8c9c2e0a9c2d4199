"""Trains the linear models: the one over letter and word sequences, and the one that weighs all opinions together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from bot.safety.sequences import SequenceModel, counted, look_up, word_numbers


def train_sequences(texts: Sequence[str], groups: npt.NDArray[np.int64]) -> SequenceModel:
    """Fit the model over letter and word sequences to normalised texts.

    Args:
        texts: What the classifier reads.
        groups: The group of each text, 0 for none.
    """
    rows = [counted(text) for text in texts]
    keys = _common([numbers for numbers, _ in rows], 10)
    frequency = Counter(int(number) for numbers, _ in rows for number in numbers)
    rarity = np.log((1 + len(texts)) / (1 + np.array([frequency[int(key)] for key in keys]))) + 1
    rarity = rarity.astype(np.float16).astype(np.float32)
    found = [look_up(keys, numbers) for numbers, _ in rows]
    values = [counts[known] * rarity[places] for (_, counts), (places, known) in zip(rows, found, strict=True)]
    units = [value / max(float(np.sqrt((value * value).sum())), 1e-9) for value in values]
    model = LogisticRegression(C=30, max_iter=3000, class_weight="balanced")
    model.fit(_sparse([places for places, _ in found], units, len(keys)), groups > 0)
    return SequenceModel(keys, rarity, model.coef_[0], float(model.intercept_[0]), *_train_groups(texts, groups))


def _train_groups(
    texts: Sequence[str], groups: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Keys, weights and bias of the model that tells the groups of red flags apart by their words."""
    flags = np.flatnonzero(groups)
    words = [word_numbers(texts[int(i)]) for i in flags]
    keys = _common(words, 4)
    places = [look_up(keys, numbers)[0] for numbers in words]
    ones = [np.ones(len(place), dtype=np.float32) for place in places]
    model = LogisticRegression(C=0.3, max_iter=3000, class_weight="balanced")
    model.fit(_sparse(places, ones, len(keys)), groups[flags])
    # A group that no text has keeps a row of its own, and the lowest bias.
    weights = np.zeros((len(keys), 21), dtype=np.float32)
    bias = np.full(21, float(model.intercept_.min()), dtype=np.float32)
    weights[:, model.classes_ - 1] = model.coef_.T
    bias[model.classes_ - 1] = model.intercept_
    return keys, weights, bias


def _common(rows: Sequence[npt.NDArray[np.uint32]], least: int) -> npt.NDArray[np.uint32]:
    """The numbers that stand in at least so many rows, ascending."""
    seen = Counter(int(number) for row in rows for number in row)
    return np.array(sorted(number for number, count in seen.items() if count >= least), dtype=np.uint32)


def _sparse(
    places: Sequence[npt.NDArray[np.intp]], values: Sequence[npt.NDArray[np.float32]], width: int
) -> csr_matrix:
    starts = np.cumsum([0, *(len(place) for place in places)])
    return csr_matrix((np.concatenate(values), np.concatenate(places), starts), shape=(len(places), width))


def weigh(opinions: npt.NDArray[np.float64], flags: npt.NDArray[np.bool_]) -> tuple[list[float], float]:
    """Weights and bias of the logistic regression that turns all opinions into one risk."""
    model = LogisticRegression(C=1.0, max_iter=2000).fit(opinions, flags)
    return [round(float(w), 5) for w in model.coef_[0]], round(float(model.intercept_[0]), 5)
