"""A small HTTP/1.1 server in a thread of its own, whose answers a test decides down to dropping the connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def values(self) -> dict[str, str]:
        """The form's fields, whichever of three ways they came; files by their name, as text."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/"):
            parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body).get_payload()
            assert isinstance(parts, list)
            fields = {}
            for part in parts:
                assert isinstance(part, Message)
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
            return fields
        if kind.startswith("application/json"):
            return {str(key): value for key, value in json.loads(self.body).items()}
        return self.query | dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"


def json_answer(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


class Dropped(Exception):
    """Raised by a handler to close the connection without an answer."""


class HttpServer:
    """Answers with what `handle` returns. Handlers run on the server's own event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    def call(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run something on the server's loop and wait for it."""

        async def run() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # transports close on the next turn of the loop

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._started.set()
        self.loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (asyncio.IncompleteReadError, ConnectionError, Dropped, asyncio.CancelledError)
        with contextlib.suppress(*ends), contextlib.closing(writer):
            while True:
                request = await _read(reader)
                answer = await self.handle(request)
                head = (
                    f"HTTP/1.1 {answer.status} x\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer.body)}\r\n\r\n"
                )
                writer.write(head.encode() + answer.body)
                await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), headers, body)
