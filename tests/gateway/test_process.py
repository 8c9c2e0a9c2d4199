"""`python -m bot.gateway` as a process of its own: what only shows there."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from knowledge.settings import ROOT

pytestmark = pytest.mark.slow
PROXY = "10.0.0.1"


@dataclass(frozen=True)
class Running:
    """A gateway that listens, with its folder."""

    url: str
    var: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway without Rasa, in a folder that anyone might enter, behind a proxy on another machine."""
    folder = tmp_path_factory.mktemp("process")
    var = folder / "var"
    var.mkdir()
    var.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "VAGUS_VAR": str(var),
        "VAGUS_PORT": str(port),
        "VAGUS_METRICS_PORT": "0",
        "VAGUS_ENCODER": str(folder),
        "VAGUS_RASA_URL": "http://127.0.0.1:9",
        "VAGUS_ACTION_URL": "http://127.0.0.1:9",
        "VAGUS_TRUSTED_PROXIES": PROXY,
        "VAGUS_REQUESTS_PER_MINUTE": "2",
        "TELEGRAM_TOKEN": "",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.gateway"], cwd=ROOT, env=environment, stdout=log, stderr=log, umask=0o022
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield Running(url, var)
    finally:
        process.terminate()
        process.wait()


def test_only_the_owner_reads_what_the_gateway_keeps(running: Running) -> None:
    assert stat.S_IMODE(running.var.stat().st_mode) == 0o700
    kept = [path for path in running.var.rglob("*") if path.is_file()]
    assert {"gateway.db", "secret.key", "callback.key"} <= {path.name for path in kept}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept} == {path.name: 0o600 for path in kept}


def test_forwarded_address_from_this_machine_is_ignored_unless_the_settings_trust_it(running: Running) -> None:
    seen = [
        httpx.get(
            f"{running.url}/api/v1/clinic", headers={"X-Forwarded-For": f"198.51.100.{number}"}, trust_env=False
        ).status_code
        for number in range(3)
    ]
    assert seen == [200, 200, 429]
