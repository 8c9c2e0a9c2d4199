"""Cuts a message into what is read at once: windows of a very long one, and stretches in which a single line may hide."""

from __future__ import annotations

from bot.safety.normalise import COMMA, Message

WINDOW = 90
"""Words that are read at once. A longer message is read in windows that overlap by a fifth."""

LONG = 45
"""Words: in a message longer than this, one line may hide, so it is also read stretch by stretch."""

STRETCH = (8, 34)
"""Fewest and most words of one stretch."""

DOUBT = 2.5
"""By how much a stretch must score higher than the whole to count: out of its surroundings a line sounds worse than it is."""

MOST_STRETCHES = 40


def parts(message: Message) -> list[tuple[str, float]]:
    """Each text to score for a message, and the doubt to take off its score: none for the whole, `DOUBT` for a stretch."""
    found = [(message.stretch(start, end), 0.0) for start, end in windows(message)]
    if len(message.words) > LONG:
        found.extend((message.stretch(start, end), DOUBT) for start, end in stretches(message))
    return found


def windows(message: Message) -> list[tuple[int, int]]:
    """First word and the word after the last of each window; a message of usual length is one window."""
    total = len(message.words)
    if total <= WINDOW:
        return [(0, total)]
    step = WINDOW - WINDOW // 5
    return [(start, min(start + WINDOW, total)) for start in range(0, total - WINDOW // 5, step)]


def stretches(message: Message) -> list[tuple[int, int]]:
    """Cut a message into stretches: sentences, short ones joined, long ones cut at commas.

    Returns:
        First word and the word after the last of each; from both ends of the message when there are very many.
    """
    fewest, most = STRETCH
    found: list[tuple[int, int]] = []
    start = 0
    for _, end in message.sentences:
        if end - start >= fewest:
            found.extend(_cut(message, start, end, most))
            start = end
    if start < len(message.words):
        found.append((max(0, min(start, len(message.words) - fewest)), len(message.words)))
    if len(found) > MOST_STRETCHES:
        found = found[: MOST_STRETCHES // 2] + found[-MOST_STRETCHES // 2 :]
    return found


def _cut(message: Message, start: int, end: int, most: int) -> list[tuple[int, int]]:
    pieces = []
    while end - start > most:
        commas = [i for i in range(start + most // 2, start + most) if message.boundaries[i] >= COMMA]
        cut = commas[-1] if commas else start + most
        pieces.append((start, cut))
        # Without a comma to cut at, the next piece begins a little earlier, so that no phrase falls between two.
        start = cut if commas else cut - most // 4
    return [*pieces, (start, end)]
