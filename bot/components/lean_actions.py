"""Makes the calls to the action server cheap: little is sent, over a connection that stays, and what comes back is checked fast.

Stock Rasa 3.6.21 calls `jsonschema.validate` on every action result, which re-checks the constant schema each time and takes
70% of a turn; it sends the whole conversation with each call, although our actions read slots and the last message; and it
opens a new connection for each call.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import aiohttp
import rasa
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.shared.constants import DOCS_BASE_URL
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from rasa.shared.utils.schemas.events import EVENT_SCHEMA
from rasa.utils.endpoints import EndpointConfig

FOR_RASA = "3.6.21"
logger = logging.getLogger("vagus.rasa")

_BARE = {
    kind["properties"]["event"]["const"]
    for kind in EVENT_SCHEMA["oneOf"]
    if set(kind) == {"properties"} and set(kind["properties"]) == {"event"}
}
"""Events of which the schema asks no more than of every event."""


def install_lean_actions() -> bool:
    """Replace how Rasa calls actions; does nothing on another Rasa than the one it was checked against.

    Returns:
        Whether it was installed.
    """
    if rasa.__version__ != FOR_RASA:
        logger.warning("lean action calls are for Rasa %s, not %s: left out", FOR_RASA, rasa.__version__)
        return False
    RemoteAction._validate_action_result = compiled_validation()
    RemoteAction._action_call_format = lean_call
    return True


def compiled_validation() -> Any:
    """A method that accepts and rejects exactly what `RemoteAction._validate_action_result` does, without re-checking."""
    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    def validate_action_result(_self: RemoteAction, result: dict[str, Any]) -> bool:
        if is_plainly_valid(result):
            return True
        error = best_match(validator.iter_errors(result))
        if error is None:
            return True
        error.message += (
            ". Failed to validate Action server response from API, "
            "make sure your response from the Action endpoint is valid. "
            f"For more information about the format visit {DOCS_BASE_URL}/custom-actions"
        )
        raise error

    return validate_action_result


def is_plainly_valid(result: Any) -> bool:
    """Whether a result is one of the plain kind that our actions send, all of which the schema accepts; False says nothing."""
    return (
        type(result) is dict
        and type(result.get("events", [])) is list
        and type(result.get("responses", [])) is list
        and all(type(response) is dict for response in result.get("responses", []))
        and all(type(event) is dict and _is_plain_event(event) for event in result.get("events", []))
    )


def _is_plain_event(event: dict[str, Any]) -> bool:
    kind = event.get("event")
    return (
        type(kind) is str
        and (kind in _BARE or (kind == "slot" and type(event.get("name")) is str and "value" in event))
        and type(event.get("timestamp")) in (int, float, type(None))
        and type(event.get("metadata")) in (dict, type(None))
    )


class KeptEndpoint(EndpointConfig):  # type: ignore[misc]
    """An endpoint that keeps one session, and so its connections, from call to call."""

    _kept: aiohttp.ClientSession | None = None

    def session(self) -> Any:
        """A context that gives the kept session and leaves it open."""
        if self._kept is None or self._kept.closed:
            self._kept = super().session()
        return contextlib.nullcontext(self._kept)

    async def close(self) -> None:
        """Close the session; the next call opens another."""
        if self._kept is not None:
            await self._kept.close()


def lean_call(action: RemoteAction, tracker: DialogueStateTracker, _domain: Domain) -> dict[str, Any]:
    """The body of a call: as Rasa's own, but without past events and without the domain."""
    state = tracker.current_state(EventVerbosity.NONE)
    return {
        "next_action": action.name(),
        "sender_id": tracker.sender_id,
        "tracker": {**state, "events": []},
        "version": rasa.__version__,
    }
