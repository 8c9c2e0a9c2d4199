"""The widget in real Chromium against the real processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.assistant import Running
from tests.web.conftest import CHROMIUM_ARGS, SCREENSHOTS
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
    chat = Chat(page).visit("/?emergency")
    chat.launcher.click()
    chat.ask("feels like an elephant on my chest")
    expect(page.get_by_role("log").locator("a[href='tel:911']").first).to_be_visible(timeout=20_000)


def test_patient_reads_it_simpler_rates_it_saves_it_comes_back_and_erases_it(page: Page, assistant: Running) -> None:
    page.evaluate("sessionStorage.clear()")
    chat = Chat(page).open()
    chat.ask(QUESTION)
    expect(chat.cards).to_have_count(1, timeout=20_000)
    chat.button("Say it simpler").click()
    expect(chat.cards).to_have_count(2, timeout=20_000)
    expect(chat.cards.nth(1)).to_contain_text("We do not know that leaky gut causes joint pain")
    assert Axe().run(page).response["violations"] == []

    chat.button("No").last.click()
    chat.button("I need more").last.click()
    with closing(sqlite3.connect(assistant.var / "gateway.db")) as database:
        chat.eventually(lambda: ("down", "need_more") in database.execute("select rating, reason from feedback"))

    with page.expect_popup() as opened:
        chat.choose("Save for my appointment")
    expect(opened.value.get_by_role("main")).to_contain_text("We do not know that leaky gut causes joint pain")
    expect(opened.value.get_by_role("main")).not_to_contain_text("Say it simpler")
    expect(opened.value.get_by_role("main")).to_contain_text("This is general education, not medical advice")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.value.screenshot(path=SCREENSHOTS / "real-appointment.png", full_page=True)
    opened.value.close()

    chat.visit("/?next").launcher.click()
    expect(chat.cards).to_have_count(2)
    page.screenshot(path=SCREENSHOTS / "real-answer.png", animations="disabled")
    chat.erase()
    expect(chat.toast).to_have_text("Your chat is erased.")
    expect(chat.cards).to_have_count(0)


def test_dialogue_that_is_killed_and_comes_back(page: Page, assistant: Running) -> None:
    chat = Chat(page).open()
    assistant.kill("bot.rasa_server")
    chat.ask("what is leaky gut")
    outage = page.locator(".k-outage")
    expect(outage).to_contain_text("(212) 555-0142", timeout=20_000)
    expect(outage.get_by_role("link", name="Emergency: 911")).to_have_attribute("href", "tel:911")
    assistant.wait_until_ready()
    chat.ask("what is leaky gut")
    expect(chat.cards).to_have_count(1, timeout=20_000)
