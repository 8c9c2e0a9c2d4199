"""Telegram, through python-telegram-bot, in the gateway's process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.error import InvalidToken, TelegramError
from telegram.ext import (
    AIORateLimiter,
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.gateway import words
from bot.gateway.conversation import Incoming
from bot.gateway.replies import Button, Reply
from bot.telegram.render import render

if TYPE_CHECKING:
    from bot.gateway.house import House

logger = logging.getLogger("vagus.telegram")

HELP_PAYLOAD = "/help"


class TelegramFront:
    """Receives updates by polling and answers through the same conversations as the web."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._app: Application[Bot, Any, Any, Any, Any, Any] | None = None

    async def start(self) -> None:
        """Start polling. A bad token is logged clearly, and the rest of the gateway runs on."""
        builder = ApplicationBuilder().token(self._house.settings.telegram_token)
        builder = builder.base_url(self._house.settings.telegram_api).rate_limiter(AIORateLimiter(max_retries=3))
        app = builder.concurrent_updates(True).build()
        message = filters.UpdateType.MESSAGE & filters.TEXT
        app.add_handler(MessageHandler(message, self._on_text))
        app.add_handler(CallbackQueryHandler(self._on_button))
        app.add_error_handler(self._on_error)
        try:
            await app.initialize()
            if app.updater is None:
                raise RuntimeError("python-telegram-bot was built without an updater")
            await app.updater.start_polling(allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY])
            await app.start()
        except InvalidToken:
            logger.error("TELEGRAM_TOKEN: refused by Telegram. Copy it again from BotFather. Telegram stays off.")
            return
        except TelegramError as error:
            logger.error("Telegram cannot be reached (%s); it stays off until the next start", type(error).__name__)
            return
        self._app = app
        logger.info("Telegram is on (polling)")

    async def stop(self) -> None:
        """Stop polling and finish what was received."""
        if self._app is None:
            return
        if self._app.updater is not None:
            await self._app.updater.stop()
        await self._app.stop()
        await self._app.shutdown()

    async def _on_text(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        del context
        message, chat = update.message, update.effective_chat
        if message is None or chat is None or message.text is None:
            return
        session_id = await self._session(chat.id)
        if message.text.split("@")[0].split()[0] == "/start":
            await self._send(chat.id, session_id, [words.greeting(self._house.clinic)], stored=False)
            return
        text = "help" if message.text.startswith("/help") else message.text
        incoming = Incoming(message_id=f"tg-{update.update_id}", text=text)
        await self._send(chat.id, session_id, await self._house.conversations.handle(session_id, incoming))

    async def _on_button(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        del context
        query, chat = update.callback_query, update.effective_chat
        if query is None or chat is None or query.data is None:
            return
        await query.answer()
        session_id = await self._session(chat.id)
        incoming = Incoming(message_id=f"tg-{update.update_id}", button=query.data)
        await self._send(chat.id, session_id, await self._house.conversations.handle(session_id, incoming))

    async def _on_error(self, update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
        del update
        logger.error("update failed: %s", type(context.error).__name__)

    async def _session(self, chat_id: int) -> str:
        """The chat's session: a keyed hash, so that the chat id itself is stored nowhere."""
        session_id = self._house.signatures.keyed_id(f"telegram:{chat_id}")
        await self._house.in_thread(
            self._house.store.open_session, session_id, "telegram", self._house.conversations.lifetime
        )
        return session_id

    async def _send(self, chat_id: int, session_id: str, replies: list[Reply], *, stored: bool = True) -> None:
        if self._app is None:
            return
        if not stored:
            await self._house.in_thread(self._house.store.add_replies, session_id, replies)
        for reply in replies:
            texts = render(reply)
            keyboard = self._keyboard(session_id, reply)
            for position, text in enumerate(texts):
                await self._app.bot.send_message(
                    chat_id,
                    text,
                    parse_mode=ParseMode.HTML,
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                    reply_markup=keyboard if position == len(texts) - 1 else None,
                )

    def _keyboard(self, session_id: str, reply: Reply) -> InlineKeyboardMarkup | None:
        rows = [
            [InlineKeyboardButton(button.label, callback_data=self._value(session_id, reply, position))]
            for position, button in enumerate(reply.buttons)
            if _fits_telegram(button)
        ]
        return InlineKeyboardMarkup(rows) if rows else None

    def _value(self, session_id: str, reply: Reply, position: int) -> str:
        return self._house.signatures.button(session_id, reply.id, position)


def _fits_telegram(button: Button) -> bool:
    """Links to `tel:` and the web client's own actions are no inline buttons; numbers in the text are tappable."""
    return button.payload.startswith(("/", "text:"))
