"""The only door into Rasa: a REST channel that never calls a failure a success.

Rasa's own REST channel answers 200 with an empty list after an exception, and Rasa swallows what an action raises. Here
every error that Rasa logs during a turn makes the turn a 500, so that the gateway can tell an outage from silence.
"""

from __future__ import annotations

import contextvars
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = logging.getLogger("vagus.channel")

SENDER = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
MAX_CHARACTERS = 8000
MAX_EVENTS = 60
"""A conversation with more events is shortened to its slots: Rasa replays every event several times a turn."""

_EMPTY: dict[str, Any] = {"text": "", "passages": [], "disclaimer": None, "notice": None, "buttons": []}

_errors: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("vagus_turn_errors", default=None)


class ErrorWatch(logging.Handler):
    """Notes the errors that Rasa logs while a turn runs, by the turn they belong to."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember where an error was logged; never what it said."""
        errors = _errors.get()
        if errors is not None:
            kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "error"
            errors.append(f"{kind} in {record.name}")


class JsonOutput(CollectingOutputChannel):  # type: ignore[misc]
    """Collects `custom` messages; anything else is a mistake in the domain."""

    async def send_custom_json(self, recipient_id: str, json_message: dict[str, Any], **_rest: Any) -> None:  # noqa: ARG002
        """Keep one message, with the fields that its wording left out."""
        self.messages.append({**_EMPTY, **json_message})

    async def send_text_message(self, recipient_id: str, text: str, **_rest: Any) -> None:  # noqa: ARG002
        """Refuse bare text: it would be split at blank lines and lose its disclaimer.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a response without `custom`: write it as a custom payload in bot/domain/responses")


class HonestRest(InputChannel):  # type: ignore[misc]
    """`POST webhook`, `DELETE conversations/<sender>` and `GET health` under `/webhooks/vagus`.

    A message may carry `"forget": true`: the conversation's events are then erased but for the slots, because they hold what the
    patient gave for a call back; the gateway forgets it, too. A message of kind `silent` carries nothing else.
    """

    def __init__(self) -> None:
        rasa_logger = logging.getLogger("rasa")
        if not any(isinstance(handler, ErrorWatch) for handler in rasa_logger.handlers):
            rasa_logger.addHandler(ErrorWatch())

    @classmethod
    def name(cls) -> str:
        """The channel's name, and its place under `/webhooks/`."""
        return "vagus"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The channel's routes."""
        routes = Blueprint("vagus_rest")

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            body = request.json if isinstance(request.json, dict) else {}
            sender, text = body.get("sender"), body.get("message")
            if not isinstance(sender, str) or not SENDER.fullmatch(sender):
                return response.json({"error": "sender: 1-200 characters of A-Z a-z 0-9 _ . : -"}, status=400)
            if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHARACTERS:
                return response.json({"error": f"message: text of 1-{MAX_CHARACTERS} characters"}, status=400)
            reply, forget = await _turn(on_new_message, sender, text)
            agent = request.app.ctx.agent
            if forget or agent.tracker_store.is_longer_than(sender, MAX_EVENTS):
                async with agent.lock_store.lock(sender):
                    await agent.tracker_store.forget_events(sender, leave_log=not forget)
            return reply

        @routes.delete("/conversations/<sender:str>")
        async def erase(request: Request, sender: str) -> HTTPResponse:
            agent = request.app.ctx.agent
            async with agent.lock_store.lock(sender):
                erased = agent.tracker_store.erase(sender)
            return response.json({"erased_events": erased})

        @routes.get("/health")
        async def health(request: Request) -> HTTPResponse:
            agent = getattr(request.app.ctx, "agent", None)
            ready = agent is not None and agent.is_ready()
            model = agent.processor.model_filename if ready else None
            return response.json({"ready": ready, "model": model}, status=200 if ready else 503)

        return routes


async def _turn(
    on_new_message: Callable[[UserMessage], Awaitable[Any]], sender: str, text: str
) -> tuple[HTTPResponse, bool]:
    """Run one turn; any exception or logged error during it is a 500.

    Returns:
        The response, and whether the conversation's events must be forgotten.
    """
    errors: list[str] = []
    output = JsonOutput()
    token = _errors.set(errors)
    try:
        await on_new_message(UserMessage(text, output, sender, input_channel="vagus"))
    except Exception as error:  # whatever it is, the gateway must hear of it to give a useful reply
        errors.append(type(error).__name__)
    finally:
        _errors.reset(token)
    if errors:
        logger.error("turn failed: %s", "; ".join(errors))
        return response.json({"error": "; ".join(errors)}, status=500), False
    forget = any(message.get("forget", False) for message in output.messages)
    return response.json({"messages": [m for m in output.messages if m.get("kind") != "silent"]}), forget
