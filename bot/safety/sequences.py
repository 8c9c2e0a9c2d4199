"""A second, plainer opinion: a linear model over the letter and word sequences of a message.

It knows less than the transformer and errs differently, which is its use: misspelt and invented words share sequences with
known ones. Sequences are known by their CRC-32, so that a sorted array of numbers is the whole vocabulary.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

LETTERS = (2, 5)
"""Shortest and longest run of letters, within a word and the spaces around it."""

WORDS = 3
"""Longest run of words."""

_WORD = re.compile(r"[a-z0-9.]+")


def sequences(text: str) -> Iterator[bytes]:
    """The runs of letters and of words in a normalised text, with repeats."""
    for word in text.split(" "):
        padded = f" {word} ".encode()
        shortest, longest = LETTERS
        for length in range(shortest, min(longest, len(padded)) + 1):
            for start in range(len(padded) - length + 1):
                yield padded[start : start + length]
    words = _WORD.findall(text)
    for length in range(1, WORDS + 1):
        for start in range(len(words) - length + 1):
            yield b"\x01" + " ".join(words[start : start + length]).encode()


def counted(text: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    """The distinct sequences of a text as sorted CRC-32 numbers, and 1 + ln(count) of each."""
    crc = zlib.crc32
    numbers, counts = np.unique(
        np.fromiter((crc(sequence) for sequence in sequences(text)), dtype=np.uint32), return_counts=True
    )
    return numbers, (1 + np.log(counts)).astype(np.float32)


@dataclass(frozen=True)
class SequenceModel:
    """The linear model.

    Attributes:
        keys: CRC-32 of each known sequence, ascending.
        rarity: Inverse document frequency of each.
        weights: What each adds to the score.
        bias: The score of a text without known sequences.
        group_keys: CRC-32 of each word that tells groups apart, ascending.
        group_weights: What each adds to the score of groups 1 to 21, shape (words, 21).
        group_bias: The groups' scores without such words, shape (21,).
    """

    keys: npt.NDArray[np.uint32]
    rarity: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    bias: float
    group_keys: npt.NDArray[np.uint32]
    group_weights: npt.NDArray[np.float32]
    group_bias: npt.NDArray[np.float32]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> SequenceModel:
        """Take the arrays of `to_arrays`.

        Raises:
            KeyError: If one is missing.
        """
        floats = {name: arrays[name].astype(np.float32) for name in _FLOATS}
        return cls(arrays["keys"], bias=float(arrays["bias"]), group_keys=arrays["group_keys"], **floats)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The numbers by name, weights as float16."""
        halves = {name: getattr(self, name).astype(np.float16) for name in _FLOATS}
        bias = np.array(self.bias, dtype=np.float32)
        return {"keys": self.keys, "bias": bias, "group_keys": self.group_keys, **halves}

    def score(self, text: str) -> float:
        """Log odds of a red flag."""
        numbers, counts = counted(text)
        places, known = look_up(self.keys, numbers)
        values = counts[known] * self.rarity[places]
        length = float(np.sqrt((values * values).sum()))
        return self.bias + (float(values @ self.weights[places]) / length if length else 0.0)

    def groups(self, text: str) -> npt.NDArray[np.float32]:
        """Log probability of each group 1 to 21, if it is one."""
        places, _ = look_up(self.group_keys, word_numbers(text))
        return log_softmax(self.group_weights[places].sum(axis=0) + self.group_bias)


_FLOATS = ("rarity", "weights", "group_weights", "group_bias")


def word_numbers(text: str) -> npt.NDArray[np.uint32]:
    """CRC-32 of the distinct words and pairs of words of a text, ascending."""
    words = _WORD.findall(text)
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    return np.unique(np.fromiter((zlib.crc32(word.encode()) for word in [*words, *pairs]), dtype=np.uint32))


def look_up(
    keys: npt.NDArray[np.uint32], numbers: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where in the ascending `keys` each known one of `numbers` stands, and which of them are known."""
    if not len(keys):
        return np.zeros(0, dtype=np.intp), np.zeros(len(numbers), dtype=np.bool_)
    places = np.minimum(np.searchsorted(keys, numbers), len(keys) - 1)
    known = keys[places] == numbers
    return places[known], known


def log_softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores as log probabilities."""
    shifted = scores - scores.max()
    logs: npt.NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum())
    return logs
