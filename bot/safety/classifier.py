"""The learned half of the screen: a small transformer, and beside it a linear model over letter and word sequences.

The transformer's layers are all-MiniLM-L6-v2's, fine-tuned on `training/*.jsonl` by `bot.safety.learning.train` and shipped
as int8 numbers in `model/weights.npz`. They run in onnxruntime, without torch: `model/graph.onnx` holds the operations and no
numbers. Word vectors and tokenizer are the exported encoder's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from bot.safety.embeddings import word_vectors
from bot.safety.errors import SafetyDataError
from bot.safety.model_shape import MAX_TOKENS, OUTPUTS
from bot.safety.normalise import Message
from bot.safety.sequences import SequenceModel, log_softmax
from bot.safety.stretches import parts

MODEL = Path(__file__).parent / "model"


@dataclass(frozen=True)
class Scores:
    """What the learned models say of one message.

    Attributes:
        flag: The transformer's log odds of a red flag.
        groups: Its log probability of no group (index 0) and of each group 1 to 21.
        sequences: Log odds by the model over letter and word sequences.
    """

    flag: float
    groups: npt.NDArray[np.float32]
    sequences: float


class Scorer(Protocol):
    """Whatever scores messages, and the settings that say how to weigh its scores."""

    settings: Mapping[str, Any]

    def score(self, message: Message) -> Scores:
        """Score one message: whole, and stretch by stretch when it is long enough to hide one."""
        ...


class SequenceClassifier:
    """The linear model alone: what is left when the exported encoder cannot be used. Needs only numpy."""

    def __init__(self, model: SequenceModel, settings: Mapping[str, Any]) -> None:
        """Put an opened model together; use `open`."""
        self._model = model
        self.settings = settings

    @classmethod
    def open(cls, model_folder: Path = MODEL) -> SequenceClassifier:
        """Open the shipped numbers.

        Raises:
            SafetyDataError: If a file is missing or damaged.
        """
        return cls(_sequence_model(model_folder), _settings(model_folder).get("without encoder", {}))

    def score(self, message: Message) -> Scores:
        """Score one message."""
        read = [(self._model.score(text) - doubt, text) for text, doubt in parts(message)]
        score, text = max(read)
        groups = np.concatenate([np.zeros(1, dtype=np.float32), self._model.groups(text)])
        return Scores(0.0, groups, score)


class Classifier:
    """Transformer and linear model together. Thread-safe: onnxruntime sessions may be run from any thread."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        vectors: npt.NDArray[np.float32],
        places: npt.NDArray[np.float32],
        sequence_model: SequenceModel,
        settings: Mapping[str, Any],
    ) -> None:
        """Put an opened model together; use `open`."""
        self._session = session
        self._tokenizer = tokenizer
        self._vectors = vectors
        self._places = places
        self._sequence_model = sequence_model
        self.settings = settings

    @classmethod
    def open(cls, encoder_folder: Path, model_folder: Path = MODEL) -> Classifier:
        """Open the shipped weights on the exported encoder's word vectors.

        Args:
            encoder_folder: Where `encoder.json`, `tokenizer.json` and `model.fp32.onnx` of the exported encoder are.
            model_folder: Where the classifier's own weights are.

        Raises:
            SafetyDataError: If a file is missing or damaged, or the encoder is not the one the weights were trained on.
        """
        settings = _settings(model_folder)
        try:
            encoder = json.loads((encoder_folder / "encoder.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises bare Exception
            raise SafetyDataError(f"{encoder_folder}: {error}. Run `make build`.") from error
        if encoder.get("weights_sha256") != settings.get("encoder_sha256"):
            raise SafetyDataError(f"{encoder_folder}: is not the encoder that {model_folder} was trained on.")
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        weights = _arrays(model_folder / "weights.npz")
        places = weights.pop("places").astype(np.float32)
        session = _session(model_folder / "graph.onnx", weights)
        vectors = word_vectors(encoder_folder / "model.fp32.onnx")
        return cls(session, tokenizer, vectors, places, _sequence_model(model_folder), settings)

    def score(self, message: Message) -> Scores:
        """Score one message."""
        read = [(*self._transform(text), self._sequence_model.score(text), doubt) for text, doubt in parts(message)]
        flag, groups, sequences, doubt = max(read, key=lambda r: r[0] - r[3])
        return Scores(flag - doubt, groups, sequences - doubt)

    def _transform(self, text: str) -> tuple[float, npt.NDArray[np.float32]]:
        """The transformer's log odds of a red flag, and its log probabilities of the 22 groups."""
        ids = self._tokenizer.encode(text).ids
        x = self._vectors[ids] + self._places[: len(ids)]
        scores = np.asarray(self._session.run(["scores"], {"x": x[None]})[0], dtype=np.float32)[0]
        return float(scores[0]), log_softmax(scores[1:OUTPUTS])


def _settings(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "model.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise SafetyDataError(f"{folder}: {error}. Restore the folder from the repository.") from error


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        # np.load leaves a damaged file open when it opens it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise SafetyDataError(f"{path}: {error}. Restore the file from the repository.") from error


def _sequence_model(folder: Path) -> SequenceModel:
    arrays = _arrays(folder / "sequences.npz")
    try:
        return SequenceModel.from_arrays(arrays)
    except KeyError as error:
        raise SafetyDataError(f"{folder / 'sequences.npz'}: lacks {error}. Restore the file.") from error


def _session(graph: Path, weights: dict[str, npt.NDArray[Any]]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(
            np.ascontiguousarray(v if v.dtype == np.int8 else v.astype(np.float32))
        )
        for v in weights.values()
    ]
    options.add_external_initializers(list(weights), values)
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that have no common public base
        raise SafetyDataError(f"{graph}: {error}. Restore the folder from the repository.") from error
