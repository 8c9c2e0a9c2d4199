"""Runs the three processes together: starts them, restarts what dies, says when they are ready, stops them cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

STOP_SECONDS = 10.0
"""How long a process may take to stop before it is killed."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before the first restart, doubled each time up to the longest; a process that ran a minute starts afresh."""
SETTLED_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    port: int


class Supervisor:
    """Keeps programs running until it is told to stop. Their output goes to `<logs>/<name>.log`.

    What they and it write, only the user that runs them can read.
    """

    def __init__(self, programs: Sequence[Program], logs: Path, say: Callable[[str], object]) -> None:
        self._programs = programs
        self._logs = logs
        self._say = say
        self._stopping = asyncio.Event()

    async def run(self, ready_url: str, announcement: str) -> int:
        """Run until SIGINT or SIGTERM; returns the exit status."""
        os.umask(0o077)
        taken = [program for program in self._programs if port_is_taken(program.port)]
        if taken:
            for program in taken:
                self._say(
                    f"error: port {program.port} ({program.name}) is in use. Stop what uses it, or set another port."
                )
            return 1
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        self._logs.mkdir(parents=True, exist_ok=True)
        watching = [asyncio.create_task(self._keep(program)) for program in self._programs]
        announcing = asyncio.create_task(self._announce(ready_url, announcement))
        await self._stopping.wait()
        announcing.cancel()
        await asyncio.gather(*watching)
        self._say("Stopped.")
        return 0

    async def _keep(self, program: Program) -> None:
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                outcome = f"ended with status {await self._run_once(program)}"
            except (OSError, subprocess.SubprocessError) as error:  # no memory, no room for its log
                outcome = f"could not be started ({type(error).__name__}: {error})"
            if self._stopping.is_set():
                return
            wait = FIRST_WAIT if time.monotonic() - started > SETTLED_SECONDS else wait
            self._say(f"{program.name} {outcome}; restarting in {wait:g} s (log: {self._log(program)})")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _run_once(self, program: Program) -> int:
        path = self._log(program)
        if path.exists() and path.stat().st_size > 10_000_000:
            path.replace(path.with_suffix(".old.log"))
        with path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program.command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                preexec_fn=_die_with_parent,
            )  # fmt: skip
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            await _stop(process, ended)
        return await ended

    async def _announce(self, url: str, announcement: str) -> None:
        async with httpx.AsyncClient(timeout=3.0, trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(url)).is_success:
                        self._say(announcement)
                        return
                await asyncio.sleep(0.3)

    def _log(self, program: Program) -> Path:
        return self._logs / f"{program.name}.log"


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(ended), STOP_SECONDS)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _die_with_parent() -> None:
    """On Linux, a child does not outlive a supervisor that was killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def port_is_taken(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
