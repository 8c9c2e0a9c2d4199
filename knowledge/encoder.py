"""Turns short texts into unit vectors with the exported sentence encoder.

Everything that encodes a patient's message runs this one class on the one file that `knowledge.embedder` exports at
build time. It needs only onnxruntime, tokenizers and numpy, no torch, and runs on Python 3.10 (the Rasa environment)
as well as on 3.11 and later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from knowledge.errors import EncoderError

Vectors = npt.NDArray[np.float32]

MANIFEST = "encoder.json"
MAX_TOKENS = 256
"""The length all-MiniLM-L6-v2 was trained for (its `max_seq_length`)."""

BATCH = {"fp32": 32, "int8": 1}
"""Texts in one inference. Dynamic int8 quantisation scales activations over the whole batch, so a text's vector would
depend on its neighbours; one at a time, equal texts give equal vectors."""


class SentenceEncoder:
    """Encodes texts with an exported all-MiniLM-L6-v2: mean-pooled over tokens, L2-normalised.

    Example:
        >>> encoder = SentenceEncoder(Path("knowledge/build/encoder"))  # doctest: +SKIP
        >>> encoder.encode(["does stress hurt the gut?"]).shape  # doctest: +SKIP
        (1, 384)
    """

    def __init__(self, folder: Path, *, threads: int = 1, precision: str | None = None) -> None:
        """Open the exported encoder.

        Args:
            folder: Where `knowledge.embedder.export_encoder` wrote `encoder.json`, the ONNX files and the tokenizer.
            threads: Threads of one inference. One is fastest for one short text at a time.
            precision: "int8" or "fp32"; by default the one that the manifest names as right for this machine.

        Raises:
            EncoderError: If a file is missing or not what the manifest says.
        """
        manifest = _read_manifest(folder)
        self.model_id: str = str(manifest["model_id"])
        self.dimension: int = int(manifest["dimension"])
        self.fingerprint: str = str(manifest["weights_sha256"])
        self.precision: str = precision or str(manifest["precision"])
        if self.precision not in BATCH:
            raise EncoderError(f"{folder / MANIFEST}: precision {self.precision!r} is not one of {', '.join(BATCH)}.")
        model = folder / f"model.{self.precision}.onnx"
        if not model.is_file():
            raise EncoderError(f"{model}: missing. Run `make build` to export the encoder again.")
        self._tokenizer = _read_tokenizer(folder / "tokenizer.json")
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = _open_session(model, options)
        self._inputs = {node.name for node in self._session.get_inputs()}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts.

        Args:
            texts: Any number of texts; those over 256 tokens are cut.

        Returns:
            Array of shape (len(texts), dimension), float32, each row of length 1. Equal texts give equal rows.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        # Texts of like length share a batch, so that a short one does not pay for a long one's padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        step = BATCH[self.precision]
        for start in range(0, len(order), step):
            chosen = order[start : start + step]
            rows[chosen] = self._encode_batch([texts[i] for i in chosen])
        return rows

    def _encode_batch(self, texts: list[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch(texts)
        mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
        feed: dict[str, Any] = {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        tokens = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})[0]
        return _unit_mean(np.asarray(tokens, dtype=np.float32), mask)


def _unit_mean(tokens: Vectors, mask: npt.NDArray[np.int64]) -> Vectors:
    """Mean of each text's own tokens (padding left out), scaled to length 1. Shapes (n, t, d), (n, t) -> (n, d)."""
    weights = mask[:, :, None].astype(np.float32)
    mean = (tokens * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    unit: Vectors = (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no narrower one
        raise EncoderError(f"{path}: missing or damaged. Delete its folder and run `make build`.") from error


def _open_session(model: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise EncoderError(f"{model}: damaged. Delete its folder and run `make build`.") from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EncoderError(f"{path}: missing. Run `make build` to export the encoder.") from error
    except ValueError as error:
        raise EncoderError(f"{path}: not valid JSON ({error}). Delete the folder and run `make build`.") from error
    wanted = {"model_id", "dimension", "precision", "weights_sha256"}
    missing = wanted - set(manifest if isinstance(manifest, dict) else ())
    if missing:
        raise EncoderError(f"{path}: lacks {', '.join(sorted(missing))}. Delete the folder and run `make build`.")
    return dict(manifest)
