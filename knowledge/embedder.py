"""Embeds passages with sentence-transformers, and exports its model once for everything that runs without torch.

Heavy: importing this module imports torch. Only the build does.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

os.environ["HF_HUB_OFFLINE"] = "1"  # before sentence_transformers is imported: nothing is ever fetched from a hub

import transformers
from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

from knowledge.encoder import MANIFEST, MAX_TOKENS, Vectors
from knowledge.weights import DIMENSION, model_folder

transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
logging.getLogger("sentence_transformers").setLevel(logging.ERROR)  # it advises to save the export, which we do


class PassageEmbedder:
    """sentence-transformers' encoding of all-MiniLM-L6-v2, used for the articles at build time.

    It runs the exported fp32 file, which takes a third of the time that torch takes and gives the same six digits.
    """

    def __init__(self, encoder: Path) -> None:
        """Open the model.

        Args:
            encoder: Where `export_encoder` wrote it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            shutil.copytree(model_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors", "onnx"))
            (folder / "onnx").mkdir()
            (folder / "onnx" / "model.onnx").symlink_to((encoder / "model.fp32.onnx").resolve())
            self._model = SentenceTransformer(
                str(folder),
                backend="onnx",
                device="cpu",
                model_kwargs={"provider": "CPUExecutionProvider", "file_name": "onnx/model.onnx"},
            )
        self._model.max_seq_length = MAX_TOKENS

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], object] | None = None) -> Vectors:
        """Encode texts.

        Args:
            texts: Any number of texts.
            progress: Called with the number of texts done, from time to time.

        Returns:
            Array of shape (len(texts), 384), float32, rows of length 1.
        """
        rows = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        # Longest first, as sentence-transformers does itself: texts of like length share a batch.
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(order), 256):
            chosen = order[start : start + 256]
            rows[chosen] = self._model.encode(
                [texts[i] for i in chosen], batch_size=32, normalize_embeddings=True, show_progress_bar=False
            )
            if progress:
                progress(len(chosen))
        return rows


def export_encoder(folder: Path, manifest: dict[str, Any]) -> None:
    """Export the encoder to `folder`, whole or not at all: fp32 everywhere, int8 where `manifest` names it.

    Args:
        folder: Where to; what stands there goes on serving until the new one is complete.
        manifest: `knowledge.weights.export_manifest()`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".staged-") as scratch:
        staged = Path(scratch) / "encoder"
        staged.mkdir()
        _export_models(Path(scratch), staged, manifest["instruction_set"])
        (staged / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        old = Path(scratch) / "old"
        if folder.exists():
            folder.rename(old)
        try:
            staged.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def _export_models(scratch: Path, staged: Path, instruction_set: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of constants that are constant
        model = SentenceTransformer(
            str(model_folder()),
            backend="onnx",
            model_kwargs={"export": True, "provider": "CPUExecutionProvider"},
        )
    raw = scratch / "raw"
    model.save_pretrained(str(raw))
    shutil.copy(raw / "onnx" / "model.onnx", staged / "model.fp32.onnx")
    shutil.copy(raw / "tokenizer.json", staged / "tokenizer.json")
    if instruction_set:
        export_dynamic_quantized_onnx_model(model, instruction_set, str(raw))
        quantised = next((raw / "onnx").glob("model_q*int8*.onnx"))
        shutil.copy(quantised, staged / "model.int8.onnx")
