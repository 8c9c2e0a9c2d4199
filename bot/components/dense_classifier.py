"""Rasa's LogisticRegressionClassifier on a dense matrix.

Rasa turns dense features into a sparse matrix before it fits and predicts, which makes training on our data several times
slower than the linear algebra needs. This keeps them dense; all else is Rasa's.
"""
# Rasa compares the methods' annotations with typing's own List and Dict at run time.
# ruff: noqa: UP006, UP035

from __future__ import annotations

from typing import List

import numpy as np
import numpy.typing as npt
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DenseLogisticRegressionClassifier(LogisticRegressionClassifier):  # type: ignore[misc]
    """Logistic regression on the dense sentence features of every featurizer before it."""

    def _create_X(self, messages: List[Message]) -> npt.NDArray[np.float32]:
        """One row a message, of shape (messages, features); zeros for a message without text."""
        rows = [message.get_dense_features(attribute=TEXT)[1] for message in messages]
        width = next((row.features.shape[1] for row in rows if row is not None), self._width())
        empty = np.zeros((1, width), dtype=np.float32)
        return np.vstack([row.features if row is not None else empty for row in rows])

    def _width(self) -> int:
        """Number of features it was trained on; 0 before training."""
        return int(getattr(self.clf, "n_features_in_", 0))
