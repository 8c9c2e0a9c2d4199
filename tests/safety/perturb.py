"""Shakes messages the way people type, with a fixed seed: a red flag must survive it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

SEED = 20240
POLITE_BEFORE = ("Hello, ", "Sorry to bother you, ", "Hi there! ", "ok so ", "Good evening. ", "Quick question: ")
POLITE_AFTER = (", thank you", " thanks so much!", ". Please advise.", " ty", ". Have a blessed day", " lol")
EVERYDAY = (
    "What foods have a lot of fiber?",
    "Is oatmeal good for breakfast?",
    "Do you have anything on sleep?",
    "My sister likes yogurt.",
    "What time do you open on Friday?",
    "Can I drink coffee with IBS?",
)
EMOJI = ("🙏", "😩", "😭", "🤔", "😬")
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb",
    "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
"""Keys beside each other on a keyboard."""


def typos(text: str, rng: random.Random) -> str:
    """About one letter in twenty-five wrong: swapped, dropped, doubled or the key beside it."""
    letters = list(text)
    spots = [i for i, letter in enumerate(letters[:-1]) if letter.isalpha() and letters[i + 1].isalpha()]
    for spot in rng.sample(spots, k=min(len(spots), max(1, len(spots) // 25))):
        letter, way = letters[spot], rng.randrange(4)
        if way == 0:
            letters[spot], letters[spot + 1] = letters[spot + 1], letter
        elif way == 1:
            letters[spot] = ""
        elif way == 2:
            letters[spot] = letter * 2
        else:
            letters[spot] = rng.choice(NEIGHBOURS.get(letter.lower(), letter))
    return "".join(letters)


def case(text: str, rng: random.Random) -> str:
    """All capitals, all small, or as it falls."""
    return rng.choice([str.upper, str.lower, str.swapcase])(text)


def punctuation(text: str, rng: random.Random) -> str:
    """No punctuation at all, or far too much."""
    if rng.random() < 0.5:
        return re.sub(r"[.,;:!?\"()\-]+", " ", text)
    return re.sub(r"[.!?]", lambda mark: mark.group() * 3, text) + "!!!"


def emoji(text: str, rng: random.Random) -> str:
    """An emoji somewhere between words, and one at the end."""
    words = text.split(" ")
    words.insert(rng.randrange(len(words) + 1), rng.choice(EMOJI))
    return " ".join([*words, rng.choice(EMOJI)])


def politeness(text: str, rng: random.Random) -> str:
    """Wrapped in courtesy."""
    return f"{rng.choice(POLITE_BEFORE)}{text.rstrip('.')}{rng.choice(POLITE_AFTER)}"


def everyday_question(text: str, rng: random.Random) -> str:
    """An ordinary question of the topic before or after it."""
    other = rng.choice(EVERYDAY)
    return f"{other} {text}" if rng.random() < 0.5 else f"{text} {other}"


PERTURBATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": typos,
    "case": case,
    "punctuation": punctuation,
    "emoji": emoji,
    "politeness": politeness,
    "everyday question": everyday_question,
}


def perturbed(name: str, identifier: str, text: str) -> str:
    """A message shaken in one way, the same way each time."""
    # A string seed hashes the same in every process, unlike `hash`.
    return PERTURBATIONS[name](text, random.Random(f"{SEED}-{name}-{identifier}"))
