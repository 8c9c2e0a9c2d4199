"""Callback requests: encrypted at rest for the staff, who may be told by e-mail that one waits, never what it says."""

from __future__ import annotations

import json
import logging
import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from bot.gateway.security import owner_only_file
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from knowledge.errors import SettingsError

logger = logging.getLogger("vagus.gateway")


class CallbackBox:
    """Takes callback requests in, and gives them to the staff."""

    def __init__(self, store: Store, key_file: Path, settings: GatewaySettings) -> None:
        self._store = store
        self._settings = settings
        key = owner_only_file(key_file, Fernet.generate_key)
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise SettingsError(
                f"{key_file}: not a key. Restore the file; without it stored requests stay sealed."
            ) from error

    def file(self, session_id: str, request: Mapping[str, Any]) -> None:
        """Seal and store a request, then tell the staff by e-mail that one waits, where SMTP is configured."""
        sealed = self._fernet.encrypt(json.dumps(dict(request), ensure_ascii=False).encode("utf-8"))
        number = self._store.add_callback(session_id, sealed)
        logger.info("callback request %d filed", number)
        if self._settings.smtp_host and self._settings.smtp_to:
            try:
                self._notify(number)
            except (OSError, smtplib.SMTPException) as error:
                logger.error("callback request %d: e-mail not sent (%s)", number, type(error).__name__)

    def requests(self) -> list[dict[str, Any]]:
        """Every open request, oldest first.

        Raises:
            SettingsError: If a request was sealed with another key.
        """
        try:
            return [dict(json.loads(self._fernet.decrypt(sealed))) for sealed in self._store.callbacks()]
        except InvalidToken as error:
            raise SettingsError(
                "callback.key: not the key that these requests were sealed with. Restore it."
            ) from error

    def _notify(self, number: int) -> None:
        message = EmailMessage()
        message["Subject"] = "A callback request waits"
        message["From"] = self._settings.smtp_from or self._settings.smtp_to
        message["To"] = self._settings.smtp_to
        message.set_content(
            f"Callback request {number} waits. For privacy this e-mail holds none of it.\n"
            "Read it on the server: .venv/bin/python -m bot.gateway callbacks\n"
        )
        with smtplib.SMTP(self._settings.smtp_host, self._settings.smtp_port, timeout=10) as smtp:
            if self._settings.smtp_user:
                smtp.starttls()
                smtp.login(self._settings.smtp_user, self._settings.smtp_password)
            smtp.send_message(message)
