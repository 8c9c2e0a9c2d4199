"""Writes a trained network as the numbers that `bot.safety.classifier` reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.safety.learning.graph import write_graph
from bot.safety.learning.network import WEIGHTS, Network
from bot.safety.model_shape import LAYERS, MAX_TOKENS
from bot.safety.sequences import SequenceModel

LARGEST = 63
"""Weights take seven bits: with eight, processors without VNNI overflow when they add two products."""

_DENSE = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
}
_NORM = {"norm1": "attention.output.LayerNorm", "norm2": "output.LayerNorm"}


def export(network: Network, sequences: SequenceModel, folder: Path, settings: Mapping[str, Any]) -> None:
    """Write `weights.npz`, `sequences.npz`, `graph.onnx` and `model.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_graph(folder / "graph.onnx")
    with (folder / "weights.npz").open("wb") as file:
        np.savez(file, **weights(network))  # type: ignore[arg-type]  # numpy's stub reads **kwds as allow_pickle
    with (folder / "sequences.npz").open("wb") as file:
        np.savez_compressed(file, **sequences.to_arrays())  # type: ignore[arg-type]
    text = json.dumps({"encoder_sha256": encoder_fingerprint(), **settings}, indent=2)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def encoder_fingerprint() -> str:
    """SHA-256 of all-MiniLM-L6-v2's weights, as `encoder.json` of the exported encoder has it."""
    return hashlib.sha256((Path(WEIGHTS) / "model.safetensors").read_bytes()).hexdigest()


def weights(network: Network) -> dict[str, npt.NDArray[Any]]:
    """The network's numbers: dense layers as int8 with a scale a column, the rest as float16 or float32."""
    state = {name: value.detach().float().numpy() for name, value in network.state_dict().items()}
    prefix = "encoder.embeddings."
    places = (
        state[prefix + "position_embeddings.weight"][:MAX_TOKENS] + state[prefix + "token_type_embeddings.weight"][0]
    )
    found: dict[str, npt.NDArray[Any]] = {
        "places": places.astype(np.float16),
        "embeddings.scale": state[prefix + "LayerNorm.weight"],
        "embeddings.bias": state[prefix + "LayerNorm.bias"],
        "head.weight": state["head.weight"].T,
        "head.bias": state["head.bias"],
    }
    for i in range(LAYERS):
        for ours, theirs in _DENSE.items():
            name = f"encoder.encoder.layer.{i}.{theirs}"
            quantised, scale = quantise(state[f"{name}.weight"].T)
            found[f"layer.{i}.{ours}.weight"] = quantised
            found[f"layer.{i}.{ours}.scale"] = scale
            found[f"layer.{i}.{ours}.bias"] = state[f"{name}.bias"]
        for ours, theirs in _NORM.items():
            found[f"layer.{i}.{ours}.scale"] = state[f"encoder.encoder.layer.{i}.{theirs}.weight"]
            found[f"layer.{i}.{ours}.bias"] = state[f"encoder.encoder.layer.{i}.{theirs}.bias"]
    return found


def quantise(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Seven-bit integers and a scale a column; `integers * scale` is the weight again, nearly."""
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / LARGEST
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)
