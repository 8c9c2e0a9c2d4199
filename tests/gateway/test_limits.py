from __future__ import annotations

import pytest

from bot.gateway.house import CEILING
from bot.gateway.limits import RateLimit
from tests.gateway.conftest import Start

ALARM = "feels like an elephant on my chest"
PROXY, FIRST, SECOND = "10.0.0.1", "198.51.100.1", "198.51.100.2"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# The bucket


def test_limit_lets_its_count_through_and_says_how_long_to_wait() -> None:
    limit = RateLimit(3, 60.0, clock=Clock())
    assert [limit.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]


def test_limit_refills_steadily_and_no_higher_than_its_count() -> None:
    clock = Clock()
    limit = RateLimit(2, 60.0, clock=clock)
    assert [limit.wait("a") for _ in range(3)] == [0.0, 0.0, 30.0]
    clock.now = 29.0
    assert limit.wait("a") == pytest.approx(1.0)
    clock.now = 30.0
    assert limit.wait("a") == 0.0
    clock.now = 10_000.0
    assert [limit.wait("a") for _ in range(3)] == [0.0, 0.0, 30.0]


def test_limit_counts_each_key_by_itself() -> None:
    limit = RateLimit(1, 60.0, clock=Clock())
    assert [limit.wait(key) for key in ("a", "b", "a")] == [0.0, 0.0, 60.0]


def test_limit_counts_the_ipv6_addresses_of_one_home_together() -> None:
    limit = RateLimit(1, 60.0, clock=Clock())
    home, neighbour = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), "2001:db8:1:3::1"
    assert [limit.wait(key) for key in (*home, neighbour)] == [0.0, 60.0, 0.0]
    mapped = ("::ffff:198.51.100.1", "::ffff:198.51.100.2", "198.51.100.1", "not:an:address")
    assert [limit.wait(key) for key in mapped] == [0.0, 0.0, 60.0, 0.0]


def test_limit_of_zero_is_none() -> None:
    limit = RateLimit(0, 60.0)
    assert not any(limit.wait("a") for _ in range(1000))


def test_limit_forgets_the_keys_seen_longest_ago_so_that_a_flood_cannot_fill_the_memory() -> None:
    limit = RateLimit(1, 60.0, clock=Clock(), keys=100)
    for number in range(1000):
        limit.wait(str(number))
    assert len(limit._buckets) == 100
    assert limit.wait("999") > 0
    assert limit.wait("0") == 0.0


# In the API


async def test_too_many_messages_of_a_session_get_429_with_retry_after(start: Start) -> None:
    gateway = await start(messages_per_minute=2)
    chat = await gateway.chat()
    assert [(await chat.send("hello")).status_code for _ in range(3)] == [200, 200, 429]
    response = await chat.send("hello")
    assert 1 <= int(response.headers["retry-after"]) <= 30
    error = response.json()["error"]
    assert error["code"] == "rate_limited"
    assert f"wait {response.headers['retry-after']} seconds" in error["message"]
    assert len(gateway.rasa.heard) == 2
    assert (await (await gateway.chat()).send("hello")).status_code == 200


async def test_too_many_requests_of_an_address_get_429_whatever_the_session(start: Start) -> None:
    gateway = await start(requests_per_minute=3)
    one, two = await gateway.chat(FIRST), await gateway.chat(FIRST)
    assert (await one.send("hello")).status_code == 200
    for response in (
        await two.send("hello"),
        await two.http.get("/api/v1/messages"),
        await two.http.get("/api/v1/clinic"),
        await two.http.post("/api/v1/sessions"),
        await two.http.delete("/api/v1/session"),
    ):
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) >= 1
    assert (await (await gateway.chat(SECOND)).send("hello")).status_code == 200


async def test_too_many_new_sessions_of_an_address_get_429(start: Start) -> None:
    gateway = await start(sessions_per_hour=2)
    http = await gateway.client(FIRST)
    assert [(await http.post("/api/v1/sessions")).status_code for _ in range(3)] == [201, 201, 429]
    assert (await http.get("/api/v1/clinic")).status_code == 200


@pytest.mark.parametrize("setting", ["messages_per_minute", "requests_per_minute"])
async def test_alarm_is_never_turned_away_by_a_limit(start: Start, setting: str) -> None:
    gateway = await start(**{setting: 2})
    chat = await gateway.chat()
    for _ in range(4):
        await chat.send("hello")
    assert (await chat.send("hello")).status_code == 429
    for _ in range(3):
        response = await chat.send(ALARM)
        assert response.status_code == 200
        assert [reply["kind"] for reply in response.json()["replies"]] == ["emergency"]
    assert (await chat.send("hello again")).status_code == 429


@pytest.mark.parametrize("setting", ["sessions_per_hour", "requests_per_minute"])
async def test_emergency_is_answered_although_the_limit_leaves_no_session(start: Start, setting: str) -> None:
    gateway = await start(**{setting: 1})
    await gateway.chat()
    http = await gateway.client()
    assert (await http.post("/api/v1/sessions")).status_code == 429
    response = await http.post("/api/v1/messages", json={"client_message_id": "a", "text": ALARM})
    assert [reply["kind"] for reply in response.raise_for_status().json()["replies"]] == ["emergency"]
    response = await http.post("/api/v1/messages", json={"client_message_id": "a", "text": "hello"})
    assert response.status_code == 401


async def test_flood_of_an_address_is_turned_away_unread_and_nobody_elses_message(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await start(requests_per_minute=1)
    chat, other = await gateway.chat(FIRST), await gateway.chat(SECOND)
    read = []
    flag = gateway.house.conversations._flag
    monkeypatch.setattr(gateway.house.conversations, "_flag", lambda *said: read.append(said) or flag(*said))
    seen = [(await chat.send("hello")).status_code for _ in range(20)]
    assert set(seen) == {429}
    assert CEILING <= len(read) < 20
    assert (await chat.send(ALARM)).status_code == 429
    assert (await other.send(ALARM)).status_code == 200


async def test_health_is_not_limited(start: Start) -> None:
    gateway = await start(requests_per_minute=1)
    http = await gateway.client()
    assert [(await http.get("/healthz")).status_code for _ in range(3)] == [200] * 3


# Whose address it is


async def test_forwarded_address_counts_only_behind_a_trusted_proxy(start: Start) -> None:
    gateway = await start(requests_per_minute=2, trusted_proxies=f"{PROXY}, 10.0.0.2")
    behind_proxy = await gateway.client(PROXY)
    for address in (FIRST, SECOND):
        seen = [
            (await behind_proxy.get("/api/v1/clinic", headers={"X-Forwarded-For": address})).status_code
            for _ in range(3)
        ]
        assert seen == [200, 200, 429], address


async def test_forwarded_address_from_anyone_else_is_ignored(start: Start) -> None:
    gateway = await start(requests_per_minute=2, trusted_proxies=PROXY)
    liar = await gateway.client(SECOND)
    seen = [
        (await liar.get("/api/v1/clinic", headers={"X-Forwarded-For": f"198.51.100.{number}"})).status_code
        for number in range(10, 13)
    ]
    assert seen == [200, 200, 429]


async def test_addresses_that_the_patient_wrote_before_the_proxys_own_are_ignored(start: Start) -> None:
    gateway = await start(requests_per_minute=2, trusted_proxies=PROXY)
    behind_proxy = await gateway.client(PROXY)
    seen = [
        (await behind_proxy.get("/api/v1/clinic", headers={"X-Forwarded-For": f"1.2.3.{n}, {FIRST}"})).status_code
        for n in range(3)
    ]
    assert seen == [200, 200, 429]


async def test_proxy_that_forwards_nothing_counts_as_itself(start: Start) -> None:
    gateway = await start(requests_per_minute=2, trusted_proxies=PROXY)
    behind_proxy = await gateway.client(PROXY)
    seen = [(await behind_proxy.get("/api/v1/clinic")).status_code for _ in range(3)]
    assert seen == [200, 200, 429]
