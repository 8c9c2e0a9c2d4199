"""One frozen type per step: Article -> Document -> Passage -> Hit -> Answer or Refusal, and Approval beside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

DISCLAIMER = "This is general education, not medical advice. Talk with your own provider before you change anything in your care."
"""The standing disclaimer. `Answer` cannot be built without one, and this is the one it is built with."""

SAMPLE_NOTICE = "Sample content: this text has not been reviewed by a clinician yet."
"""What every answer says in `demo` mode."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement comes from. `key` is how the article's text cites it: `[^key]`."""

    key: str
    name: str
    year: int
    address: str


@dataclass(frozen=True, slots=True)
class Article:
    """An article as it stands in its file: front matter, and the body as Markdown."""

    slug: str
    title: str
    topics: tuple[str, ...]
    facts: tuple[str, ...]
    sources: tuple[Source, ...]
    written: date
    review_by: date
    body: str
    asks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Other ways to ask a section's question, by heading. They help to find a passage and are never shown."""
    simple: dict[str, str] = field(default_factory=dict)
    """A shorter, plainer wording of a section, by heading. Shown on "say it simpler", and approved with the section."""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the stretch of its document's text that belongs to it: `document.text[start:end]`."""

    heading: str
    start: int
    end: int
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """An article's text, cleaned: plain text without markup, paragraphs and lists kept, and its sections."""

    article: Article
    text: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit that is approved, found and shown. `document.text[start:end]` is exactly `text`."""

    article: str
    ordinal: int
    heading: str
    text: str
    start: int
    end: int
    title: str
    topics: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    asks: tuple[str, ...] = ()
    simple: str = ""

    @property
    def id(self) -> str:
        """`article-slug#ordinal`, the ordinal counted from 1."""
        return f"{self.article}#{self.ordinal}"

    @property
    def content_hash(self) -> str:
        """SHA-256 of every word a patient can be shown from this passage: heading, text and simpler wording."""
        return content_hash(self.heading, self.text, self.simple)


def content_hash(heading: str, text: str, simple: str) -> str:
    """The hash that an approval is of."""
    return hashlib.sha256("\x1f".join((heading, text, simple)).encode("utf-8")).hexdigest()


Decision = Literal["approved", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Approval:
    """One line of the ledger: what a reviewer decided about one passage hash, and until when it holds."""

    passage: str
    content_hash: str
    decision: Decision
    reviewer: str
    credential: str
    sample: bool
    at: datetime
    expires: date
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found. `score` grows with likeness; `matched` is the phrasing that was nearest."""

    passage: Passage
    score: float
    matched: str = ""


@dataclass(frozen=True, slots=True)
class Vetted:
    """A passage together with the approval that lets it be shown."""

    passage: Passage
    approval: Approval


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that the knowledge base can answer, offered as a button."""

    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Approved passages, word for word, with everything that must stand beside them.

    Raises:
        ValueError: If it lacks a passage, a source for one, or the disclaimer.
    """

    passages: tuple[Vetted, ...]
    disclaimer: str
    notice: str | None
    related: tuple[Suggestion, ...] = ()
    probability: float = 1.0
    """How likely it is that the first passage answers the question that was asked, 0 to 1, calibrated."""
    simple: bool = False
    """Show the simpler wording where a passage has one."""

    def __post_init__(self) -> None:
        if not self.passages:
            raise ValueError("an Answer needs at least one passage")
        if not self.disclaimer.strip():
            raise ValueError("an Answer needs its disclaimer")
        for vetted in self.passages:
            if not vetted.passage.sources:
                raise ValueError(f"passage {vetted.passage.id} has no source")
            approved = vetted.approval.decision == "approved"
            if not approved or vetted.approval.content_hash != vetted.passage.content_hash:
                raise ValueError(f"passage {vetted.passage.id} is not what its reviewer approved")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The honest "I don't know": nothing approved answers this question well enough."""

    nearest: tuple[Suggestion, ...] = ()
    """Questions near by that can be answered; empty when nothing is near."""
    probability: float = 0.0
