from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from knowledge.settings import ROOT
from tests.gateway.conftest import Chat, Gateway, Start

OWN_SITE, OTHER_SITE = "https://www.clinic.example", "https://elsewhere.example"


@pytest.fixture
async def embedded(start: Start, tmp_path: Path) -> Gateway:
    """A gateway whose clinic allows its own site to embed the widget."""
    fields = yaml.safe_load((ROOT / "bot" / "clinic.yml").read_text(encoding="utf-8"))
    path = tmp_path / "clinic.yml"
    path.write_text(yaml.safe_dump({**fields, "allowed_origins": [OWN_SITE]}), encoding="utf-8")
    return await start(clinic=path)


async def test_every_response_forbids_sniffing_and_referrers(gateway: Gateway) -> None:
    http = await gateway.client()
    responses = [
        await http.get("/"),
        await http.get("/healthz"),
        await http.get("/api/v1/clinic"),
        await http.post("/api/v1/sessions"),
        await http.get("/api/v1/messages"),
        await http.get("/nothing"),
        await http.put("/api/v1/messages"),
        await http.post("/api/v1/sessions", content=b"x" * 200_000),
    ]
    assert [response.status_code for response in responses] == [200, 200, 200, 201, 401, 404, 405, 413]
    for response in responses:
        assert response.headers["x-content-type-options"] == "nosniff", response.url
        assert response.headers["referrer-policy"] == "no-referrer", response.url


async def test_conversations_are_kept_by_no_cache(chat: Chat) -> None:
    for response in (await chat.send("hello"), await chat.http.get("/api/v1/messages"), await chat.erase()):
        assert response.headers["cache-control"] == "no-store"


async def test_demo_page_has_a_strict_policy_and_asks_no_third_party(gateway: Gateway) -> None:
    page = await (await gateway.client()).get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "<script>" not in page.text


async def test_every_error_has_a_code_and_a_message(gateway: Gateway) -> None:
    http = await gateway.client()
    for response, code in (
        (await http.get("/nothing"), "not_found"),
        (await http.get("/api/v1/nothing"), "not_found"),
        (await http.put("/api/v1/messages"), "not_allowed"),
        (await http.get("/nothing.js"), "not_found"),
        (await http.get("/api/v1/messages"), "session_expired"),
        (await http.post("/api/v1/sessions", content=b"x" * 200_000), "too_long"),
    ):
        assert set(response.json()) == {"error"}, response.text
        assert response.json()["error"]["code"] == code
        assert response.json()["error"]["message"]


async def test_widget_may_be_loaded_by_any_page(gateway: Gateway) -> None:
    http = await gateway.client()
    names = [path.name for path in (ROOT / "bot" / "web").glob("*.js")]
    assert names
    for name in names:
        script = await http.get(f"/{name}", headers={"Origin": OTHER_SITE})
        assert script.status_code == 200
        assert script.headers["content-type"].startswith("text/javascript")
        assert script.headers["access-control-allow-origin"] == "*"
        assert script.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fgateway%2fapp.js",
        "/%2e%2e/gateway/store.py",
        "/web/../gateway/store.py",
        "/web/%2e%2e%2fclinic.yml",
        "/.js",
        "/web/__main__.py",
        "/web/..%2f..%2fvar%2fsecret.key",
    ],
)
async def test_no_other_file_is_served(gateway: Gateway, path: str) -> None:
    response = await (await gateway.client()).get(path)
    assert response.status_code == 404
    assert b"import" not in response.content


async def test_cross_origin_calls_are_for_allowed_sites_only(embedded: Gateway) -> None:
    http = await embedded.client()
    allowed = await http.post("/api/v1/sessions", headers={"Origin": OWN_SITE})
    assert allowed.headers["access-control-allow-origin"] == OWN_SITE
    assert "access-control-allow-credentials" not in allowed.headers
    for origin in (OTHER_SITE, "null", "https://www.clinic.example.evil.example", "http://www.clinic.example"):
        response = await http.post("/api/v1/sessions", headers={"Origin": origin})
        assert "access-control-allow-origin" not in response.headers, origin


async def test_preflight_allows_what_the_widget_needs_and_no_more(embedded: Gateway) -> None:
    http = await embedded.client()
    asked = {"Origin": OWN_SITE, "Access-Control-Request-Headers": "authorization,content-type"}
    for method in ("GET", "POST", "DELETE"):
        response = await http.options("/api/v1/messages", headers={**asked, "Access-Control-Request-Method": method})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == OWN_SITE
    refused = [
        {**asked, "Access-Control-Request-Method": "PUT"},
        {**asked, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-forwarded-for"},
        {**asked, "Access-Control-Request-Method": "POST", "Origin": OTHER_SITE},
    ]
    for headers in refused:
        assert (await http.options("/api/v1/messages", headers=headers)).status_code == 400


async def test_error_of_an_allowed_site_can_be_read_by_it_with_its_waiting_time(
    start: Start, embedded: Gateway
) -> None:
    gateway = await start(clinic=embedded.settings.clinic, requests_per_minute=1)
    http = await gateway.client(origin=OWN_SITE)
    await http.get("/api/v1/clinic")
    response = await http.get("/api/v1/clinic")
    assert response.status_code == 429
    assert response.headers["access-control-allow-origin"] == OWN_SITE
    assert "retry-after" in response.headers["access-control-expose-headers"].lower()


async def test_body_that_is_too_big_is_refused_before_it_is_read(chat: Chat, gateway: Gateway) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"x" * 1000

    headers = {"Content-Length": str(10**9), "Content-Type": "application/json"}
    response = await chat.http.post("/api/v1/messages", content=endless(), headers=headers)
    assert response.status_code == 413
    response = await chat.http.post("/api/v1/messages", content=endless())  # of unknown length
    assert response.status_code == 413
    assert gateway.rasa.heard == []


async def test_openapi_describes_every_call_of_the_contract(gateway: Gateway) -> None:
    paths = (await (await gateway.client()).get("/api/v1/openapi.json")).raise_for_status().json()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert calls == {
        "GET /api/v1/clinic",
        "POST /api/v1/sessions",
        "POST /api/v1/messages",
        "GET /api/v1/messages",
        "POST /api/v1/feedback",
        "GET /api/v1/summary",
        "DELETE /api/v1/session",
    }


async def test_interactive_docs_that_load_third_party_scripts_are_off(gateway: Gateway) -> None:
    http = await gateway.client()
    for path in ("/docs", "/redoc"):
        assert (await http.get(path)).status_code == 404
