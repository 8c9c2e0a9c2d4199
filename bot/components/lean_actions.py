"""Makes the calls to the action server cheap: what is sent is small, and what comes back is validated by a compiled schema.

Stock Rasa 3.6.21 calls `jsonschema.validate` on every action result, which re-checks the constant schema each time and takes
70% of a turn; and it sends the whole conversation with each call, although our actions read slots and the last message.
"""

from __future__ import annotations

import logging
from typing import Any

import rasa
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.shared.constants import DOCS_BASE_URL
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity

FOR_RASA = "3.6.21"
logger = logging.getLogger("vagus.rasa")


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


def lean_call(action: RemoteAction, tracker: DialogueStateTracker, _domain: Domain) -> dict[str, Any]:
    """The body of a call: as Rasa's own, but without past events and without the domain."""
    state = tracker.current_state(EventVerbosity.NONE)
    return {
        "next_action": action.name(),
        "sender_id": tracker.sender_id,
        "tracker": {**state, "events": []},
        "version": rasa.__version__,
    }
