"""Updates by webhook: the door, and updates out of order and side by side."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.telegram.updates import ALLOWED_UPDATES
from tests.telegram.fake_telegram import TOKEN
from tests.telegram.gateways import Gateway, close, make
from tests.telegram.shapes import api_updates, broken

pytestmark = pytest.mark.slow

ADDRESS = "https://bot.clinic.example/"


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that takes updates by webhook."""
    gateway = make(tmp_path_factory.mktemp("webhook"), TELEGRAM_WEBHOOK_URL=ADDRESS)
    try:
        gateway.start()
        yield gateway
    finally:
        close(gateway)


def test_webhook_is_set_with_a_secret_and_a_path_that_tell_nothing(hooked: Gateway) -> None:
    webhook = hooked.telegram.webhook
    path = webhook["url"].removeprefix(f"{ADDRESS}telegram/")
    assert len(path) == 22
    assert len(webhook["secret_token"]) == 22
    assert path != webhook["secret_token"]
    assert not any(part in webhook["url"] + webhook["secret_token"] for part in TOKEN.split(":"))
    assert all(kind in webhook["allowed_updates"] for kind in ALLOWED_UPDATES)
    assert "drop_pending_updates" not in webhook or webhook["drop_pending_updates"] == "false"


def test_update_is_stored_before_it_is_acknowledged(hooked: Gateway, chat: int) -> None:
    with hooked.rasa.holding("stored first"):
        update = hooked.telegram.message(chat, "stored first")
        assert hooked.post(update).status_code == 200
        assert hooked.rows("select done from telegram_inbox where update_id = ?", update["update_id"]) == [(0,)]
    hooked.telegram.wait_for(lambda: hooked.telegram.texts(chat) == ["You said: stored first"])


@pytest.mark.parametrize("secret", ["", "wrong", "\u00e9", "x" * 256, "nearly"])
def test_wrong_or_missing_secret_is_403_and_does_nothing(hooked: Gateway, chat: int, secret: str) -> None:
    secret = hooked.secret[:-1] if secret == "nearly" else secret
    headers = {b"X-Telegram-Bot-Api-Secret-Token": secret.encode()} if secret else {}
    path = httpx.URL(hooked.telegram.webhook["url"]).path
    body = hooked.telegram.message(chat, "not from Telegram")
    assert httpx.post(f"{hooked.url}{path}", json=body, headers=headers).status_code == 403
    time.sleep(0.2)
    assert hooked.rasa.questions("not from Telegram") == 0


@pytest.mark.parametrize("path", ["/telegram/wrong", f"/telegram/{TOKEN}", "/telegram/", "/telegram/%00"])
def test_wrong_path_is_404(hooked: Gateway, chat: int, path: str) -> None:
    assert hooked.post(hooked.telegram.message(chat, "lost"), path=path).status_code in (404, 405)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000])
def test_body_that_is_no_json_is_refused(hooked: Gateway, body: bytes) -> None:
    path = httpx.URL(hooked.telegram.webhook["url"]).path
    headers = {"X-Telegram-Bot-Api-Secret-Token": hooked.secret, "Content-Type": "application/json"}
    assert httpx.post(f"{hooked.url}{path}", content=body, headers=headers).status_code == 400


def test_json_that_is_no_update_is_acknowledged_and_ignored(hooked: Gateway) -> None:
    path = httpx.URL(hooked.telegram.webhook["url"]).path
    headers = {"X-Telegram-Bot-Api-Secret-Token": hooked.secret}
    bodies: tuple[object, ...] = ({}, [], 3, {"update_id": 1}, {"update_id": 10**30, "message": {}})
    for body in (*bodies, {"update_id": 4, "poll": {}}):
        assert httpx.post(f"{hooked.url}{path}", json=body, headers=headers).status_code == 200


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(api_updates() | broken(), st.integers(0, 10**6))
def test_fuzzed_updates_are_acknowledged_and_break_nothing(
    hooked: Gateway, update: dict[str, object], number: int
) -> None:
    seen = len(hooked.log)
    assert hooked.post(update | {"update_id": number}).status_code == 200
    assert not re.search(r"Traceback|never retrieved|update \d+ failed|not stored", hooked.log[seen:])


def test_update_that_cannot_be_stored_is_not_acknowledged_and_the_log_does_not_name_the_path(
    own: Callable[..., Gateway],
) -> None:
    gateway = own(TELEGRAM_WEBHOOK_URL=ADDRESS)
    update = gateway.telegram.message(1, "I have crushing chest pain")
    database = sqlite3.connect(gateway.var / "gateway.db", timeout=10, isolation_level=None)
    database.execute("begin immediate")
    try:
        assert gateway.post(update).status_code == 503
        gateway.telegram.wait_for(lambda: len(gateway.telegram.texts(1)) == 1)
    finally:
        database.execute("rollback")
        database.close()
    assert "911" in gateway.telegram.chats[1].sent[0].bold[0], "the patient is told at once all the same"
    assert gateway.post(update).status_code == 200
    path = httpx.URL(gateway.telegram.webhook["url"]).path.rpartition("/")[2]
    assert path not in gateway.log
    assert gateway.secret not in gateway.log
    assert "Traceback" not in gateway.log


def deliver_at_once(hooked: Gateway, updates: list[dict[str, object]]) -> list[int]:
    path = httpx.URL(hooked.telegram.webhook["url"]).path
    headers = {"X-Telegram-Bot-Api-Secret-Token": hooked.secret}
    with httpx.Client(base_url=hooked.url, headers=headers, timeout=20) as http, ThreadPoolExecutor(20) as pool:
        return [response.status_code for response in pool.map(lambda update: http.post(path, json=update), updates)]


def test_update_that_overtook_another_waits_for_it(hooked: Gateway, chat: int) -> None:
    telegram = hooked.telegram
    assert hooked.post(telegram.message(chat, "zero")).status_code == 200
    first, second, third = (telegram.message(chat, text) for text in ("one", "two", "three"))
    assert deliver_at_once(hooked, [third, second, first]) == [200, 200, 200]
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 4)
    assert telegram.texts(chat) == [f"You said: {word}" for word in ("zero", "one", "two", "three")]


def test_concurrent_duplicates_get_one_answer(hooked: Gateway, chat: int) -> None:
    update = hooked.telegram.message(chat, "all at once")
    assert deliver_at_once(hooked, [update] * 20) == [200] * 20
    hooked.telegram.wait_for(lambda: len(hooked.telegram.texts(chat)) == 1)
    hooked.telegram.settle()
    assert hooked.telegram.texts(chat) == ["You said: all at once"]
    assert hooked.rasa.questions("all at once") == 1


def test_many_chats_at_once_are_answered_side_by_side(hooked: Gateway, chat: int) -> None:
    telegram, chats = hooked.telegram, [10_000_000 + chat * 100 + n for n in range(60)]
    hooked.rasa.delay = 0.3
    try:
        started = time.monotonic()
        deliver_at_once(hooked, [telegram.message(one, f"from {one}") for one in chats])
        telegram.wait_for(lambda: all(telegram.texts(one) for one in chats))
        assert time.monotonic() - started < 60 * 0.3 * 0.75
    finally:
        hooked.rasa.delay = 0.0
    assert [telegram.texts(one) for one in chats] == [[f"You said: from {one}"] for one in chats]


def test_webhook_door_is_shut_when_polling(shared: Gateway, own: Callable[..., Gateway], tmp_path: Path) -> None:
    assert httpx.post(f"{shared.url}/telegram/{'A' * 22}", json={}).status_code == 404
