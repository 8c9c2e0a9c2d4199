"""The two kinds of linear model that are fitted here: which of several passages is meant, and whether one answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

RIDGE = 1e-3

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Model:
    mean: Floats
    scale: Floats
    weight: Floats
    bias: float = 0.0

    def __call__(self, features: Floats) -> Floats:
        scores: Floats = ((features - self.mean) / self.scale) @ self.weight + self.bias
        return scores


def as_json(names: Sequence[str], model: Model) -> dict[str, object]:
    def column(values: Floats) -> dict[str, float]:
        return {name: round(float(value), 5) for name, value in zip(names, values, strict=True)}

    return {
        "mean": column(model.mean),
        "scale": column(model.scale),
        "weight": column(model.weight),
        "bias": round(model.bias, 5),
    }


def fit_choice(questions: Sequence[tuple[Floats, Mask]], names: Sequence[str]) -> Model:
    """Conditional logit: of each question's candidates (rows of features) the accepted ones should score highest."""
    found = [(features, accepted) for features, accepted in questions if accepted.any()]
    everything = np.concatenate([features for features, _ in found])
    mean, scale = everything.mean(0), everything.std(0) + 1e-9
    rows = [((features - mean) / scale, accepted) for features, accepted in found]

    def loss(weight: Floats) -> tuple[float, Floats]:
        total, gradient = RIDGE * float(weight @ weight), 2 * RIDGE * weight
        for features, accepted in rows:
            scores = features @ weight
            every = np.exp(scores - scores.max())
            good = every * accepted
            total -= float(np.log(good.sum() / every.sum())) / len(rows)
            gradient -= (good @ features / good.sum() - every @ features / every.sum()) / len(rows)
        return total, gradient

    return Model(mean, scale, minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x)


def fit_judge(features: Floats, labels: Mask, *, C: float) -> tuple[Model, Floats]:
    """Logistic regression, and its five-fold cross-validated probabilities."""
    mean, scale = features.mean(0), features.std(0) + 1e-9
    model = LogisticRegression(C=C, max_iter=5000)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held = cross_val_predict(model, (features - mean) / scale, labels, cv=folds, method="predict_proba")[:, 1]
    model.fit((features - mean) / scale, labels)
    return Model(mean, scale, model.coef_[0], float(model.intercept_[0])), held
