"""Logging for the Rasa process: what happened and where, never what a patient wrote.

Rasa passes message text to structlog, puts it into f-strings at DEBUG, and raises exceptions that quote it. So structlog
keeps only an event's name, exceptions are logged as types and places, and nothing below INFO is ever written.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Any

import structlog

LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")


class QuietFormatter(logging.Formatter):
    """Formats an exception as its type and the places it passed, without its message."""

    def formatException(self, ei: Any) -> str:
        """Type and frames of an exception."""
        kind, _, trace = ei
        places = [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        return "\n".join([*places, f"  {kind.__name__ if kind else 'error'}"])


def configure_logging(level: str) -> None:
    """Set up the root logger and structlog.

    Args:
        level: One of `LEVELS`; anything lower or unknown becomes INFO.
    """
    chosen = level.upper() if level.upper() in LEVELS else "INFO"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(QuietFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(chosen)
    logging.getLogger("rasa").setLevel(max(logging.WARNING, root.level))
    for noisy in ("sanic", "apscheduler", "asyncio", "matplotlib", "tensorflow", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Rasa warns with the text it could not parse, and turns warnings on again when it is imported.
    warnings.showwarning = lambda *_args, **_kwargs: None
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _event_name_only],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),  # below it, a call does nothing at all
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _event_name_only(_logger: Any, _method: str, event: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    return (str(event.get("event", "")),), {"exc_info": event.get("exc_info")}
