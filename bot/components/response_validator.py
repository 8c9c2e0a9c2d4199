"""Validates action results with Rasa's own schema, compiled once.

Stock Rasa 3.6.21 calls `jsonschema.validate` on every action result, which re-checks the constant schema each time and takes
70% of a turn (docs/decisions/dialogue-classifier.md). This does the same validation without re-checking.
"""

from __future__ import annotations

import logging
from typing import Any

import rasa
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.shared.constants import DOCS_BASE_URL

FOR_RASA = "3.6.21"
logger = logging.getLogger(__name__)


def install_compiled_validator() -> bool:
    """Replace Rasa's per-call validation; does nothing on another Rasa than the one it was checked against.

    Returns:
        Whether it was installed.
    """
    if rasa.__version__ != FOR_RASA:
        logger.warning("compiled response validator is for Rasa %s, not %s: left out", FOR_RASA, rasa.__version__)
        return False
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

    RemoteAction._validate_action_result = validate_action_result
    return True
