"""The gateway, its callback requests, and what it learned for the clinic.

python -m bot.gateway                        run the gateway
python -m bot.gateway callbacks              list the callback requests that wait, for the staff
python -m bot.gateway callbacks --done 7 8   they were dealt with: list them no more
python -m bot.gateway report                 questions that nothing answers, red flags and ratings counted
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bot.gateway.app import create_app
from bot.gateway.callbacks import CallbackBox
from bot.gateway.report import report
from bot.gateway.settings import GatewaySettings
from bot.gateway.store import Store
from knowledge.errors import KnowledgeError

HEALTH_PATHS = ("/healthz", "/readyz")


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        settings = GatewaySettings.from_env(os.environ)
        match arguments:
            case []:
                serve(settings)
            case ["callbacks"]:
                _print_callbacks(settings)
            case ["callbacks", "--done", *numbers] if numbers and all(number.isdecimal() for number in numbers):
                _mark_done(settings, [int(number) for number in numbers])
            case ["report"]:
                _print_report(settings)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
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
        proxy_headers=False,  # whose X-Forwarded-For is believed, VAGUS_TRUSTED_PROXIES alone says
        timeout_graceful_shutdown=5,
    )


@contextmanager
def _callbacks(settings: GatewaySettings) -> Iterator[CallbackBox]:
    store = Store(settings.database_url)
    try:
        yield CallbackBox(store, settings.var / "callback.key", settings)
    finally:
        store.close()


def _print_callbacks(settings: GatewaySettings) -> None:
    with _callbacks(settings) as box:
        for request in box.requests():
            print(json.dumps(request, ensure_ascii=False))


def _mark_done(settings: GatewaySettings, numbers: list[int]) -> None:
    with _callbacks(settings) as box:
        for number in numbers:
            box.done(number)
            print(f"callback request {number}: done")


def _print_report(settings: GatewaySettings) -> None:
    store = Store(settings.database_url)
    try:
        for line in report(store):
            print(line)
    finally:
        store.close()


if __name__ == "__main__":
    os.umask(0o077)  # what patients wrote is for the owner alone
    sys.exit(main(sys.argv[1:]))
