"""A Rasa featurizer of words and word pairs, hashed into a short dense vector.

The sentence vector knows what a message is about; single words ("refill", "parking") tell near intents apart. Hashing needs
no vocabulary, so there is nothing to train or to store, and a dense vector keeps the classifier fast.
"""
# Rasa compares the methods' annotations with typing's own List and Dict at run time.
# ruff: noqa: UP006, UP035

from __future__ import annotations

from typing import Any, Dict, List, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import HashingVectorizer


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class HashedWordsFeaturizer(DenseFeaturizer, GraphComponent):  # type: ignore[misc]
    """Adds `size` numbers a message: its words and word pairs, hashed with signs, scaled to length `scale`."""

    def __init__(self, config: Dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        words = r"(?u)\b\w+\b"
        self._vectorizer = HashingVectorizer(
            n_features=config["size"], ngram_range=(1, 2), token_pattern=words, norm="l2", dtype=np.float32
        )

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,
    ) -> HashedWordsFeaturizer:
        """Build it; there is nothing to load."""
        return cls(config, execution_context.node_name)

    @classmethod
    def required_components(cls) -> List[Type]:  # type: ignore[type-arg]
        """Nothing: it splits words by itself."""
        return []

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """`size` is the length of the vector, `scale` its weight beside the sentence vector."""
        return {**DenseFeaturizer.get_default_config(), "size": 1024, "scale": 1.0}

    @staticmethod
    def required_packages() -> List[str]:
        """What must be installed."""
        return ["sklearn"]

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Accept any configuration; the vectorizer checks the size."""

    def process(self, messages: List[Message]) -> List[Message]:
        """Add the vector of each message that has text."""
        written = [message for message in messages if message.get(TEXT)]
        if written:
            rows = (
                self._vectorizer.transform([message.get(TEXT) for message in written]).toarray() * self._config["scale"]
            )
            origin = self._config[FEATURIZER_CLASS_ALIAS]
            for message, row in zip(written, rows, strict=True):
                message.add_features(Features(row[None, :], FEATURE_TYPE_SENTENCE, TEXT, origin))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vector of each training example."""
        self.process(training_data.training_examples)
        return training_data
