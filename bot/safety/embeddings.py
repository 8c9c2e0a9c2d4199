"""Reads the word vectors out of the exported encoder without loading it.

The classifier shares all-MiniLM-L6-v2's word vectors (47 MB) and ships only its own layers. An ONNX file is a protocol-buffer
message; the table stands in it as one run of bytes, which is mapped into memory, so that only the rows in use are read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.safety.errors import SafetyDataError

NAME = b"embeddings.word_embeddings.weight"

# Field numbers of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.{dims, data_type, name, raw_data}
_GRAPH, _INITIALIZER, _DIMS, _TYPE, _NAME, _RAW = 7, 5, 1, 2, 8, 9
_FLOAT = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def word_vectors(model: Path) -> npt.NDArray[np.float32]:
    """The table of word vectors of an fp32 ONNX export.

    Args:
        model: `model.fp32.onnx` of the exported encoder.

    Returns:
        Array of shape (vocabulary, hidden), float32, mapped read-only from the file.

    Raises:
        SafetyDataError: If the file is missing or holds no such table.
    """
    try:
        with model.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start, rows, columns = _find(data)
    except (OSError, ValueError, IndexError) as error:
        raise SafetyDataError(
            f"{model}: holds no word vectors ({error}). Run `make build` to export the encoder."
        ) from error
    return np.frombuffer(data, dtype="<f4", count=rows * columns, offset=start).reshape(rows, columns)


def _find(data: mmap.mmap) -> tuple[int, int, int]:
    """Offset of the table's bytes, its rows and its columns."""
    for field, start, end in _fields(data, 0, len(data)):
        if field != _GRAPH:
            continue
        for inner, first, last in _fields(data, start, end):
            if inner != _INITIALIZER:
                continue
            found = _table(data, first, last)
            if found:
                return found
    raise ValueError("no tensor of that name")


def _table(data: mmap.mmap, start: int, end: int) -> tuple[int, int, int] | None:
    dims: list[int] = []
    name, kind, raw = b"", 0, (0, 0)
    for field, first, last in _fields(data, start, end):
        if field == _DIMS:
            while first < last:  # packed or not, a dimension is a varint
                value, first = _varint(data, first)
                dims.append(value)
        elif field == _TYPE:
            kind, _ = _varint(data, first)
        elif field == _NAME:
            name = data[first:last]
        elif field == _RAW:
            raw = (first, last)
    if name != NAME or kind != _FLOAT or len(dims) != 2 or raw[1] - raw[0] != dims[0] * dims[1] * 4:
        return None
    return raw[0], dims[0], dims[1]


def _fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number and extent of each field of the message that stands between two offsets."""
    while position < end:
        key, position = _varint(data, position)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            start = position
            _, position = _varint(data, position)
            yield field, start, position
        elif wire == _BYTES:
            length, position = _varint(data, position)
            yield field, position, position + length
            position += length
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
            yield field, position, position + size
            position += size
        else:
            raise ValueError(f"wire type {wire} at byte {position}")


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
