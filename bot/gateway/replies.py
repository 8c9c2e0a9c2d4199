"""Reply: what a channel renders. Built from the dialogue's JSON messages, and checked on the way."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA = 1
Kind = Literal[
    "answer", "emergency", "crisis", "poison", "urgent", "no_answer", "redirect", "clinic", "callback", "menu",
    "smalltalk", "outage",
]  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Passage(_Frozen):
    """An approved passage as it is shown."""

    id: str
    heading: str
    text: str
    article: str
    source: str
    url: str
    reviewed_by: str
    reviewed_on: str


class Button(_Frozen):
    """A button. `payload` stays inside the house; the channel gets a signed value instead."""

    label: str
    payload: str


class Reply(_Frozen):
    """One message to the patient. An answer cannot be built without passages and disclaimer."""

    id: str = Field(default_factory=lambda: secrets.token_urlsafe(12))
    kind: Kind
    text: str = ""
    passages: tuple[Passage, ...] = ()
    disclaimer: str | None = None
    notice: str | None = None
    buttons: tuple[Button, ...] = ()

    @model_validator(mode="after")
    def _answers_are_complete(self) -> Reply:
        if self.passages and not (self.disclaimer or "").strip():
            raise ValueError("passages cannot be shown without the disclaimer")
        if self.kind == "answer" and not self.passages:
            raise ValueError("an answer needs passages")
        if not self.passages and not self.text:
            raise ValueError("a reply needs a text or passages")
        return self

    def with_notice(self, line: str) -> Reply:
        """The same reply with `line` first in its notice."""
        notice = f"{line}\n{self.notice}" if self.notice else line
        return self.model_copy(update={"notice": notice})


def reply_from_message(message: Mapping[str, Any]) -> Reply:
    """Build a Reply from one JSON message of the dialogue or the safety screen.

    Raises:
        ValueError: If it is of another schema or lacks what its kind needs (pydantic's error is a ValueError).
    """
    if message.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"message of schema {message.get('schema')!r}, not {SCHEMA}")
    return Reply.model_validate({key: value for key, value in message.items() if key != "id" and value is not None})
