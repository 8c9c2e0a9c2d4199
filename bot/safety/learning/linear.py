"""Trains the linear models: the one over letter and word sequences, and the one that weighs all opinions together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from bot.safety.sequences import SequenceModel, counted


def train_sequences(texts: Sequence[str], flags: npt.NDArray[np.bool_]) -> SequenceModel:
    """Fit the model over letter and word sequences to normalised texts. Sequences that occur in one text alone are left out."""
    rows = [counted(text) for text in texts]
    seen = Counter(int(number) for numbers, _ in rows for number in numbers)
    keys = np.array(sorted(number for number, count in seen.items() if count > 1), dtype=np.uint32)
    frequency = np.array([seen[int(key)] for key in keys], dtype=np.float64)
    rarity = (np.log((1 + len(texts)) / (1 + frequency)) + 1).astype(np.float16).astype(np.float32)
    values: list[npt.NDArray[np.float32]] = []
    columns: list[npt.NDArray[np.int64]] = []
    starts = [0]
    for numbers, counts in rows:
        places = np.minimum(np.searchsorted(keys, numbers), len(keys) - 1)
        known = keys[places] == numbers
        value = counts[known] * rarity[places[known]]
        values.append(value / max(float(np.sqrt((value * value).sum())), 1e-9))
        columns.append(places[known])
        starts.append(starts[-1] + len(value))
    matrix = csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(texts), len(keys)))
    model = LogisticRegression(C=30, max_iter=3000, class_weight="balanced").fit(matrix, flags)
    weights = model.coef_[0].astype(np.float16).astype(np.float32)
    return SequenceModel(keys, rarity, weights, float(model.intercept_[0]))


def weigh(opinions: npt.NDArray[np.float64], flags: npt.NDArray[np.bool_]) -> tuple[list[float], float]:
    """Weights and bias of the logistic regression that turns all opinions into one risk."""
    model = LogisticRegression(C=1.0, max_iter=2000).fit(opinions, flags)
    return [round(float(w), 5) for w in model.coef_[0]], round(float(model.intercept_[0]), 5)
