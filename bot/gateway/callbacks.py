"""Callback requests: encrypted at rest for the staff, who may be told by e-mail that one waits, never what it says."""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from bot.gateway import metrics
from bot.gateway.security import owner_only_file
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from bot.gateway.threads import in_thread
from knowledge.errors import SettingsError

logger = logging.getLogger("vagus.gateway")

RETRY_SECONDS = 30.0
"""Pause after the first e-mail that could not be sent; each further one doubles it."""
LONGEST_RETRY_SECONDS = 1800.0
TLS_PORT = 465
"""The port on which mail servers speak TLS from the first byte; on others it begins with STARTTLS."""


class CallbackBox:
    """Takes callback requests in, and gives them to the staff."""

    def __init__(self, store: Store, key_file: Path, settings: GatewaySettings) -> None:
        self._store = store
        self._settings = settings
        self._filed = asyncio.Event()
        self._filed.set()  # an earlier run may have left some that the staff were not told of
        key = owner_only_file(key_file, Fernet.generate_key)
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise SettingsError(
                f"{key_file}: not a key. Restore the file; without it stored requests stay sealed."
            ) from error

    async def file(self, session_id: str, request: Mapping[str, Any]) -> None:
        """Seal and store a request. The e-mail that it waits goes out beside the reply, see `tell_forever`."""
        sealed = self._fernet.encrypt(json.dumps(dict(request), ensure_ascii=False).encode("utf-8"))
        number = await asyncio.to_thread(self._store.add_callback, session_id, sealed)
        logger.info("callback request %d filed", number)
        self._filed.set()

    def requests(self) -> list[dict[str, Any]]:
        """Every request that nobody dealt with yet, oldest first, each with its number and when it was filed (UTC).

        Raises:
            SettingsError: If a request was sealed with another key.
        """
        try:
            return [
                {
                    "id": found.id,
                    "filed": f"{found.at:%Y-%m-%dT%H:%MZ}",
                    **json.loads(self._fernet.decrypt(found.sealed)),
                }
                for found in self._store.callbacks()
            ]
        except InvalidToken as error:
            raise SettingsError(
                "callback.key: not the key that these requests were sealed with. Restore it."
            ) from error

    def done(self, number: int) -> None:
        """Note that the staff dealt with a request: it is listed no more.

        Raises:
            SettingsError: If there is no such request.
        """
        if not self._store.mark_callback(number, "done"):
            raise SettingsError(f"callbacks --done: there is no request {number}. List them with `callbacks`.")

    async def tell_forever(self) -> None:
        """Tell the staff of each request by e-mail, once it is sent, where SMTP is configured. Runs until cancelled."""
        if not (self._settings.smtp_host and self._settings.smtp_to):
            return
        pause: float | None = None
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filed.wait(), pause)
            self._filed.clear()
            try:
                failed = await in_thread(self._tell)
            except Exception as error:
                logger.error("callback requests: %s; the e-mails are tried again", type(error).__name__)
                failed = True
            pause = min(pause * 2 if pause else RETRY_SECONDS, LONGEST_RETRY_SECONDS) if failed else None

    def _tell(self) -> bool:
        """Send what waits; returns whether something could not be sent."""
        untold = {found.id for found in self._store.callbacks(without="told")} & {
            found.id for found in self._store.callbacks()
        }
        waiting = sorted(untold)
        metrics.CALLBACKS_UNTOLD.set(len(waiting))
        for left, number in zip(range(len(waiting) - 1, -1, -1), waiting, strict=True):
            try:
                self._send(number)
            except Exception as error:  # of the mail server, of its certificate, or of an address that is none
                logger.error("callback request %d: e-mail not sent (%s)", number, type(error).__name__)
                metrics.CALLBACK_MAILS.labels("failed").inc()
                return True
            self._store.mark_callback(number, "told")
            metrics.CALLBACK_MAILS.labels("sent").inc()
            metrics.CALLBACKS_UNTOLD.set(left)
        return False

    def _send(self, number: int) -> None:
        message = EmailMessage()
        message["Subject"] = "A callback request waits"
        message["From"] = self._settings.smtp_from or self._settings.smtp_to
        message["To"] = self._settings.smtp_to
        message.set_content(
            f"Callback request {number} waits. For privacy this e-mail holds none of it.\n"
            "Read it on the server: .venv/bin/python -m bot.gateway callbacks\n"
        )
        host, port, user = self._settings.smtp_host, self._settings.smtp_port, self._settings.smtp_user
        tls = ssl.create_default_context()  # it checks the certificate, which smtplib by itself does not
        at_once = port == TLS_PORT
        connect = partial(smtplib.SMTP_SSL, context=tls) if at_once else smtplib.SMTP
        with connect(host, port, timeout=10) as smtp:
            if user and not at_once:
                smtp.starttls(context=tls)
            if user:
                smtp.login(user, self._settings.smtp_password)
            smtp.send_message(message)
