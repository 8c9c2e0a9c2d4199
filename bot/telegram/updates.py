"""Telegram's updates, cut down to what an answer needs. Whatever else Telegram tells about a person is not kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
"""What we ask Telegram for: no edits, no channel posts, no joins of others."""

ATTACHMENTS = (
    "animation", "photo", "video", "audio", "voice", "video_note", "sticker", "document", "venue", "location",
    "contact", "poll", "dice", "story", "paid_media", "checklist",
)  # fmt: skip
"""What people send instead of words. An animation is also a document, a venue also a location: the first counts."""

GROUPS = ("group", "supergroup")

Kind = Literal["message", "button", "left"]


@dataclass(frozen=True, slots=True)
class Received:
    """One update that concerns us.

    Attributes:
        update_id: Telegram's number of the update; the same update sent again has the same.
        kind: A message, a pressed button, or that the bot was blocked or removed.
        chat_id: Where to answer.
        private: Whether the chat is between this person and the bot alone.
        user_id: Who wrote or pressed.
        message_id: The message that was written, or whose button was pressed.
        thread_id: The topic of a forum group.
        text: What was written, or written under a picture.
        data: What the pressed button carries.
        query_id: What a press is acknowledged by.
        attached: What was sent besides or instead of words, such as `photo`.
        album: Name of the album it belongs to, when several pictures came at once.
        replies_to: Whose message it answers.
    """

    update_id: int
    kind: Kind
    chat_id: int
    private: bool
    user_id: int
    message_id: int = 0
    thread_id: int | None = None
    text: str = ""
    data: str = ""
    query_id: str = ""
    attached: str = ""
    album: str = ""
    replies_to: int = 0

    @property
    def name(self) -> str:
        """Who talks with us where; one conversation. In a group each person has their own."""
        return f"telegram:{self.chat_id}" if self.private else f"telegram:{self.chat_id}:{self.user_id}"

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))


def _whole(value: object) -> object:
    """Text without lone surrogates, which no database and no signature takes."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Words = Annotated[str, BeforeValidator(_whole)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _User(_Shape):
    id: Int64
    is_bot: bool = False


class _Chat(_Shape):
    id: Int64
    type: str


class _Replied(_Shape):
    sender: _User | None = Field(default=None, alias="from")


class _Message(_Shape):
    message_id: Int64
    chat: _Chat
    sender: _User | None = Field(default=None, alias="from")
    text: Words = ""
    caption: Words = ""
    message_thread_id: Int64 | None = None
    is_topic_message: bool = False
    media_group_id: str = ""
    reply_to_message: _Replied | None = None


class _Query(_Shape):
    id: str
    sender: _User = Field(alias="from")
    data: Words = ""
    message: _Message | None = None


class _Status(_Shape):
    status: str


class _Membership(_Shape):
    chat: _Chat
    sender: _User = Field(alias="from")
    new_chat_member: _Status


def update_id_of(raw: object) -> int | None:
    """The number of an update, however odd the rest of it is."""
    number = raw.get("update_id") if isinstance(raw, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63 else None


def distil(raw: object) -> Received | None:
    """What an update says to us; None when it is not for us or cannot be read. Never raises.

    Example:
        >>> person = {"id": 7, "is_bot": False}
        >>> message = {"message_id": 1, "chat": {"id": 7, "type": "private"}, "from": person, "text": "hello"}
        >>> distil({"update_id": 5, "message": message}).text
        'hello'
        >>> distil({"update_id": 6, "edited_message": message}) is None
        True
    """
    number = update_id_of(raw)
    if number is None or not isinstance(raw, Mapping):
        return None
    try:
        if "message" in raw:
            return _of_message(number, _Message.model_validate(raw["message"]), raw["message"])
        if "callback_query" in raw:
            return _of_query(number, _Query.model_validate(raw["callback_query"]))
        if "my_chat_member" in raw:
            return _of_membership(number, _Membership.model_validate(raw["my_chat_member"]))
    except (ValidationError, RecursionError):
        pass
    return None


def _of_message(number: int, message: _Message, raw: Mapping[str, Any]) -> Received | None:
    attached = next((name for name in ATTACHMENTS if raw.get(name)), "")
    text = message.text or message.caption
    if not _is_place(message.chat) or message.sender is None or message.sender.is_bot or not (text or attached):
        return None
    replied = message.reply_to_message.sender if message.reply_to_message else None
    return Received(
        update_id=number,
        kind="message",
        chat_id=message.chat.id,
        private=message.chat.type == "private",
        user_id=message.sender.id,
        message_id=message.message_id,
        thread_id=message.message_thread_id if message.is_topic_message else None,
        text=text,
        attached=attached,
        album=message.media_group_id,
        replies_to=replied.id if replied else 0,
    )


def _of_query(number: int, query: _Query) -> Received | None:
    message = query.message
    if message is None or not _is_place(message.chat):
        return None
    return Received(
        update_id=number,
        kind="button",
        chat_id=message.chat.id,
        private=message.chat.type == "private",
        user_id=query.sender.id,
        message_id=message.message_id,
        thread_id=message.message_thread_id if message.is_topic_message else None,
        data=query.data,
        query_id=query.id,
    )


def _of_membership(number: int, membership: _Membership) -> Received | None:
    if membership.new_chat_member.status not in ("kicked", "left") or not _is_place(membership.chat):
        return None
    chat = membership.chat
    return Received(
        update_id=number, kind="left", chat_id=chat.id, private=chat.type == "private", user_id=membership.sender.id
    )


def _is_place(chat: _Chat) -> bool:
    """Whether it is a chat that we answer in; channels are not."""
    return chat.type == "private" or chat.type in GROUPS
