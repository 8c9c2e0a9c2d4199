"""Training, loading, latency and throughput of the dialogue, with stock `rasa run` beside it: same model, same actions, same run.

    python -m tests.bench.bench_dialogue                 # everything, about four minutes
    python -m tests.bench.bench_dialogue --no-training   # with the model that `make build` left

Ours keeps conversations in SQLite, so that a restart loses none. Stock runs twice: with Rasa's own SQL tracker store on SQLite,
which is the same bot, and as it comes, with conversations in memory only, which is not.
Rounds alternate between the two, so that whatever else the machine does hits both alike; each round starts new conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.e2e.assistant import ROOT, Chat, Running, free_port, start, stop

PYTHON = str(ROOT / ".venv-rasa" / "bin" / "python")
MESSAGES = (
    "hi",
    "what is leaky gut",
    "tell me more",
    "are you open tomorrow",
    "does stress make pain worse",
    "should i stop taking my gabapentin",
    "what can i ask you",
    "thank you",
)
"""A turn of each common kind. A conversation goes through them in order."""
AT_ONCE = 4
"""Conversations at once, while throughput is measured."""
START_SECONDS = 180
LOADING = """
import skops.io
import asyncio, json, sys, time
from pathlib import Path
from bot.rasa_server import RasaSettings, load_agent
import rasa.core.agent, rasa.model_training
settings = RasaSettings.from_env({"VAGUS_VAR": sys.argv[2]})
started = time.perf_counter()
load_agent(settings, Path(sys.argv[1]))
print(json.dumps(time.perf_counter() - started))
"""


@dataclass
class Side:
    """One of the two servers, and what it did in each round."""

    name: str
    url: str
    pid: int
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Messages a second, median of the rounds."""
        return statistics.median(self.rates)

    @property
    def cost(self) -> float:
        """Processor milliseconds of the Rasa process a message, median of the rounds."""
        return 1000 * statistics.median(self.processor)

    def processor_seconds(self) -> float:
        """Processor time that the Rasa process has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def environ(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        **more,
    }


def training(folder: Path) -> float:
    """Seconds to train from nothing, imports included."""
    started = time.perf_counter()
    subprocess.run(
        [PYTHON, "-m", "bot.rasa_server", "--train"],
        cwd=ROOT,
        env=environ(VAGUS_VAR=str(folder)),
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def loading(model: Path, folder: Path) -> float:
    """Seconds to load a model once Rasa is imported."""
    ran = subprocess.run(
        [PYTHON, "-c", LOADING, str(model), str(folder)],
        cwd=ROOT,
        env=environ(VAGUS_ENCODER=str(ROOT / "knowledge/build/encoder")),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(ran.stdout.strip().splitlines()[-1]))


def rasa_pid(running: Running) -> int:
    """The process of our Rasa server."""
    found = subprocess.run(
        ["pgrep", "-P", str(running.process.pid), "-f", "--", "-m bot.rasa_server"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout.split()[0])


def start_stock(model: Path, actions: int, folder: Path, store: str) -> tuple[subprocess.Popen[bytes], str]:
    """`rasa run` with its REST channel; `store` is what endpoints.yml says of the tracker store, empty for its default."""
    port = free_port()
    folder.mkdir()
    action_endpoint = f"action_endpoint: {{url: 'http://127.0.0.1:{actions}/webhook'}}\n"
    (folder / "endpoints.yml").write_text(action_endpoint + store)
    (folder / "credentials.yml").write_text("rest:\n")
    arguments = ["--model", str(model), "--endpoints", str(folder / "endpoints.yml"), "--port", str(port)]
    arguments += ["--credentials", str(folder / "credentials.yml"), "--interface", "127.0.0.1"]
    environment = environ(VAGUS_ENCODER=str(ROOT / "knowledge/build/encoder"), OMP_NUM_THREADS="1", LOG_LEVEL="ERROR")
    process = subprocess.Popen(
        [PYTHON, "-m", "rasa", "run", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/webhooks/rest/", timeout=5).is_success:
                return process, f"{url}/webhooks/rest/webhook"
        except httpx.HTTPError:
            time.sleep(0.5)
    process.kill()
    raise SystemExit(f"stock Rasa did not start within {START_SECONDS} s")


async def talk(http: httpx.AsyncClient, side: Side, until: float) -> int:
    """Go through conversations until the time is up; how many messages were answered."""
    answered = 0
    while time.perf_counter() < until:
        sender = uuid.uuid4().hex
        for text in MESSAGES:
            started = time.perf_counter()
            response = await http.post(side.url, json={"sender": sender, "message": text})
            replies = response.raise_for_status().json()
            if not (replies["messages"] if isinstance(replies, dict) else replies):
                raise SystemExit(f"{side.name}: no reply to {text!r}; its figures would mean nothing")
            side.seconds.append(time.perf_counter() - started)
            answered += 1
            if time.perf_counter() >= until:
                break
    return answered


async def one_round(side: Side, seconds: float, at_once: int) -> tuple[float, float]:
    """Messages a second, and processor seconds of the Rasa process a message."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        started, used = time.perf_counter(), side.processor_seconds()
        answered = sum(await asyncio.gather(*(talk(http, side, started + seconds) for _ in range(at_once))))
        return answered / (time.perf_counter() - started), (side.processor_seconds() - used) / answered


def ratios(more: Sequence[float], less: Sequence[float]) -> str:
    """Median of the rounds' ratios, with the lowest and the highest: each round of one side by the next of the other."""
    each = [a / b for a, b in zip(more, less, strict=True)]
    return f"{statistics.median(each):.1f} x ({min(each):.1f}-{max(each):.1f})"


def latency(side: Side, seconds: float) -> tuple[float, float]:
    """p50 and p95 of one user's messages, milliseconds."""
    asyncio.run(one_round(side, 2, 1))
    side.seconds.clear()
    asyncio.run(one_round(side, seconds, 1))
    found = statistics.quantiles(side.seconds, n=20)
    return 1000 * found[9], 1000 * found[18]


def through_the_gateway(chats: Sequence[Chat]) -> tuple[float, float]:
    """p50 and p95 of one user's messages through the public API: safety screen, storage and all."""
    seconds = []
    for chat in chats:
        for text in MESSAGES:
            started = time.perf_counter()
            chat.say(text)
            seconds.append(time.perf_counter() - started)
    found = statistics.quantiles(seconds[len(MESSAGES) :], n=20)
    return 1000 * found[9], 1000 * found[18]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_dialogue", description=__doc__.splitlines()[0])
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="throughput rounds of each side")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a round")
    options = parser.parse_args(arguments)
    model = max((ROOT / "var" / "models").glob("vagus-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not options.no_training:
            say(f"training, imports included   {training(folder / 'fresh'):7.1f} s   (budget 60)")
        say(f"loading, after imports       {loading(model, folder / 'load'):7.1f} s   (budget 10)")
        (folder / "run").mkdir()
        running = start(folder / "run")
        stocks: list[subprocess.Popen[bytes]] = []
        try:
            running.wait_until_ready()
            ours = Side("ours", f"http://127.0.0.1:{running.ports['rasa']}/webhooks/vagus/webhook", rasa_pid(running))
            sides = [ours]
            sqlite = f"tracker_store: {{type: SQL, dialect: sqlite, db: '{folder / 'stock.db'}'}}\n"
            for name, store in (("stock, SQLite", sqlite), ("stock, memory", "")):
                stock, url = start_stock(model, running.ports["actions"], folder / name[7:], store)
                stocks.append(stock)
                sides.append(Side(name, url, stock.pid))
            gateway = through_the_gateway([running.chat() for _ in range(12)])
            say(f"one message, whole path      p50 {gateway[0]:5.1f} ms  p95 {gateway[1]:6.1f} ms   (budget 40 / 100)")
            for side in sides:
                p50, p95 = latency(side, options.seconds)
                say(f"one message, {side.name:14}  p50 {p50:5.1f} ms  p95 {p95:6.1f} ms")
            for _ in range(options.rounds):
                for side in sides:
                    rate, cost = asyncio.run(one_round(side, options.seconds, AT_ONCE))
                    side.rates.append(rate)
                    side.processor.append(cost)
            for side in sides:
                say(
                    f"{side.name:14} {AT_ONCE} at once: {side.rate:5.1f} messages/s, {side.cost:5.1f} ms of a core each"
                )
            for side in sides[1:]:
                wall = ratios(ours.rates, side.rates)
                core = ratios(side.processor, ours.processor)
                say(f"ours to {side.name:14} {wall} by wall time, {core} by core time   (goal 4.0)")
        finally:
            for stock in stocks:
                stock.terminate()
                stock.wait(30)
            stop(running)
    return 0


if __name__ == "__main__":
    sys.exit(main())
