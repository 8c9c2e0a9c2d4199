"""The parts of a running gateway, built once at start-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import ParamSpec, TypeVar

import httpx

from bot.gateway.callbacks import CallbackBox
from bot.gateway.conversation import Conversations
from bot.gateway.limits import RateLimit
from bot.gateway.rasa_client import RasaClient
from bot.gateway.security import Signatures, load_secret
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from bot.gateway.threads import in_thread, to_end
from bot.safety import SafetyScreen, SafetyWords
from knowledge.clinic import Clinic, load_clinic

logger = logging.getLogger("vagus.gateway")

SWEEP_SECONDS = 60.0

CEILING = 10
"""How often an address may exceed its limit with messages that are screened all the same: a multiple of that limit."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class House:
    """What the routes and the Telegram front work with."""

    settings: GatewaySettings
    clinic: Clinic
    store: Store
    dialogue: RasaClient
    signatures: Signatures
    conversations: Conversations
    callbacks: CallbackBox
    answers: httpx.AsyncClient
    address_limit: RateLimit
    session_limit: RateLimit
    message_limit: RateLimit
    flood_limit: RateLimit

    @classmethod
    def open(cls, settings: GatewaySettings) -> House:
        """Open everything.

        Raises:
            SettingsError: If clinic.yml or a secret cannot be used.
        """
        clinic = load_clinic(settings.clinic)
        settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(PermissionError):  # the folder is another user's, who says who may enter it
            settings.var.chmod(0o700)
        store = Store(settings.database_url)
        dialogue = RasaClient(settings.rasa_url, settings.rasa_timeout)
        signatures = Signatures(load_secret(settings.var / "secret.key"))
        callbacks = CallbackBox(store, settings.var / "callback.key", settings)
        conversations = Conversations(
            store=store,
            dialogue=dialogue,
            screen=SafetyScreen.load(settings.encoder),
            safety_words=SafetyWords.load(),
            signatures=signatures,
            callbacks=callbacks,
            clinic=clinic,
            lifetime=timedelta(hours=settings.session_hours),
        )
        return cls(
            settings=settings,
            clinic=clinic,
            store=store,
            dialogue=dialogue,
            signatures=signatures,
            conversations=conversations,
            callbacks=callbacks,
            answers=httpx.AsyncClient(base_url=settings.action_url, timeout=2.0, trust_env=False),
            address_limit=RateLimit(settings.requests_per_minute, 60),
            session_limit=RateLimit(settings.sessions_per_hour, 3600),
            message_limit=RateLimit(settings.messages_per_minute, 60),
            flood_limit=RateLimit(CEILING * settings.requests_per_minute, 60),
        )

    async def close(self) -> None:
        """Close everything, in order."""
        await self.conversations.close()
        await self.dialogue.close()
        await self.answers.aclose()
        self.store.close()

    async def in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a store call off the event loop."""
        return await in_thread(call, *args, **kwargs)

    async def sweep_forever(self) -> None:
        """Delete what outlived its retention, and have Rasa forget what was erased, once a minute."""
        while True:
            try:
                await to_end(self._sweep())
            except Exception:
                logger.exception("sweep failed; it runs again in %d s", SWEEP_SECONDS)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        for session_id in await self.in_thread(self.store.expired, timedelta(hours=self.settings.retention_hours)):
            await self.conversations.erase(session_id, by_request=False)
        await self.conversations.forget_pending()
        await self.in_thread(self.store.drop_questions, timedelta(days=self.settings.question_days))
        for number in await self.in_thread(self.store.drop_callbacks, timedelta(days=self.settings.callback_days)):
            logger.warning("callback request %d deleted with nobody having marked it done", number)

    async def parts(self) -> dict[str, bool]:
        """Which parts work right now."""
        try:
            await self.in_thread(self.store.ping)
            storage = True
        except Exception:
            logger.exception("storage check failed")
            storage = False
        return {
            "storage": storage,
            "safety": True,
            "dialogue": await self.dialogue.healthy(),
            "answers": await self._answers_healthy(),
        }

    async def _answers_healthy(self) -> bool:
        try:
            return (await self.answers.get("/health")).is_success
        except httpx.HTTPError:
            return False
