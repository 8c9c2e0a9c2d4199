"""The supervisor with small programs of its own, in a process that a test can signal."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.supervisor import port_is_taken
from knowledge.settings import ROOT

SUPERVISE = """
import asyncio, sys
from pathlib import Path
from bot import supervisor
from bot.supervisor import Program, Supervisor

supervisor.FIRST_WAIT, supervisor.STOP_SECONDS = 0.05, 0.5
folder, url = Path(sys.argv[1]), sys.argv[2]
programs = []
for pair in sys.argv[3:]:
    name, port = pair.split(":")
    programs.append(Program(name, [sys.executable, "-S", str(folder / f"{name}.py"), str(folder)], int(port)))
keeper = Supervisor(programs, folder / "log", lambda line: print(line, flush=True))
sys.exit(asyncio.run(keeper.run(url, "All is ready.")))
"""
STEADY = """
import os, sys, time
with open(sys.argv[1] + "/steady.pids", "a") as file:
    file.write(f"{os.getpid()}\\n")
print("steady runs", flush=True)
time.sleep(60)
"""
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + "/stubborn.pids", "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
with open(sys.argv[1] + "/parent.pids", "a") as file:
    file.write(f"{child.pid}\\n")
time.sleep(60)
"""
PROGRAMS = {"steady": STEADY, "stubborn": STUBBORN, "parent": PARENT, "failing": "raise SystemExit(3)"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@dataclass
class Supervised:
    """A running supervisor."""

    process: subprocess.Popen[str]
    folder: Path
    lines: list[str]

    def pids(self, name: str, count: int = 1, seconds: float = 30) -> list[int]:
        """The processes that a program was run as, once there are `count` of them."""
        path = self.folder / f"{name}.pids"
        self.wait(lambda: path.exists() and len(path.read_text().split()) >= count, seconds)
        return [int(pid) for pid in path.read_text().split()]

    def wait(self, condition: object, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, self.lines
            assert self.process.poll() is None or condition(), self.lines  # type: ignore[operator]
            time.sleep(0.02)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


class Runner:
    """Starts supervisors, and sees that none outlives its test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Supervised] = []
        for name, code in PROGRAMS.items():
            (folder / f"{name}.py").write_text(code)

    def __call__(
        self, *names: str, url: str = "http://127.0.0.1:9/", ports: dict[str, int] | None = None
    ) -> Supervised:
        pairs = [f"{name}:{(ports or {}).get(name) or free_port()}" for name in names]
        command = [sys.executable, "-c", SUPERVISE, str(self._folder), url, *pairs]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        supervised = Supervised(process, self._folder, [])
        threading.Thread(target=lambda: supervised.lines.extend(iter(process.stdout.readline, "")), daemon=True).start()  # type: ignore[union-attr]
        self._running.append(supervised)
        return supervised

    def close(self) -> None:
        for supervised in self._running:
            if supervised.process.poll() is None:
                supervised.process.kill()
            supervised.process.wait()
            if supervised.process.stdout:
                supervised.process.stdout.close()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    runner.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_supervisor_stops_everything_it_started(supervise: Runner, number: signal.Signals) -> None:
    running = supervise("steady", "parent")
    pids = [*running.pids("steady"), *running.pids("parent")]
    assert all(is_alive(pid) for pid in pids)
    assert running.end(number) == 0
    assert running.lines[-1] == "Stopped.\n"
    assert not any(is_alive(pid) for pid in pids)


def test_supervisor_starts_again_what_dies_and_says_so(supervise: Runner) -> None:
    running = supervise("steady")
    first = running.pids("steady")[0]
    os.kill(first, signal.SIGKILL)
    second = running.pids("steady", 2)[1]
    assert second != first
    assert is_alive(second)
    assert (
        f"steady ended with status -9; restarting in 0.05 s (log: {running.folder / 'log' / 'steady.log'})\n"
        in running.lines
    )
    assert running.end() == 0


def test_supervisor_goes_on_trying_what_cannot_even_be_started(supervise: Runner, tmp_path: Path) -> None:
    log = tmp_path / "log" / "steady.log"
    log.mkdir(parents=True)  # a folder in its place: the log cannot be opened
    running = supervise("steady")
    running.wait(lambda: len(running.lines) >= 2)
    assert running.lines[0].startswith("steady could not be started (IsADirectoryError: ")
    waits = [line.split("restarting in ")[1].split(" s")[0] for line in running.lines[:2]]
    assert waits == ["0.05", "0.1"]
    log.rmdir()
    assert is_alive(running.pids("steady")[0])
    assert running.end() == 0


def test_only_the_owner_reads_what_the_supervisor_and_its_programs_write(supervise: Runner, tmp_path: Path) -> None:
    running = supervise("steady")
    running.pids("steady")
    written = [tmp_path / "log", tmp_path / "log" / "steady.log", tmp_path / "steady.pids"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [0o700, 0o600, 0o600]
    assert running.end() == 0


def test_supervisor_waits_longer_each_time_for_what_keeps_failing(supervise: Runner) -> None:
    running = supervise("failing")
    running.wait(lambda: len(running.lines) >= 4)
    waits = [line.split("restarting in ")[1].split(" s")[0] for line in running.lines[:4]]
    assert waits == ["0.05", "0.1", "0.2", "0.4"]
    assert "status 3" in running.lines[0]
    assert running.end() == 0


def test_supervisor_kills_what_does_not_stop(supervise: Runner) -> None:
    running = supervise("stubborn")
    pid = running.pids("stubborn")[0]
    assert running.end() == 0
    assert not is_alive(pid)


def test_programs_do_not_outlive_a_supervisor_that_was_killed(supervise: Runner) -> None:
    running = supervise("steady")
    pid = running.pids("steady")[0]
    running.end(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_supervisor_names_the_port_that_is_taken_and_starts_nothing(supervise: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port_is_taken(port)
        running = supervise("steady", "failing", ports={"steady": port})
        assert running.process.wait(timeout=30) == 1
    running.wait(lambda: running.lines)
    assert running.lines == [f"error: port {port} (steady) is in use. Stop what uses it, or set another port.\n"]
    assert not (running.folder / "steady.pids").exists()


def test_supervisor_announces_once_when_all_is_ready(supervise: Runner, tmp_path: Path) -> None:
    port = free_port()
    running = supervise("steady", url=f"http://127.0.0.1:{port}/")
    running.pids("steady")
    assert running.lines == []
    page = tmp_path / "page"
    page.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(page)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running.wait(lambda: running.lines)
        time.sleep(0.5)
        assert running.lines == ["All is ready.\n"]
        assert running.end() == 0
    finally:
        server.kill()
        server.wait()


def test_output_of_programs_goes_to_their_logs_which_do_not_grow_without_end(supervise: Runner, tmp_path: Path) -> None:
    log = tmp_path / "log" / "steady.log"
    log.parent.mkdir()
    log.write_bytes(b"old\n" * 2_600_000)
    running = supervise("steady")
    running.pids("steady")
    running.wait(lambda: "steady runs" in log.read_text())
    assert log.stat().st_size < 1000
    assert log.with_suffix(".old.log").exists()
    assert running.lines == []
    assert running.end() == 0
