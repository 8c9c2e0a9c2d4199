"""Writes `model/graph.onnx`: the encoder's layers and the classifier's heads as a graph without any weights.

Needs the `onnx` package, so only training runs it. The weights are given to onnxruntime beside the graph, by
`bot.safety.classifier`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from bot.safety.model_shape import HEADS, HIDDEN, INNER, LAYERS, OUTPUTS

_ONNX_TYPES = {"int8": TensorProto.INT8, "float32": TensorProto.FLOAT}


class _Graph:
    """Collects nodes and declares weights; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        self._count += 1
        names = [f"{operator.lower()}_{self._count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def one(self, operator: str, *inputs: str, **attributes: object) -> str:
        return self.node(operator, *inputs, outputs=1, **attributes)[0]

    def weight(self, name: str, kind: str, *shape: int) -> str:
        tensor = TensorProto(name=name, data_type=_ONNX_TYPES[kind], dims=list(shape))
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "given-at-load"
        self.weights.append(tensor)
        return name

    def constant(self, name: str, values: object, kind: type = np.int64) -> str:
        if all(tensor.name != name for tensor in self.constants):
            self.constants.append(onnx.numpy_helper.from_array(np.array(values, dtype=kind), name))
        return name

    def quantised(self, value: str) -> list[str]:
        return self.node("DynamicQuantizeLinear", value, outputs=3)

    def linear(self, name: str, quantised: list[str], inputs: int, outputs: int) -> str:
        """A dense layer with int8 weights, one scale a column."""
        weight = self.weight(f"{name}.weight", "int8", inputs, outputs)
        total = self.one("MatMulInteger", quantised[0], weight, quantised[2])
        scale = self.one("Mul", quantised[1], self.weight(f"{name}.scale", "float32", outputs))
        scaled = self.one("Mul", self.one("Cast", total, to=TensorProto.FLOAT), scale)
        return self.one("Add", scaled, self.weight(f"{name}.bias", "float32", outputs))

    def norm(self, name: str, value: str) -> str:
        scale = self.weight(f"{name}.scale", "float32", HIDDEN)
        return self.one(
            "LayerNormalization", value, scale, self.weight(f"{name}.bias", "float32", HIDDEN), axis=-1, epsilon=1e-12
        )

    def heads(self, value: str, *, swap: bool) -> str:
        shape = self.constant("split", [0, 0, HEADS, HIDDEN // HEADS])
        return self.one("Transpose", self.one("Reshape", value, shape), perm=[0, 2, 3, 1] if swap else [0, 2, 1, 3])


def write_graph(path: Path) -> None:
    """Write the graph. Input `x` (1, tokens, 384): summed embeddings. Output `scores` (1, 23): flag, then groups 0 to 21."""
    graph = _Graph()
    value = graph.norm("embeddings", "x")
    for i in range(LAYERS):
        value = _layer(graph, f"layer.{i}", value)
    pooled = graph.one("ReduceMean", value, graph.constant("tokens", [1]), keepdims=0)
    weight = graph.weight("head.weight", "float32", HIDDEN, OUTPUTS)
    graph.nodes.append(
        helper.make_node("Gemm", [pooled, weight, graph.weight("head.bias", "float32", OUTPUTS)], ["scores"])
    )
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "safety",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "tokens", HIDDEN])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, OUTPUTS])],
            initializer=[*graph.constants, *graph.weights],
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
        producer_name="bot.safety",
    )
    path.write_bytes(model.SerializeToString())


def _layer(graph: _Graph, name: str, value: str) -> str:
    quantised = graph.quantised(value)
    query = graph.heads(graph.linear(f"{name}.query", quantised, HIDDEN, HIDDEN), swap=False)
    key = graph.heads(graph.linear(f"{name}.key", quantised, HIDDEN, HIDDEN), swap=True)
    values = graph.heads(graph.linear(f"{name}.value", quantised, HIDDEN, HIDDEN), swap=False)
    scale = graph.constant("scale", (HIDDEN // HEADS) ** -0.5, np.float32)
    weights = graph.one("Softmax", graph.one("Mul", graph.one("MatMul", query, key), scale), axis=-1)
    mixed = graph.one("Transpose", graph.one("MatMul", weights, values), perm=[0, 2, 1, 3])
    mixed = graph.one("Reshape", mixed, graph.constant("join", [0, 0, HIDDEN]))
    attended = graph.linear(f"{name}.attended", graph.quantised(mixed), HIDDEN, HIDDEN)
    value = graph.norm(f"{name}.norm1", graph.one("Add", value, attended))
    wide = graph.one("Gelu", graph.linear(f"{name}.wide", graph.quantised(value), HIDDEN, INNER))
    narrow = graph.linear(f"{name}.narrow", graph.quantised(wide), INNER, HIDDEN)
    return graph.norm(f"{name}.norm2", graph.one("Add", value, narrow))
