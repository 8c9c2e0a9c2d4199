from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from tests.gateway.conftest import Start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening_addresses(port: int) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


async def page(port: int) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text


async def test_metrics_count_replies_and_flags_and_hold_no_words(start: Start) -> None:
    port = free_port()
    gateway = await start(metrics_port=port)
    chat = await gateway.chat()
    await chat.say("my xylophonist hurts")
    await chat.say("xylophonist: feels like an elephant on my chest")
    gateway.rasa.status = 503
    await chat.say("xylophonist again")
    found = await page(port)
    assert 'vagus_replies_total{kind="smalltalk"}' in found
    assert 'vagus_red_flags_total{kind="emergency",level="alarm"}' in found
    assert "vagus_dialogue_outages_total" in found
    assert "vagus_dialogue_seconds_bucket" in found
    assert "xylophonist" not in found
    session_id = gateway.house.signatures.session_id(chat.session["token"]) or ""
    assert session_id not in found


async def test_metrics_are_for_this_machine_only_and_not_on_the_public_port(start: Start) -> None:
    port = free_port()
    gateway = await start(metrics_port=port)
    assert listening_addresses(port) == {"0100007F"}
    assert (await (await gateway.client()).get("/metrics")).status_code == 404


async def test_gateway_serves_without_metrics_when_their_port_is_taken(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gateway = await start(metrics_port=port)
        assert await (await gateway.chat()).say("hello")
        await gateway.stop()
    assert f"VAGUS_METRICS_PORT: port {port} cannot be used" in caplog.text


async def test_metrics_stop_with_the_gateway(start: Start) -> None:
    port = free_port()
    gateway = await start(metrics_port=port)
    assert await page(port)
    await gateway.stop()
    await asyncio.sleep(0)
    with pytest.raises(httpx.ConnectError):
        await page(port)
