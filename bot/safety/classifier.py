"""The learned half of the screen: a small transformer that reads a message whole and stretch by stretch.

Its layers are all-MiniLM-L6-v2's, fine-tuned on `training/*.jsonl` by `bot.safety.train` and shipped as int8 numbers in
`model/weights.npz`. They run in onnxruntime, without torch: `model/graph.onnx` holds the operations and no numbers. Word
vectors and tokenizer are the exported encoder's.
"""

from __future__ import annotations

import json
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

MODEL = Path(__file__).parent / "model"

LONG = 14
"""Words: a message up to this length is read whole only."""

STRETCH = (6, 34)
"""Fewest and most words of one stretch."""

MOST_STRETCHES = 40


@dataclass(frozen=True)
class Scores:
    """What the classifier says of one message.

    Attributes:
        whole: Score of the message read as a whole, in log odds; above zero leans to a red flag.
        worst: Highest score among its stretches; equal to `whole` when it is too short to have any.
        groups: Log probability of no group (index 0) and of each group 1 to 21, where the score was highest.
    """

    whole: float
    worst: float
    groups: npt.NDArray[np.float32]

    @property
    def group(self) -> int:
        """The likeliest group, 1 to 21."""
        return int(self.groups[1:].argmax()) + 1


class Classifier:
    """Scores messages. Thread-safe: onnxruntime sessions may be run from any thread."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, vectors: npt.NDArray[np.float32],
                 places: npt.NDArray[np.float32], settings: dict[str, Any]) -> None:
        """Put an opened model together; use `open`."""
        self._session = session
        self._tokenizer = tokenizer
        self._vectors = vectors
        self._places = places
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
            with np.load(model_folder / "weights.npz", allow_pickle=False) as archive:
                weights = {name: archive[name] for name in archive.files}
        except Exception as error:  # tokenizers raises bare Exception
            raise SafetyDataError(f"{model_folder} or {encoder_folder}: {error}. Run `make build`.") from error
        if encoder.get("weights_sha256") != settings["encoder_sha256"]:
            raise SafetyDataError(f"{encoder_folder}: is not the encoder that {model_folder} was trained on.")
        places = weights.pop("places").astype(np.float32)
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        vectors = word_vectors(encoder_folder / "model.fp32.onnx")
        return cls(_session(model_folder / "graph.onnx", weights), tokenizer, vectors, places, settings)

    def score(self, message: Message) -> Scores:
        """Score one message: whole, and stretch by stretch when it is long enough to hide one."""
        flag, groups = self.score_text(message.stretch(0, len(message.words)))
        worst = flag
        for start, end in stretches(message):
            other, its_groups = self.score_text(message.stretch(start, end))
            if other > worst:
                worst, groups = other, its_groups
        return Scores(flag, worst, groups)

    def score_text(self, text: str) -> tuple[float, npt.NDArray[np.float32]]:
        """Score one normalised text: its log odds of a red flag, and the log probabilities of the 22 groups."""
        ids = self._tokenizer.encode(text).ids
        x = self._vectors[ids] + self._places[: len(ids)]
        scores = np.asarray(self._session.run(["scores"], {"x": x[None]})[0], dtype=np.float32)[0]
        groups = scores[1:OUTPUTS]
        return float(scores[0]), groups - np.log(np.exp(groups - groups.max()).sum()) - groups.max()


def stretches(message: Message) -> list[tuple[int, int]]:
    """Cut a message into stretches that are read on their own: sentences, short ones joined, long ones cut at commas.

    Returns:
        First word and the word after the last of each; none for a message that is short or a single stretch.
    """
    if len(message.words) <= LONG:
        return []
    fewest, most = STRETCH
    found: list[tuple[int, int]] = []
    start = 0
    for _, end in message.sentences:
        if end - start >= fewest:
            found.extend(_cut(message, start, end, most))
            start = end
    if start < len(message.words):
        found.append((max(0, min(start, len(message.words) - fewest)), len(message.words)))
    return [] if len(found) == 1 else found[: MOST_STRETCHES // 2] + found[MOST_STRETCHES // 2 :][-MOST_STRETCHES // 2 :]


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
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(v if v.dtype == np.int8 else v.astype(np.float32)))
        for v in weights.values()
    ]
    options.add_external_initializers(list(weights), values)
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that have no common public base
        raise SafetyDataError(f"{graph}: {error}. Restore the folder from the repository.") from error


