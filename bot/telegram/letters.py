"""Letters: what is sent to Telegram, as the outbox keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Method = Literal["message", "document", "keyboard"]
Keyboard = list[list[tuple[str, str]]]
"""Rows of buttons: each has a label and what it carries."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter before it is in the outbox.

    Attributes:
        method: A text message, a file, or new buttons for a message that was sent before.
        chat_id: Where it goes.
        body: What `post.post` needs for the method; JSON.
        kind: The kind of the reply it comes from; `other` when it comes from none.
        urgent: Emergencies: sent before everything else, past every limit of ours.
    """

    method: Method
    chat_id: int
    body: dict[str, Any]
    kind: str = "other"
    urgent: bool = False

    def moved(self, chat_id: int) -> Draft:
        """The same for another chat: a group's id changes when it grows."""
        return replace(self, chat_id=chat_id)


@dataclass(frozen=True, slots=True)
class Letter:
    """A draft with its place in the outbox. `not_before` is a Unix time."""

    id: int
    person: str
    draft: Draft
    attempts: int = field(default=0)
    not_before: float = field(default=0.0)
