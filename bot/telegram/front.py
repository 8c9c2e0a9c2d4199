"""The Telegram front: connects the parts, says hello to Telegram, and takes updates by polling or by webhook."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from cryptography.fernet import Fernet
from sqlalchemy.exc import SQLAlchemyError
from telegram import Bot, BotCommand, MenuButtonCommands
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.gateway.house import House
from bot.gateway.security import owner_only_file
from bot.telegram import phrases
from bot.telegram.clerk import Clerk
from bot.telegram.commands import Me
from bot.telegram.mailbox import Mailbox
from bot.telegram.receiver import Receiver
from bot.telegram.sender import Sender, seconds_of
from bot.telegram.updates import ALLOWED_UPDATES, update_id_of
from knowledge.errors import SettingsError

logger = logging.getLogger("vagus.telegram")

T = TypeVar("T")

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}")
"""What BotFather hands out."""
POLL_SECONDS = 25
"""How long Telegram holds a poll open when there is nothing."""
BATCH = 100
WEBHOOK_CONNECTIONS = 40
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
SWEEP_SECONDS = 3600.0


class TelegramFront:
    """Runs in the gateway's process. Whatever goes wrong with Telegram, the gateway runs on."""

    def __init__(self, house: House) -> None:
        """Set up. Nothing is opened, sent or fetched before `start`."""
        settings = house.settings
        self._house = house
        self._polling = _request(settings.telegram_timeout, 2)
        self._bot = Bot(
            settings.telegram_token,
            base_url=settings.telegram_api,
            request=_request(settings.telegram_timeout, 256),
            get_updates_request=self._polling,
        )
        keyed_id = house.signatures.keyed_id
        self._path = keyed_id(f"telegram-webhook-path:{settings.telegram_token}")
        self._secret = keyed_id(f"telegram-webhook-secret:{settings.telegram_token}")
        self._receiver: Receiver | None = None
        self._sender: Sender | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background: the gateway does not wait for Telegram."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Take nothing more, finish what is being answered, and leave the rest to the next start."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        if self._receiver is not None:
            await self._receiver.close()
        if self._sender is not None:
            await self._sender.close()
        with suppress(TelegramError):
            await self._bot.shutdown()

    def is_door(self, path: str, secret: str) -> tuple[bool, bool]:
        """Whether a webhook call came to our path, and whether it knows the secret; both compared in constant time."""
        right_path = secrets.compare_digest(path.encode(), self._path.encode())
        right_secret = secrets.compare_digest(secret.encode(), self._secret.encode())
        return right_path and bool(self._house.settings.telegram_webhook_url), right_secret

    async def receive(self, raw: object) -> bool:
        """Take one update from the webhook; False when it is not safe yet and Telegram should send it again."""
        if self._receiver is None:
            return False
        try:
            await asyncio.shield(asyncio.create_task(self._receiver.take([raw], ordered=False)))
        except SQLAlchemyError as error:
            logger.error("an update could not be stored (%s)", type(error).__name__)
            return False
        return True

    async def _run(self) -> None:
        try:
            self._check_settings()
            key = _sealing_key(self._house.settings.var / "telegram.key")
            await self._connect(key)
        except SettingsError as error:
            logger.error("%s Telegram stays off; the rest of the gateway runs.", error)
        except Exception as error:  # the gateway runs on
            logger.error("Telegram stays off (%s); the rest of the gateway runs.", type(error).__name__)

    def _check_settings(self) -> None:
        settings = self._house.settings
        if not TOKEN.fullmatch(settings.telegram_token):
            raise SettingsError("TELEGRAM_TOKEN: not of the form 123456789:AAE... Copy it again from BotFather.")
        if settings.telegram_webhook_url and not settings.telegram_webhook_url.startswith("https://"):
            raise SettingsError("TELEGRAM_WEBHOOK_URL: must start with https://.")

    async def _connect(self, key: bytes) -> None:
        me = await self._keep_trying("getMe", self._meet)
        receiver = await self._keep_trying("opening inbox and outbox", lambda: self._open(key, me)) if me else None
        if receiver is None:
            return
        base = self._house.settings.telegram_webhook_url
        if base:
            if await self._keep_trying(
                "setWebhook", lambda: self._set_webhook(f"{base.rstrip('/')}/telegram/{self._path}")
            ):
                logger.info("Telegram is on (webhook)")
            return
        if await self._keep_trying("deleteWebhook", self._bot.delete_webhook):
            logger.info("Telegram is on (polling)")
            await self._poll(receiver)

    async def _meet(self) -> Me:
        await self._bot.initialize()
        return Me(self._bot.id, self._bot.username)

    async def _open(self, key: bytes, me: Me) -> Receiver:
        """Open inbox and outbox, and go on with what an earlier run left in them."""
        mailbox = await asyncio.to_thread(Mailbox, self._house.store.engine, key)
        unsent, unanswered = await asyncio.to_thread(lambda: (mailbox.pending(), mailbox.waiting()))
        self._sender = Sender(self._bot, mailbox, self._house.settings.telegram_messages_per_second, self._end)
        self._clerk = Clerk(self._house, mailbox, me, self._sender.unsend)
        self._receiver = Receiver(self._bot, mailbox, self._clerk, self._sender)
        self._sender.take(unsent)
        self._receiver.resume([received for _, received in unanswered])
        self._sender.spawn(self._introduce())
        self._sender.spawn(self._sweep(mailbox))
        return self._receiver

    async def _keep_trying(self, what: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """Call until it works; None when the token is refused. Errors are named, not quoted: some hold the token."""
        wait = FIRST_WAIT
        while True:
            try:
                return await call()
            except InvalidToken:
                logger.error(
                    "TELEGRAM_TOKEN: refused by Telegram. Copy it again from BotFather and restart. "
                    "Telegram stays off; the rest of the gateway runs."
                )
                return None
            except Exception as error:  # a broken answer of Telegram's can make the client raise anything
                logger.warning("Telegram: %s failed (%s); again in %.0f s", what, type(error).__name__, wait)
                await asyncio.sleep(seconds_of(error) if isinstance(error, RetryAfter) else wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _set_webhook(self, url: str) -> bool:
        return await self._bot.set_webhook(
            url, secret_token=self._secret, allowed_updates=ALLOWED_UPDATES, max_connections=WEBHOOK_CONNECTIONS
        )

    async def _poll(self, receiver: Receiver) -> None:
        """Fetch updates for ever. The offset, which acknowledges them, moves only after they are stored."""
        offset = 0
        wait = FIRST_WAIT
        while True:
            try:
                raws = await self._fetch(offset)
                await receiver.take(raws)
            except Conflict:
                logger.error(
                    "Telegram: another program fetches this bot's updates, or a webhook is set. Stop the other one."
                )
            except InvalidToken:
                logger.error("TELEGRAM_TOKEN: refused by Telegram. Was it revoked? Copy the new one from BotFather.")
            except Exception as error:  # network, Telegram or database: the next poll may work
                logger.warning("Telegram: updates not taken (%s); again in %.0f s", type(error).__name__, wait)
                if isinstance(error, RetryAfter):
                    wait = max(wait, seconds_of(error))
            else:
                numbers = [number for number in map(update_id_of, raws) if number is not None]
                # After a week without updates Telegram begins anew at any number, perhaps below the old offset.
                offset = max([offset, *(number + 1 for number in numbers)]) if raws else 0
                wait = FIRST_WAIT
                if raws and not numbers:
                    await asyncio.sleep(FIRST_WAIT)  # nonsense; a polling loop must not spin on it
                continue
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _fetch(self, offset: int) -> list[object]:
        """Updates as Telegram wrote them: `Bot.get_updates` fails for all of them when one is malformed."""
        values = {"timeout": POLL_SECONDS, "limit": BATCH, "allowed_updates": json.dumps(ALLOWED_UPDATES)}
        query = urlencode(values | ({"offset": offset} if offset else {}))
        body = await self._polling.retrieve(f"{self._bot.base_url}/getUpdates?{query}", read_timeout=POLL_SECONDS + 10)
        result = json.loads(body)["result"]
        if not isinstance(result, list):
            raise TypeError("getUpdates: result is no list")
        return result

    async def _introduce(self) -> None:
        """Set what Telegram shows beside the chat: commands, descriptions with the numbers, the menu button."""
        clinic = self._house.clinic
        commands = [BotCommand(name, description) for name, description in phrases.COMMANDS]
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: self._bot.set_my_commands(commands),
            lambda: self._bot.set_my_description(phrases.description(clinic)),
            lambda: self._bot.set_my_short_description(phrases.short_description(clinic)),
            lambda: self._bot.set_chat_menu_button(menu_button=MenuButtonCommands()),
        )
        for call in calls:
            try:
                await call()
            except Exception as error:  # what is there from the last start stays
                logger.warning("Telegram: the bot's description was not updated (%s)", type(error).__name__)

    async def _sweep(self, mailbox: Mailbox) -> None:
        settings = self._house.settings
        kept = timedelta(hours=settings.session_hours + settings.retention_hours)
        while True:
            try:
                await asyncio.to_thread(mailbox.sweep, kept)
            except Exception as error:  # it runs again
                logger.error("Telegram: sweep failed (%s)", type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _end(self, person: str) -> None:
        await self._clerk.end(person)


def _sealing_key(path: Path) -> bytes:
    """The key that seals inbox and outbox; made where there is none.

    Raises:
        SettingsError: If the file holds something else.
    """
    key = owner_only_file(path, Fernet.generate_key)
    try:
        Fernet(key)
    except ValueError as error:
        raise SettingsError(
            f"{path}: not a key. Restore it from the backup; or delete it, and messages that wait are lost."
        ) from error
    return key


def _request(timeout: float, connections: int) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        read_timeout=timeout,
        write_timeout=timeout,
        connect_timeout=timeout,
        pool_timeout=timeout,
        media_write_timeout=3 * timeout,
    )
