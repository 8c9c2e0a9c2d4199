"""Starts `python -m bot.gateway` as a process of its own, against the two fakes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.assistant import ROOT, free_port
from tests.telegram.fake_rasa import FakeRasa
from tests.telegram.fake_telegram import TOKEN, FakeTelegram

START_SECONDS = 60


@dataclass(repr=False)
class Gateway:
    """A running gateway with its two neighbours."""

    var: Path
    telegram: FakeTelegram
    rasa: FakeRasa
    environment: dict[str, str]
    port: int
    module: str = "bot.gateway"
    process: subprocess.Popen[bytes] | None = None
    seen: int = 0

    def __repr__(self) -> str:
        """Without the environment, which a failing test would print."""
        return f"<gateway at {self.url}>"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.var / "gateway.log").read_text(errors="replace")

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the gateway has used so far."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self, until: str = "Telegram is on") -> None:
        with (self.var / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.wait_until(until)

    def wait_until(self, line: str, seconds: float = START_SECONDS) -> None:
        """Wait for a new line of the log; lines of earlier runs do not count."""
        deadline = time.monotonic() + seconds
        seen = self.seen
        while time.monotonic() < deadline:
            if line in self.log[seen:]:
                self.seen = len(self.log)
                return
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"{line!r} not in the log within {seconds} s:\n{self.log[seen:]}")

    def wait_until_dead(self, seconds: float = 20) -> None:
        """Wait until it killed itself."""
        assert self.process is not None
        assert self.process.wait(seconds) == -signal.SIGKILL

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def rows(self, query: str, *values: object) -> list[Any]:
        with sqlite3.connect(self.var / "gateway.db", timeout=10) as database:
            rows = database.execute(query, values).fetchall()
        database.close()
        return rows

    def post(self, update: dict[str, Any], *, path: str | None = None, secret: str | None = None) -> httpx.Response:
        """Deliver an update to the webhook, as Telegram does."""
        url = path if path is not None else httpx.URL(self.telegram.webhook["url"]).path
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret if secret is not None else self.secret}
        body = json.dumps(update)  # every character escaped, as Telegram does; httpx cannot write half a surrogate pair
        return httpx.post(f"{self.url}{url}", content=body, headers=headers, timeout=20)

    @property
    def secret(self) -> str:
        return self.telegram.webhook["secret_token"]


class Machine:
    """How much of this machine's processors others have taken since it was made: not the gateway, not this process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._started, self._all, self._ours = time.monotonic(), _busy_seconds(), self._our_seconds()

    @property
    def share_of_others(self) -> float:
        elapsed = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        return max(0.0, (_busy_seconds() - self._all - (self._our_seconds() - self._ours)) / elapsed)

    def _our_seconds(self) -> float:
        return self._gateway.cpu_seconds + time.process_time()


def _busy_seconds() -> float:
    """Seconds that the processors were at work, or were taken away by the machine's host, since it started."""
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def make(var: Path, **environment: str) -> Gateway:
    """A gateway that is not started yet."""
    telegram, rasa, port = FakeTelegram(), FakeRasa(), free_port()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("VAGUS_", "TELEGRAM_"))},
        "VAGUS_VAR": str(var),
        "VAGUS_PORT": str(port),
        "VAGUS_RASA_URL": rasa.url,
        "VAGUS_METRICS_PORT": "0",
        "VAGUS_MESSAGES_PER_MINUTE": "0",
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_API": telegram.base_url,
        "TELEGRAM_MESSAGES_PER_SECOND": "0",
        "TELEGRAM_TIMEOUT": "3",
        **environment,
    }
    return Gateway(var, telegram, rasa, env, port)


def close(gateway: Gateway) -> None:
    gateway.stop()
    gateway.telegram.close()
    gateway.rasa.close()
