"""One letter to Telegram, through python-telegram-bot's Bot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.constants import ParseMode

from bot.telegram.letters import Draft

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


async def post(bot: Bot, draft: Draft) -> int:
    """Send a letter; returns the number of the message that it became.

    Raises:
        TelegramError: Whatever Telegram said instead of taking it.
    """
    body = draft.body
    if draft.method == "message":
        sent = await bot.send_message(
            draft.chat_id,
            body["text"],
            parse_mode=None if body.get("bare") else ParseMode.HTML,
            link_preview_options=NO_PREVIEW,
            reply_markup=markup(body.get("keyboard") or ()),
            **_place(body),
        )
        return sent.message_id
    if draft.method == "document":
        file = io.BytesIO(body["content"].encode("utf-8"))
        sent = await bot.send_document(
            draft.chat_id, file, filename=body["name"], caption=body["caption"], **_place(body)
        )
        return sent.message_id
    await bot.edit_message_reply_markup(
        chat_id=draft.chat_id, message_id=body["message_id"], reply_markup=markup(body["keyboard"])
    )
    return int(body["message_id"])


def markup(rows: Sequence[Sequence[Sequence[str]]]) -> InlineKeyboardMarkup | None:
    """Rows of buttons as Telegram's inline keyboard; None when there are none."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in rows]
    )


def _place(body: dict[str, Any]) -> dict[str, Any]:
    """In a group: which message is answered, and in which of its topics."""
    place: dict[str, Any] = {}
    if body.get("thread"):
        place["message_thread_id"] = body["thread"]
    if body.get("reply_to"):
        place["reply_parameters"] = ReplyParameters(body["reply_to"], allow_sending_without_reply=True)
    return place
