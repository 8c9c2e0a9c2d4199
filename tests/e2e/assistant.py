"""Starts the real three processes, as `make run` does, on free ports and with a fresh data folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """The assistant, up and running."""

    process: subprocess.Popen[str]
    url: str
    var: Path
    output: Path
    ports: dict[str, int]
    chats: list[Chat] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """Kill one of the three processes outright; the supervisor will start it again."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "--", f"-m {name}"], capture_output=True, text=True, check=True
        )
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.3)
        pytest.fail(f"not ready within {seconds} s:\n{self.output.read_text()}")

    def chat(self) -> Chat:
        self.chats.append(Chat(self.url))
        return self.chats[-1]

    def close_chats(self) -> None:
        while self.chats:
            self.chats.pop().http.close()


class Chat:
    """One patient's conversation through the API."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        self.session = self.http.post("/api/v1/sessions").raise_for_status().json()
        self.http.headers["Authorization"] = f"Bearer {self.session['token']}"

    def say(self, text: str, message_id: str | None = None) -> list[dict[str, Any]]:
        return self._send({"text": text}, message_id)

    def press(self, value: str) -> list[dict[str, Any]]:
        return self._send({"button": value}, None)

    def _send(self, said: dict[str, str], message_id: str | None) -> list[dict[str, Any]]:
        body = {"client_message_id": message_id or uuid.uuid4().hex, **said}
        response = self.http.post("/api/v1/messages", json=body).raise_for_status()
        replies: list[dict[str, Any]] = response.json()["replies"]
        return replies


def start(var: Path, **environment: str) -> Running:
    ports = {name: free_port() for name in ("gateway", "rasa", "actions")}
    (var / "models").parent.mkdir(parents=True, exist_ok=True)
    if not (var / "models").exists():
        (var / "models").symlink_to(ROOT / "var" / "models")
    output = var / "output.txt"
    env = {
        **os.environ,
        "VAGUS_VAR": str(var),
        "VAGUS_PORT": str(ports["gateway"]),
        "VAGUS_RASA_URL": f"http://127.0.0.1:{ports['rasa']}",
        "VAGUS_ACTION_URL": f"http://127.0.0.1:{ports['actions']}",
        "VAGUS_METRICS_PORT": "0",
        "VAGUS_REQUESTS_PER_MINUTE": "0",
        "VAGUS_MESSAGES_PER_MINUTE": "0",
        "VAGUS_SESSIONS_PER_HOUR": "0",
        **environment,
    }
    with output.open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "bot"], cwd=ROOT, env=env, stdout=log, stderr=log, text=True)
    return Running(process, f"http://127.0.0.1:{ports['gateway']}", var, output, ports)


def stop(running: Running) -> int:
    running.close_chats()
    running.process.send_signal(signal.SIGINT)
    return running.process.wait(timeout=40)
