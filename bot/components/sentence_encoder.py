"""A Rasa featurizer that runs the project's one exported sentence encoder, without torch."""
# Rasa compares the methods' annotations with typing's own List and Dict at run time.
# ruff: noqa: UP006, UP035

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from knowledge.encoder import SentenceEncoder

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "knowledge" / "build" / "encoder"
TRAINING_THREADS = 2


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(DenseFeaturizer, GraphComponent):  # type: ignore[misc]
    """Adds one 384-number sentence vector to each message.

    The folder of the exported encoder comes from `VAGUS_ENCODER`, else it is `knowledge/build/encoder`. It is left out of
    the component's configuration so that a trained model can be moved to another machine.
    """

    def __init__(self, config: Dict[str, Any], name: str, encoder: SentenceEncoder) -> None:
        super().__init__(name, config)
        self._encoder = encoder

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,
    ) -> SentenceEncoderFeaturizer:
        """Open the encoder once per graph.

        Raises:
            EncoderError: If the exported encoder is missing or damaged.
        """
        folder = Path(os.environ.get("VAGUS_ENCODER", DEFAULT_FOLDER))
        return cls(config, execution_context.node_name, SentenceEncoder(folder))

    @classmethod
    def required_components(cls) -> List[Type]:  # type: ignore[type-arg]
        """Nothing: the encoder brings its own tokenizer."""
        return []

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """`scale` multiplies the unit vectors; for a regularised linear classifier that is a weaker penalty (C = scale squared)."""
        return {**DenseFeaturizer.get_default_config(), "scale": 1.0}

    @staticmethod
    def required_packages() -> List[str]:
        """What must be installed."""
        return ["onnxruntime", "tokenizers"]

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Check `scale`.

        Raises:
            InvalidConfigException: If it is not a positive number.
        """
        scale = config.get("scale", 1.0)
        if not isinstance(scale, (int, float)) or scale <= 0:
            raise InvalidConfigException(
                f"config.yml: SentenceEncoderFeaturizer: scale: {scale!r} must be a number above 0."
            )

    def process(self, messages: List[Message]) -> List[Message]:
        """Add the vector of each message that has text."""
        written = [message for message in messages if message.get(TEXT)]
        vectors = self._encoder.encode([message.get(TEXT) for message in written])
        origin = self._config[FEATURIZER_CLASS_ALIAS]
        for message, vector in zip(written, vectors * self._config["scale"], strict=True):
            message.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, origin))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vector of each training example; onnxruntime runs outside the interpreter lock, so two threads share it."""
        examples = training_data.training_examples
        with ThreadPoolExecutor(TRAINING_THREADS) as pool:
            list(pool.map(self.process, (examples[start::TRAINING_THREADS] for start in range(TRAINING_THREADS))))
        return training_data
