"""Reply -> Telegram messages: HTML, escaped by construction, each within Telegram's limit.

Text is cut before it is escaped, so that no entity is ever split. A message that shows words of a passage ends with the
disclaimer, however long the passage is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bot.gateway.replies import Button, Passage, Reply

LIMIT = 4096
"""Units of one message, counted as Telegram counts: UTF-16, after it has parsed the entities."""

GAP = "\n\n"
ALARMS = ("emergency", "crisis", "poison")

_SENTENCE_END = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)[.!?\u2026][\"'\u201d\u2019)\]]*(?=\s)"
)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text with at most one mark: b(old), i(talic) or none; and maybe the web page that it links to."""

    text: str
    mark: str = ""
    link: str = ""

    def html(self) -> str:
        """The part as Telegram's HTML."""
        body = escape(self.text, quote=False)
        if self.link:
            body = f'<a href="{escape(self.link, quote=True)}">{body}</a>'
        return f"<{self.mark}>{body}</{self.mark}>" if self.mark else body

    @property
    def size(self) -> int:
        """Its length as Telegram counts it."""
        return units(self.text)


Line = tuple[Part, ...]
"""Parts that stand side by side."""


def units(text: str) -> int:
    """The length of a text as Telegram counts it.

    Example:
        >>> units("a"), units("\U0001f600")
        (1, 2)
    """
    return len(text) + sum(character > "\uffff" for character in text)


def render(reply: Reply) -> list[str]:
    """Render a reply as one or more HTML messages; the disclaimer stands in every message that shows a passage."""
    lead: list[Line] = [(Part(reply.notice, "i"),)] if reply.notice else []
    lead += _text_lines(reply)
    if not reply.passages:
        return _messages([], [*lead, *_numbers(reply)], [])
    shown: list[str] = []
    for passage in reply.passages:
        foot = [_credit(passage), (Part(reply.disclaimer or "", "i"),)]
        shown += _messages([*lead, (Part(passage.heading, "b"),)], [(Part(passage.text),)], foot)
        lead = []
    return shown


def plain(*texts: str) -> str:
    """Paragraphs as one HTML message."""
    return GAP.join(escape(text, quote=False) for text in texts)


def numbers_missing_from(text: str, buttons: Sequence[Button]) -> list[str]:
    """Labels of the call and text buttons whose number does not stand in the text: Telegram has no such buttons."""
    digits = re.sub(r"[\s().-]", "", text)
    missing = []
    for button in buttons:
        scheme, _, number = button.payload.partition(":")
        if scheme not in ("tel", "sms") or number.lstrip("+") in digits or number.removeprefix("+1") in digits:
            continue
        missing.append(button.label if re.search(r"\d{3}", button.label) else f"{button.label}: {number}")
    return missing


def _text_lines(reply: Reply) -> list[Line]:
    if not reply.text:
        return []
    if reply.kind not in ALARMS:
        return [(Part(reply.text),)]
    first, _, rest = reply.text.partition("\n")
    return [(Part(first, "b"), Part(f"\n{rest}"))] if rest else [(Part(first, "b"),)]


def _numbers(reply: Reply) -> list[Line]:
    missing = numbers_missing_from(f"{reply.notice or ''} {reply.text}", reply.buttons)
    return [(Part("\n".join(missing)),)] if missing else []


def _credit(passage: Passage) -> Line:
    source = Part(passage.source, "i", passage.url if passage.url.startswith(("https://", "http://")) else "")
    return Part("Source: ", "i"), source, Part(f"\nReviewed: {passage.reviewed_by}, {passage.reviewed_on}", "i")


def _messages(head: list[Line], body: list[Line], foot: list[Line]) -> list[str]:
    """Messages of at most `LIMIT` units: `head` opens the first one, `foot` closes each of them."""
    foot = [line for line in foot if _size(line)]
    room = LIMIT - sum(_size(line) + len(GAP) for line in foot)
    if room < LIMIT // 4:  # a foot without measure: cut it rather than lose the words above it
        foot = [(Part(_cut(" ".join(p.text for line in foot for p in line), LIMIT // 2)[0], "i"),)]
        room = LIMIT - _size(foot[0]) - len(GAP)
    pages: list[list[Line]] = [[]]
    left = room
    for line in [*head, *body]:
        for piece in _pieces(line, left, room):
            if pages[-1] and _size(piece) > left:
                pages.append([])
                left = room
            pages[-1].append(piece)
            left -= _size(piece) + len(GAP)
    return [GAP.join("".join(part.html() for part in line) for line in [*page, *foot]) for page in pages if page]


def _pieces(line: Line, left: int, room: int) -> list[Line]:
    """A line, cut where it has to be: it fills what is left of this message, or starts the next one whole."""
    if _size(line) <= left or (_size(line) <= room and len(line) > 1):
        return [line]
    pieces: list[Line] = []
    for part in line:
        rest = part.text
        while rest:
            limit = left if not pieces and left > room // 2 else room
            piece, rest = _cut(rest, limit)
            if piece.strip():
                pieces.append((Part(piece, part.mark, part.link),))
    return pieces


def _cut(text: str, limit: int) -> tuple[str, str]:
    """Cut a text within `limit` units, after a line or a sentence if there is one, else at a space, else anywhere."""
    if units(text) <= limit:
        return text, ""
    end = _fitting(text, limit)
    window = text[: end + 1]
    for place in (
        window.rfind(GAP, 1),
        window.rfind("\n", 1),
        max((match.end() for match in _SENTENCE_END.finditer(window)), default=0),
        max((match.start() for match in _SPACE.finditer(window)), default=0),
    ):
        if end // 3 < place <= end:
            return text[:place].rstrip(), text[place:].lstrip()
    return text[:end], text[end:]


def _fitting(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` units."""
    left = limit
    for position, character in enumerate(text):
        left -= units(character)
        if left < 0:
            return position
    return len(text)


def _size(line: Line) -> int:
    return sum(part.size for part in line)
