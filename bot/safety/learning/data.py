"""Reads the training messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bot.safety.errors import SafetyDataError
from bot.safety.flags import GROUPS, KINDS
from bot.safety.normalise import Message, Normaliser

TRAINING = Path(__file__).parents[1] / "training"

ORDINARY = (
    "ordinary",
    "smalltalk",
    "advice",
    "long_story",
    "long story",
    "buried-benign",
    "fragment-benign",
    "ordinary-es",
)
"""Styles of benign messages that are not near-misses, in files of both; a file named `*-ordinary*` holds nothing else."""


@dataclass(frozen=True)
class Example:
    """One training message.

    Attributes:
        text: As its author wrote it.
        message: Normalised.
        group: 1 to 21, or 0 when it is no red flag.
        style: How it is written, or why it is no red flag.
        lang: "en" or "es".
        author: The first part of its file's name: whoever wrote it.
        ordinary: Whether it is benign, and not a near-miss.
    """

    text: str
    message: Message
    group: int
    style: str
    lang: str
    author: str
    ordinary: bool

    @property
    def read(self) -> str:
        """What the classifier reads."""
        return self.message.stretch(0, len(self.message.words))


def load(folder: Path = TRAINING) -> list[Example]:
    """All training messages, in a fixed order, without repeats.

    Raises:
        SafetyDataError: If there are none, or one is incomplete; the message names file and line.
    """
    normalise = Normaliser()
    examples: dict[str, Example] = {}
    for path in sorted(folder.glob("*.jsonl")):
        all_ordinary = "ordinary" in path.stem and "near-misses" not in path.stem
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                data = json.loads(line)
                text, group, kind = data["text"], data["group"], data["kind"]
            except (ValueError, KeyError) as error:
                raise SafetyDataError(f"{path}:{number}: {error!r}") from error
            if (group is None) != (kind is None) or (group is not None and (group not in GROUPS or kind not in KINDS)):
                raise SafetyDataError(f"{path}:{number}: group {group!r} and kind {kind!r} do not go together")
            message = normalise(text)
            key = f"{group} {message.text}"
            if message.words and key not in examples:
                ordinary = group is None and (all_ordinary or data["style"] in ORDINARY)
                examples[key] = Example(
                    text, message, group or 0, data["style"], data["lang"], path.stem.split("-")[0], ordinary
                )
    if not examples:
        raise SafetyDataError(f"{folder}: holds no training messages")
    return list(examples.values())
