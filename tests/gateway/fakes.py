"""Rasa and a mail server, small and real: they listen on ports, and say what a test tells them to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
DISCLAIMER = "This is general education, not medical advice."


def smalltalk(text: str = "Heard.", **changes: Any) -> Json:
    """A message of the dialogue's."""
    return {"schema": 1, "kind": "smalltalk", "text": text, **changes}


def answer(**changes: Any) -> Json:
    """An answer of the dialogue's."""
    passage = {
        "id": "kettles#1",
        "heading": "Does water help?",
        "text": "Yes. Fill it.\n\nAsk:\n- Is it full?\n- Is it hot?\n- plain item",
        "article": "About kettles",
        "source": "A made-up handbook (2029)",
        "url": "https://example.net/book",
        "reviewed_by": "Robin Example, NP",
        "reviewed_on": "2030-05-06",
    }
    good = {"schema": 1, "kind": "answer", "text": "", "passages": [passage], "disclaimer": DISCLAIMER, "notice": None}
    return {**good, **changes}


@dataclass
class FakeRasa:
    """The honest REST channel, and the action server's health check.

    Attributes:
        heard: Messages as (sender, text), in the order in which they were answered.
        forgotten: Conversations that were deleted.
        reply: Makes the messages of the answer to a text.
        raw: Sent as the body instead, when not None.
        status: HTTP status of everything.
        open: Requests to the webhook wait until it is set.
    """

    heard: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    reply: Callable[[str], list[Json]] = lambda text: [smalltalk()]
    raw: bytes | None = None
    status: int = 200
    open: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.open.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def texts(self) -> list[str]:
        """What was heard, without the senders."""
        return [text for _, text in self.heard]

    def close(self) -> None:
        """Stop listening: from now on connections are refused."""
        if self._thread.is_alive():
            self.open.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        rasa = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["content-length"])))
                rasa.waiting.release()
                rasa.open.wait(10)
                rasa.heard.append((said["sender"], said["message"]))
                is_flag = said["message"].startswith("/red_flag")
                body = json.dumps({"messages": [] if is_flag else rasa.reply(said["message"])}).encode()
                self._send(body if rasa.raw is None else rasa.raw)

            def do_DELETE(self) -> None:
                if rasa.status == 200:
                    rasa.forgotten.append(self.path.rsplit("/", 1)[-1])
                self._send(b"{}")

            def do_GET(self) -> None:
                self._send(b"{}")

            def _send(self, body: bytes) -> None:
                try:
                    self.send_response(rasa.status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:  # the gateway did not wait
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


@asynccontextmanager
async def fake_smtp(*, refuse: bool = False) -> AsyncIterator[tuple[int, list[str]]]:
    """A mail server on a real port: yields the port, and the letters that came in."""
    letters: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("554 no service" if refuse else "220 fake")
        while not refuse and (line := (await reader.readline()).decode()):
            verb = line[:4].upper().strip()
            if verb == "DATA":
                await say("354 go on")
                letter = ""
                while (part := (await reader.readline()).decode()) != ".\r\n":
                    letter += part
                letters.append(letter)
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 fake" if verb != "RSET" else "250 ok")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], letters
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that takes connections and says nothing: yields the port, and what is set at the first connection."""
    connected, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        connected.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], connected
    finally:
        over.set()
        server.close()
        await server.wait_closed()
