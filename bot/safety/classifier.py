"""The learned half of the screen: a small transformer, and beside it a linear model over letter and word sequences.

The transformer's layers are all-MiniLM-L6-v2's, fine-tuned on `training/*.jsonl` by `bot.safety.learning.train` and shipped
as int8 numbers in `model/weights.npz`. They run in onnxruntime, without torch: `model/graph.onnx` holds the operations and no
numbers. Word vectors and tokenizer are the exported encoder's.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from bot.safety.embeddings import word_vectors
from bot.safety.errors import SafetyDataError
from bot.safety.model_shape import MAX_TOKENS, OUTPUTS
from bot.safety.normalise import COMMA, Message
from bot.safety.sequences import SequenceModel

MODEL = Path(__file__).parent / "model"

WINDOW = 90
"""Words that are read at once. A longer message is read in windows that overlap by a fifth."""

LONG = 45
"""Words: in a message longer than this, one line may hide, so it is also read stretch by stretch."""

STRETCH = (8, 34)
"""Fewest and most words of one stretch."""

DOUBT = 2.5
"""By how much a stretch must score higher than the whole to count: out of its surroundings a line sounds worse than it is."""

MOST_STRETCHES = 40


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


class Classifier:
    """Scores messages. Thread-safe: onnxruntime sessions may be run from any thread."""

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
        self.sequence_model = sequence_model
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
        try:
            settings = json.loads((model_folder / "model.json").read_text(encoding="utf-8"))
            encoder = json.loads((encoder_folder / "encoder.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
            packed = io.BytesIO((model_folder / "weights.npz").read_bytes())  # np.load leaves a damaged file open
            with np.load(packed, allow_pickle=False) as archive:
                weights = {name: archive[name] for name in archive.files}
        except Exception as error:  # tokenizers raises bare Exception
            raise SafetyDataError(f"{model_folder} or {encoder_folder}: {error}. Run `make build`.") from error
        if encoder.get("weights_sha256") != settings["encoder_sha256"]:
            raise SafetyDataError(f"{encoder_folder}: is not the encoder that {model_folder} was trained on.")
        places = weights.pop("places").astype(np.float32)
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        vectors = word_vectors(encoder_folder / "model.fp32.onnx")
        sequence_model = SequenceModel(
            weights.pop("sequences.keys"),
            weights.pop("sequences.rarity").astype(np.float32),
            weights.pop("sequences.weights").astype(np.float32),
            float(weights.pop("sequences.bias")),
        )
        return cls(_session(model_folder / "graph.onnx", weights), tokenizer, vectors, places, sequence_model, settings)

    def score(self, message: Message) -> Scores:
        """Score one message: whole, and stretch by stretch when it is long enough to hide one."""
        parts = [(message.stretch(start, end), 0.0) for start, end in windows(message)]
        if len(message.words) > LONG:
            parts.extend((message.stretch(start, end), DOUBT) for start, end in stretches(message))
        read = [(*self.score_text(text), self.sequence_model.score(text), doubt) for text, doubt in parts]
        flag, groups, sequences, doubt = max(read, key=lambda r: r[0] - r[3])
        return Scores(flag - doubt, groups, sequences - doubt if doubt else sequences)

    def score_text(self, text: str) -> tuple[float, npt.NDArray[np.float32]]:
        """Score one normalised text: its log odds of a red flag, and the log probabilities of the 22 groups."""
        ids = self._tokenizer.encode(text).ids
        x = self._vectors[ids] + self._places[: len(ids)]
        scores = np.asarray(self._session.run(["scores"], {"x": x[None]})[0], dtype=np.float32)[0]
        groups = scores[1:OUTPUTS]
        return float(scores[0]), groups - np.log(np.exp(groups - groups.max()).sum()) - groups.max()


def windows(message: Message) -> list[tuple[int, int]]:
    """First word and the word after the last of each window; a message of usual length is one window."""
    total = len(message.words)
    if total <= WINDOW:
        return [(0, total)]
    step = WINDOW - WINDOW // 5
    return [(start, min(start + WINDOW, total)) for start in range(0, total - WINDOW // 5, step)]


def stretches(message: Message) -> list[tuple[int, int]]:
    """Cut a message into stretches: sentences, short ones joined, long ones cut at commas.

    Returns:
        First word and the word after the last of each; from both ends of the message when there are very many.
    """
    fewest, most = STRETCH
    found: list[tuple[int, int]] = []
    start = 0
    for _, end in message.sentences:
        if end - start >= fewest:
            found.extend(_cut(message, start, end, most))
            start = end
    if start < len(message.words):
        found.append((max(0, min(start, len(message.words) - fewest)), len(message.words)))
    if len(found) > MOST_STRETCHES:
        found = found[: MOST_STRETCHES // 2] + found[-MOST_STRETCHES // 2 :]
    return found


def _cut(message: Message, start: int, end: int, most: int) -> list[tuple[int, int]]:
    pieces = []
    while end - start > most:
        commas = [i for i in range(start + most // 2, start + most) if message.boundaries[i] >= COMMA]
        cut = commas[-1] if commas else start + most
        pieces.append((start, cut))
        # Without a comma to cut at, the next piece begins a little earlier, so that no phrase falls between two.
        start = cut if commas else cut - most // 4
    return [*pieces, (start, end)]


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
