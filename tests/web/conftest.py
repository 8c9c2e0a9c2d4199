"""Chromium and a scripted gateway for the widget's tests.

The browser is stopped with this folder: Playwright's loop would get in the way of the asyncio tests of others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.web.driver import Chat
from tests.web.fake_api import Fake, Server, build_app, build_site

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, started once."""
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server_and_fake() -> Iterator[tuple[Server, Fake]]:
    """One port for the whole run; `fake` below empties it between tests."""
    fake = Fake()
    server = Server(build_app(fake))
    server.start()
    yield server, fake
    server.stop()


@pytest.fixture
def server(server_and_fake: tuple[Server, Fake]) -> Server:
    """The scripted gateway's address, and its off switch."""
    return server_and_fake[0]


@pytest.fixture
def fake(server_and_fake: tuple[Server, Fake]) -> Fake:
    """The scripted gateway's memory, empty."""
    server_and_fake[1].reset()
    return server_and_fake[1]


@pytest.fixture
def pages() -> dict[str, tuple[str, str]]:
    """Pages of somebody else's website: path to (HTML, Content-Security-Policy)."""
    return {}


@pytest.fixture
def site(pages: dict[str, tuple[str, str]]) -> Iterator[Server]:
    """Somebody else's website, on another origin than the gateway."""
    server = Server(build_site(pages), host="localhost")
    server.start()
    yield server
    server.stop()


NewContext = Callable[..., BrowserContext]


@pytest.fixture
def new_context(browser: Browser, server: Server) -> Iterator[NewContext]:
    """Opens browser profiles; every one is closed. An exception that nobody caught on a page fails the test."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_context(**options: Any) -> BrowserContext:
        defaults: dict[str, Any] = {
            "base_url": server.url,
            "viewport": {"width": 1280, "height": 800},
            "locale": "en-US",
            "timezone_id": "America/New_York",
        }
        context = browser.new_context(**{**defaults, **options})
        context.set_default_timeout(5000)
        context.on("weberror", lambda failure: failures.append(str(failure.error)))
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()
    assert failures == []


@pytest.fixture
def context(new_context: NewContext, fake: Fake) -> BrowserContext:
    """A desktop browser profile."""
    return new_context()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A desktop page, nothing loaded yet."""
    return context.new_page()


@pytest.fixture
def chat(page: Page) -> Chat:
    """The widget on a desktop, nothing loaded yet."""
    return Chat(page)


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def phone(new_context: NewContext, fake: Fake) -> Chat:
    """The widget on a phone, nothing loaded yet."""
    return Chat(new_context(**PHONE).new_page())
