"""Reply -> Telegram messages: HTML, escaped by construction, each within Telegram's limit."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from bot.gateway.replies import Passage, Reply

LIMIT = 4096
"""Characters of one message after Telegram has parsed its entities."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text with at most one mark: b(old), i(talic) or none."""

    text: str
    mark: str = ""

    def html(self) -> str:
        """The part as Telegram's HTML."""
        body = escape(self.text, quote=False)
        return f"<{self.mark}>{body}</{self.mark}>" if self.mark else body


def render(reply: Reply) -> list[str]:
    """Render a reply as one or more HTML messages; the disclaimer stands in the message of its passage.

    Text is cut before it is escaped, between lines or else at spaces, so that no entity is ever split.
    """
    messages: list[list[Part]] = []
    lead = [Part(reply.notice, "i")] if reply.notice else []
    if reply.text:
        lead.append(Part(reply.text))
    if not reply.passages:
        messages.append(lead)
    for passage in reply.passages:
        foot = [Part(_credit(passage), "i"), Part(reply.disclaimer or "", "i")]
        messages.append([*lead, Part(passage.heading, "b"), Part(passage.text), *foot])
        lead = []
    return [html for parts in messages for html in _within_limit(parts)]


def _credit(passage: Passage) -> str:
    return f"Source: {passage.source}. {passage.url}\nReviewed: {passage.reviewed_by}, {passage.reviewed_on}"


def _within_limit(parts: list[Part]) -> list[str]:
    """Join parts with blank lines into messages of at most `LIMIT` characters; the last two parts stay together."""
    messages: list[str] = []
    current: list[Part] = []
    size = 0
    for part in (piece for part in parts for piece in _pieces(part)):
        if current and size + 2 + len(part.text) > LIMIT:
            messages.append("\n\n".join(p.html() for p in current))
            current, size = [], 0
        current.append(part)
        size += len(part.text) + 2
    if current:
        messages.append("\n\n".join(p.html() for p in current))
    return messages


def _pieces(part: Part) -> list[Part]:
    pieces = []
    rest = part.text
    while len(rest) > LIMIT:
        cut = max(rest.rfind("\n", 1, LIMIT), rest.rfind(". ", 1, LIMIT) + 1, 0) or rest.rfind(" ", 1, LIMIT)
        cut = cut if cut > 0 else LIMIT
        pieces.append(Part(rest[:cut].rstrip(), part.mark))
        rest = rest[cut:].lstrip()
    return [*pieces, Part(rest, part.mark)] if rest else pieces
