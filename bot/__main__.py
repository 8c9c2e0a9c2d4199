"""`python -m bot` runs gateway, Rasa server and action server under one supervisor. `make run` calls it."""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import urlsplit

from bot.gateway.settings import GatewaySettings
from bot.supervisor import Program, Supervisor
from knowledge.clinic import load_clinic
from knowledge.errors import KnowledgeError
from knowledge.settings import ROOT


def main() -> int:
    """Run everything until stopped; returns the exit status."""
    try:
        settings = GatewaySettings.from_env(os.environ)
        load_clinic(settings.clinic)  # a mistake in it is told here, not in a log file
    except KnowledgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rasa_port, action_port = _port(settings.rasa_url), _port(settings.action_url)
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false",
        HF_HUB_OFFLINE="1",
        VAGUS_RASA_PORT=str(rasa_port),
        VAGUS_ACTIONS_PORT=str(action_port),
        VAGUS_ACTIONS_URL=f"http://127.0.0.1:{action_port}/webhook",
    )
    rasa_python = os.environ.get("VAGUS_RASA_PYTHON", str(ROOT / ".venv-rasa" / "bin" / "python"))
    programs = [
        Program("actions", [sys.executable, "-m", "actions.server"], action_port),
        Program("rasa", [rasa_python, "-m", "bot.rasa_server"], rasa_port),
        Program("gateway", [sys.executable, "-m", "bot.gateway"], settings.port),
    ]
    supervisor = Supervisor(programs, settings.var / "log", lambda line: print(line, flush=True))
    address = f"http://localhost:{settings.port}"
    announcement = f"Vagus is ready: {address}  (Ctrl-C stops it; logs in {settings.var / 'log'})"
    os.chdir(ROOT)
    return asyncio.run(supervisor.run(f"http://127.0.0.1:{settings.port}/readyz", announcement))


def _port(url: str) -> int:
    return urlsplit(url).port or 80


if __name__ == "__main__":
    sys.exit(main())
