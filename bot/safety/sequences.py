"""A second, plainer opinion: a linear model over the letter and word sequences of a message.

It knows less than the transformer and errs differently, which is its use: misspelt and invented words share sequences with
known ones. Sequences are known by their CRC-32, so that a sorted array of numbers is the whole vocabulary.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

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
    """

    keys: npt.NDArray[np.uint32]
    rarity: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    bias: float

    def score(self, text: str) -> float:
        """Log odds of a red flag."""
        numbers, counts = counted(text)
        if not len(numbers) or not len(self.keys):
            return self.bias
        places = np.minimum(np.searchsorted(self.keys, numbers), len(self.keys) - 1)
        known = self.keys[places] == numbers
        values = counts[known] * self.rarity[places[known]]
        length = float(np.sqrt((values * values).sum()))
        return self.bias + (float(values @ self.weights[places[known]]) / length if length else 0.0)
