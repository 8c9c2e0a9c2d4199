"""The gateway's settings: one frozen object, built once from the environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from knowledge.errors import SettingsError
from knowledge.settings import ROOT


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Every setting of the gateway; each is changed by the environment variable in its comment.

    Attributes:
        host: Address to listen on (`VAGUS_HOST`).
        port: Public port (`VAGUS_PORT`).
        metrics_port: Port of the metrics on loopback, 0 for none (`VAGUS_METRICS_PORT`).
        var: Folder of databases, secrets and models (`VAGUS_VAR`).
        database: SQLAlchemy URL of the gateway's tables (`VAGUS_DATABASE`), by default SQLite under `var`.
        clinic: The clinic's facts (`VAGUS_CLINIC`).
        encoder: Folder of the exported encoder, for the safety screen (`VAGUS_ENCODER`).
        build: Folder of the index, for Telegram's list of topics (`VAGUS_BUILD`).
        rasa_url: Where the Rasa server listens (`VAGUS_RASA_URL`).
        action_url: Where the action server listens (`VAGUS_ACTION_URL`).
        rasa_timeout: Seconds after which a silent Rasa counts as down (`VAGUS_RASA_TIMEOUT`).
        session_hours: Hours a session lives (`VAGUS_SESSION_HOURS`).
        retention_hours: Hours after which everything about a session is deleted (`VAGUS_RETENTION_HOURS`).
        callback_days: Days after which a callback request is deleted (`VAGUS_CALLBACK_DAYS`).
        question_days: Days after which a filed question that nothing approved answers is deleted (`VAGUS_QUESTION_DAYS`).
        messages_per_minute: Most messages of one session in a minute (`VAGUS_MESSAGES_PER_MINUTE`).
        requests_per_minute: Most requests of one address in a minute (`VAGUS_REQUESTS_PER_MINUTE`).
        sessions_per_hour: Most new sessions of one address in an hour (`VAGUS_SESSIONS_PER_HOUR`).
        trusted_proxies: Addresses whose `X-Forwarded-For` is believed, comma-separated (`VAGUS_TRUSTED_PROXIES`); by default
            this machine's own, `none` for none.
        smtp_host: Mail server that tells the staff of callback requests; empty for none (`VAGUS_SMTP_HOST`).
        smtp_port: Its port (`VAGUS_SMTP_PORT`): 465 for TLS from the start.
        smtp_user: Its user, empty for no login (`VAGUS_SMTP_USER`). With one, TLS is a must, with a certificate that holds.
        smtp_password: Its password (`VAGUS_SMTP_PASSWORD`).
        smtp_from: Sender of those mails (`VAGUS_SMTP_FROM`).
        smtp_to: Who gets them (`VAGUS_SMTP_TO`).
        telegram_token: Token from BotFather; empty switches Telegram off (`TELEGRAM_TOKEN`).
        telegram_api: Base URL of the Bot API (`TELEGRAM_API`), for tests and self-hosted Bot API servers.
        telegram_webhook_url: Public https address of this gateway; empty means polling (`TELEGRAM_WEBHOOK_URL`).
        telegram_messages_per_second: Most messages over all chats (`TELEGRAM_MESSAGES_PER_SECOND`); Telegram allows 30.
        telegram_timeout: Seconds after which a silent Bot API counts as down (`TELEGRAM_TIMEOUT`).
    """

    host: str = "127.0.0.1"
    port: int = 8000
    metrics_port: int = 9464
    var: Path = ROOT / "var"
    database: str = ""
    clinic: Path = ROOT / "bot" / "clinic.yml"
    encoder: Path = ROOT / "knowledge" / "build" / "encoder"
    build: Path = ROOT / "knowledge" / "build"
    rasa_url: str = "http://127.0.0.1:5005"
    action_url: str = "http://127.0.0.1:5055"
    rasa_timeout: float = 5.0
    session_hours: float = 12.0
    retention_hours: float = 24.0
    callback_days: float = 30.0
    question_days: float = 180.0
    messages_per_minute: int = 20
    requests_per_minute: int = 120
    sessions_per_hour: int = 60
    trusted_proxies: str = "127.0.0.1,::1"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_from: str = ""
    smtp_to: str = ""
    telegram_token: str = field(default="", repr=False)
    telegram_api: str = "https://api.telegram.org/bot"
    telegram_webhook_url: str = ""
    telegram_messages_per_second: int = 30
    telegram_timeout: float = 15.0

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database or f"sqlite:///{self.var / 'gateway.db'}"

    @property
    def proxies(self) -> frozenset[str]:
        """The trusted proxies as a set."""
        return frozenset(address.strip() for address in self.trusted_proxies.split(",") if address.strip())

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> GatewaySettings:
        """Build the settings.

        Raises:
            SettingsError: If a value is not of its setting's type or makes no sense.

        Example:
            >>> GatewaySettings.from_env({"VAGUS_PORT": "9000"}).port
            9000
        """
        values: dict[str, object] = {}
        for setting in fields(cls):
            name = setting.name.upper() if setting.name.startswith("telegram") else f"VAGUS_{setting.name.upper()}"
            raw = environ.get(name)
            if raw:
                values[setting.name] = _converted(name, raw, str(setting.type))
        return cls(**values)  # type: ignore[arg-type]


def _converted(name: str, raw: str, kind: str) -> object:
    if kind == "Path":
        return Path(raw)
    if kind not in ("int", "float"):
        return raw
    try:
        value = int(raw) if kind == "int" else float(raw)
    except ValueError as error:
        raise SettingsError(f"{name}: {raw!r} is no number. Write it in digits.") from error
    if not math.isfinite(value):
        raise SettingsError(f"{name}: {raw!r} is no number to count with. Write it in digits.")
    if value < 0:
        raise SettingsError(f"{name}: {raw} is negative. Write zero or more.")
    return value
