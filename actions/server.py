"""Runs the actions on loopback: `python -m actions.server`.

rasa-sdk's own server listens on every address, echoes the conversation in its error bodies and runs synchronous actions on
the event loop. This one uses rasa-sdk's executor and interfaces, and does none of the three.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Action
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException, Tracker
from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic.response import json as json_response

from actions.registry import build_actions
from actions.services import Answers, Services, open_services

logger = logging.getLogger("vagus.actions")


@dataclass(frozen=True)
class ActionServerSettings:
    """Where the action server listens: loopback, unless a private network needs it otherwise."""

    host: str = "127.0.0.1"
    port: int = 5055

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> ActionServerSettings:
        """Defaults, changed by `VAGUS_ACTIONS_PORT` and, with `VAGUS_ACTIONS_ALLOW_REMOTE=1`, `VAGUS_ACTIONS_HOST`.

        Raises:
            SystemExit: If the port is not a number, or the host is not loopback.
        """
        default = cls()
        host = environ.get("VAGUS_ACTIONS_HOST", default.host)
        if host not in ("127.0.0.1", "::1", "localhost") and environ.get("VAGUS_ACTIONS_ALLOW_REMOTE") != "1":
            raise SystemExit(f"VAGUS_ACTIONS_HOST: {host!r} is not loopback; the action server has no authentication.")
        try:
            return cls(host=host, port=int(environ.get("VAGUS_ACTIONS_PORT", default.port)))
        except ValueError as error:
            raise SystemExit("VAGUS_ACTIONS_PORT: not a number.") from error


def build_app(services: Services) -> Sanic[Any, Any]:
    """The application: `POST /webhook` runs an action, `GET /health` says that it can, see `health`.

    Args:
        services: What the actions share, opened already.
    """
    app: Sanic[Any, Any] = Sanic(f"vagus_actions_{id(services)}", configure_logging=False)
    # One worker thread: answers are computed one at a time, off the event loop, and need no locks of their own.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="action")
    executor = build_executor(services, pool)

    @app.get("/health")
    async def get_health(_request: Request) -> HTTPResponse:
        return json_response(health(services.answers))

    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        status, body = await answer(executor, request.json if isinstance(request.json, dict) else {})
        return json_response(body, status=status)

    @app.after_server_stop
    async def close(_app: Any) -> None:
        pool.shutdown(wait=True)

    return app


def health(answers: Answers) -> dict[str, bool]:
    """The body of `GET /health`: `index_current` is false while an older index serves than the one that `CURRENT` names."""
    return {"ready": True, "index_current": answers.is_current()}


def build_executor(services: Services, pool: ThreadPoolExecutor) -> ActionExecutor:
    """rasa-sdk's executor with every action, each to run in the pool."""
    executor = ActionExecutor()
    for action in build_actions(services):
        executor.register_function(action.name(), _off_loop(action, pool))
    return executor


async def answer(executor: ActionExecutor, call: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Run the action that a call names.

    Returns:
        Status and body: 200 with events and responses, 404 for an unknown action, 400 for one that declines, 500 for one
        that fails. Bodies of errors name the error, never what it says: that may quote the conversation.
    """
    name = str(call.get("next_action") or "")
    call.setdefault("domain", {})  # Rasa does not send it: our actions read the wording files
    try:
        result = await executor.run(call)
    except ActionExecutionRejection as error:
        return 400, {"error": error.message, "action_name": error.action_name}
    except ActionNotFoundException:
        return 404, {"error": "no such action", "action_name": name}
    except Exception as error:
        logger.error("%s failed: %s at %s", name, type(error).__name__, _place(error))
        return 500, {"error": type(error).__name__, "action_name": name}
    return 200, result.model_dump() if result else {"events": [], "responses": []}


def _off_loop(action: Action, pool: ThreadPoolExecutor) -> Callable[..., Awaitable[Any]]:
    """An action's `run` as a coroutine that works in the pool."""
    run: Callable[..., Any] = action.run
    if asyncio.iscoroutinefunction(run):
        return run

    async def in_pool(dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            pool, functools.partial(run, dispatcher, tracker, domain)
        )

    return in_pool


def _place(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"


def main() -> None:
    """Open everything, then listen until told to stop."""
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("rasa_sdk", "sanic", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = ActionServerSettings.from_env(os.environ)
    app = build_app(open_services(os.environ))
    app.config.KEEP_ALIVE_TIMEOUT = 120
    logger.info("actions on http://%s:%d", settings.host, settings.port)
    app.run(host=settings.host, port=settings.port, single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    main()
