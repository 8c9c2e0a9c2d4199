"""The widget in real Chromium against the real processes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.assistant import Running
from tests.web.conftest import CHROMIUM_ARGS
from tests.web.driver import Chat

pytestmark = [pytest.mark.slow, pytest.mark.browser]

QUESTION = "does leaky gut make my joints hurt?"


@pytest.fixture(scope="module")
def page(assistant: Running) -> Iterator[Page]:
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser.new_context(base_url=assistant.url, viewport={"width": 390, "height": 844}).new_page()
        browser.close()


def test_patient_asks_on_the_demo_page_and_reads_an_approved_passage(page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    chat = Chat(page).open()
    chat.ask(QUESTION)
    log = page.get_by_role("log")
    expect(log).to_contain_text("It is not shown that leaky gut makes joints hurt", timeout=20_000)
    expect(log).to_contain_text("Sample content")
    expect(log).to_contain_text("Leaky Gut Syndrome: Myths and Management")
    expect(log).to_contain_text("This is general education, not medical advice")
    assert requested
    host = page.url.split("/")[2]
    assert {url.split("/")[2] for url in requested if url.startswith("http")} == {host}


def test_emergency_stands_out_with_a_link_that_dials(page: Page) -> None:
    chat = Chat(page).open()
    chat.ask("feels like an elephant on my chest")
    expect(page.get_by_role("log").locator("a[href='tel:911']").first).to_be_visible(timeout=20_000)
