"""`python -m bot.gateway` runs the gateway; `python -m bot.gateway callbacks` lists callback requests for the staff."""

from __future__ import annotations

import json
import logging
import os
import sys

import uvicorn

from bot.gateway.app import create_app
from bot.gateway.callbacks import CallbackBox
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from knowledge.errors import KnowledgeError

HEALTH_PATHS = ("/healthz", "/readyz")


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        settings = GatewaySettings.from_env(os.environ)
        if arguments == ["callbacks"]:
            return _print_callbacks(settings)
        if arguments:
            print(__doc__, file=sys.stderr)
            return 2
        serve(settings)
    except KnowledgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def serve(settings: GatewaySettings) -> None:
    """Serve until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s gateway %(levelname)s %(name)s %(message)s")
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # httpx logs URLs, and Bot API URLs hold the token
    logging.getLogger("telegram").setLevel(logging.CRITICAL)  # it quotes what it gets; vagus.telegram names errors
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _print_callbacks(settings: GatewaySettings) -> int:
    store = Store(settings.database_url)
    try:
        for request in CallbackBox(store, settings.var / "callback.key", settings).requests():
            print(json.dumps(request, ensure_ascii=False))
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
