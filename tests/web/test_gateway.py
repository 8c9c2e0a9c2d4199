"""The widget on a clinic's page against the real gateway, without Rasa behind it: who may embed, what is left when that is down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import expect

from bot.gateway.app import create_app
from bot.gateway.settings import GatewaySettings
from bot.web.__main__ import script_tag
from knowledge.settings import ROOT
from tests.web.driver import Chat
from tests.web.fake_api import WEB, Server, build_site
from tests.web.test_xss import CORPUS, assert_harmless

pytestmark = pytest.mark.browser

CHEST_PAIN = "there's an elephant sitting on my chest and my arm went numb"
PAGE = '<!doctype html><html lang="en"><title>A clinic</title><main><h1>A clinic</h1></main>{}</html>'


@pytest.fixture
def facts() -> dict[str, Any]:
    """What a test changes in clinic.yml."""
    return {}


@pytest.fixture
def gateway(tmp_path: Path, site: Server, facts: dict[str, Any]) -> Iterator[Server]:
    """The real gateway, on a port that stays its own, for the pages of `site` alone."""
    sample = yaml.safe_load((ROOT / "bot" / "clinic.yml").read_text("utf-8"))
    clinic = tmp_path / "clinic.yml"
    clinic.write_text(yaml.safe_dump({**sample, "allowed_origins": [site.url], **facts}), "utf-8")
    environ = {"VAGUS_CLINIC": str(clinic), "VAGUS_VAR": str(tmp_path / "var"), "VAGUS_METRICS_PORT": "0"}
    nobody = {"VAGUS_RASA_URL": "http://127.0.0.1:9", "VAGUS_ACTION_URL": "http://127.0.0.1:9"}
    server = Server(create_app(GatewaySettings.from_env(environ | nobody)), lifespan="on")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def embedded(chat: Chat, site: Server, gateway: Server, pages: dict[str, tuple[str, str]]) -> Chat:
    """The widget on an allowed page with a strict policy and the script pinned, opened."""
    tag = script_tag(gateway.url, (WEB / "widget.js").read_bytes())
    pages["clinic"] = (PAGE.format(tag), f"default-src 'self' {gateway.url}; require-trusted-types-for 'script'")
    return chat.open(f"{site.url}/clinic")


def test_allowed_page_with_a_pinned_script_and_a_strict_policy_chats(embedded: Chat) -> None:
    expect(embedded.replies.first).to_contain_text("Please don't share names")
    expect(embedded.dialog.locator(".head")).to_contain_text("Sample Pain Clinic")
    expect(embedded.outage).to_be_empty()


def test_page_that_is_not_allowed_gets_no_session_and_shows_the_numbers(
    chat: Chat, gateway: Server, pages: dict[str, tuple[str, str]]
) -> None:
    other = Server(build_site(pages), host="localhost")
    other.start()
    pages["other"] = (PAGE.format(f'<script src="{gateway.url}/widget.js" data-phone="+1 212-555-0142"></script>'), "")
    chat.visit(f"{other.url}/other").launcher.click()
    expect(chat.outage.get_by_role("link", name="+1 212-555-0142")).to_be_visible()
    expect(chat.root.get_by_role("link", name="Emergency: 911")).to_be_visible()
    chat.ask("hello")
    expect(chat.replies).to_have_count(0)
    other.stop()


def test_demo_page_cannot_be_framed(
    chat: Chat, site: Server, gateway: Server, pages: dict[str, tuple[str, str]]
) -> None:
    pages["frame"] = (PAGE.format(f'<iframe src="{gateway.url}/" title="x"></iframe>'), "")
    refused: list[str] = []
    chat.page.on("console", lambda message: refused.append(message.text))
    chat.visit(f"{site.url}/frame")
    chat.eventually(lambda: any("frame-ancestors" in text for text in refused))
    chat.visit(f"{gateway.url}/")
    expect(chat.launcher).to_be_visible()


def test_emergency_is_answered_and_a_question_gets_the_clinics_number_while_the_dialogue_is_down(
    embedded: Chat,
) -> None:
    embedded.ask("what is leaky gut")
    card = embedded.root.locator(".bot.k-outage")
    expect(card).to_contain_text("call Sample Pain Clinic at (212) 555-0142")
    expect(card.get_by_role("link", name="Call (212)")).to_have_attribute("href", "tel:+12125550142")
    embedded.ask(CHEST_PAIN)
    expect(embedded.alarms.get_by_role("link", name="Call 911")).to_have_attribute("href", "tel:911")


def test_gateway_that_is_killed_and_comes_back_loses_nothing(embedded: Chat, gateway: Server) -> None:
    gateway.stop()
    embedded.ask(CHEST_PAIN)
    expect(embedded.outage.get_by_role("link", name="Call Sample Pain Clinic (212) 555-0142")).to_be_visible()
    expect(embedded.root.get_by_role("link", name="Emergency: 911")).to_be_in_viewport(ratio=1)
    gateway.start()
    expect(embedded.alarms).to_be_visible(timeout=15_000)
    expect(embedded.outage).to_be_empty()
    expect(embedded.questions).to_have_count(1)


def test_erasing_leaves_no_word_in_the_gateways_files(embedded: Chat, tmp_path: Path) -> None:
    embedded.ask("zebrafinch kombucha pilgrimage")
    expect(embedded.root.locator(".bot.k-outage")).to_be_visible()
    files = [path for path in (tmp_path / "var").rglob("*") if path.is_file()]
    assert any(b"zebrafinch" in path.read_bytes() for path in files)
    embedded.erase()
    expect(embedded.toast).to_have_text("Your chat is erased.")
    assert [path.name for path in files if path.exists() and b"zebrafinch" in path.read_bytes()] == []


@pytest.mark.parametrize("facts", [{"name": CORPUS[1], "address": CORPUS[0]}])
def test_hostile_clinic_file_is_shown_as_words(embedded: Chat, facts: dict[str, Any]) -> None:
    expect(embedded.dialog.locator(".head")).to_contain_text(facts["name"])
    embedded.ask("what is leaky gut")
    expect(embedded.root.locator(".bot.k-outage")).to_contain_text(facts["name"])
    assert_harmless(embedded.page)
