"""Varies training messages the way people vary: typos, lost punctuation, courtesy, and an ordinary question around them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from bot.safety.learning.data import Example
from bot.safety.normalise import Normaliser

BEFORE = (
    "hi", "hello", "good morning", "hey there", "sorry to bother you", "quick question", "ok so", "um", "hi doc", "excuse me",
    "thank you for your help", "please help", "just wondering", "not sure who to ask", "hola", "buenos dias", "long time reader",
)  # fmt: skip
AFTER = (
    "thanks", "thank you so much", "thx", "please advise", "any ideas", "what do you think", "lol", "ty in advance", "gracias",
    "god bless", "sorry for the long message", "anyway", "what should i do", "is that normal", "no rush", "hope you are well",
)  # fmt: skip
NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", (
    "qsz vgn xvd sfe wrd dgr fht gjy uok hkn jli ko n bm ipl ol wa etf adw ryg yij cb qes zc tuh xs".split()
), strict=True))  # fmt: skip
"""Keys beside each other on a keyboard."""

UNTOUCHED = 0.3
SHORT = 260
"""Characters: longer messages get no company."""


class Augmenter:
    """Makes each epoch's version of the training set."""

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        """Remember the messages that others may be put next to."""
        self._random = random.Random(seed)
        self._normalise = Normaliser()
        self._ordinary = [e for e in examples if e.ordinary and len(e.text) < 160]
        self._benign = [e for e in examples if e.group == 0 and len(e.text) < 200]

    def __call__(self, examples: Sequence[Example]) -> list[tuple[str, int]]:
        """One version of each message: what the classifier reads, and the group."""
        return [(self._one(example), example.group) for example in examples]

    def _one(self, example: Example) -> str:
        chance = self._random.random
        if chance() < UNTOUCHED:
            return example.read
        text = self._company(example)
        if chance() < 0.15:
            text = self._courtesy(text)
        if chance() < 0.22:
            text = self._typos(text)
        if chance() < 0.15:
            text = re.sub(r"[.,;:!?\n\-\"()]+", " ", text)
        message = self._normalise(text)
        read = message.stretch(0, len(message.words))
        return " ".join(word for word in read.split(" ") if chance() > 0.08) if chance() < 0.12 else read

    def _company(self, example: Example) -> str:
        """The message with another, benign one beside it, which never changes what it is."""
        chance, text = self._random.random, example.text
        if len(text) >= SHORT:
            return text
        if chance() < 0.36:
            drawn = [self._random.choice(self._ordinary) for _ in range(4)]
            other = next((o for o in drawn if o.lang == example.lang), drawn[0]).text
            text = f"{other} {text}" if chance() < 0.5 else f"{text} {other}"
            return f"{text}\n{self._random.choice(self._ordinary).text}" if chance() < 0.25 else text
        if chance() < 0.07:
            other = self._random.choice(self._benign).text
            return f"{other} {text}" if chance() < 0.5 else f"{text} {other}"
        return text

    def _courtesy(self, text: str) -> str:
        if self._random.random() < 0.6:
            return self._random.choice(BEFORE) + self._random.choice([", ", " ", ". ", "! "]) + text
        return text + self._random.choice([". ", " ", ", ", "... "]) + self._random.choice(AFTER)

    def _typos(self, text: str) -> str:
        words = text.split(" ")
        for place, word in enumerate(words):
            if len(word) < 4 or self._random.random() > 0.15:
                continue
            i, way = self._random.randrange(len(word) - 1), self._random.random()
            near = NEIGHBOURS.get(word[i].lower())
            if way < 0.3:
                word = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            elif way < 0.55:
                word = word[:i] + word[i + 1 :]
            elif way < 0.75:
                word = word[:i] + word[i] + word[i:]
            elif near:
                word = word[:i] + self._random.choice(near) + word[i + 1 :]
            words[place] = word
        return " ".join(words)
