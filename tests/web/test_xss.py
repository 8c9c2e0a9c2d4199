"""Hostile words everywhere a word can come from: nothing runs, nothing links where it should not."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.driver import Chat
from tests.web.fake_api import Fake, Server, answer, clinic, passage, reply

pytestmark = pytest.mark.browser

CORPUS = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<svg onload=window.hacked=1><animate onbegin=window.hacked=1 attributeName=x dur=1s>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "<details open ontoggle=window.hacked=1>",
    "<a href=javascript:window.hacked=1>click</a>",
    '"><input autofocus onfocus=window.hacked=1>',
    "' onmouseover='window.hacked=1' x='",
    "</textarea><script>window.hacked=1</script>",
    "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1}",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.hacked=1&gt;'>",
    "\uff1cscript\uff1ewindow.hacked=1\uff1c/script\uff1e",
    "\u202egro.cinilc//:sptth\u202c <script>window.hacked=1</script>",
    "\u2066<b>\u2069\u0000\u0007\u200b<script\u0000>window.hacked=1</script>",
    "\U000e0041\U000e0042tagged",
]
ADDRESSES = [
    "javascript:window.hacked=1",
    " javascript:window.hacked=1",
    "java\nscript:window.hacked=1",
    "JaVaScRiPt:window.hacked=1",
    "\u0001javascript:window.hacked=1",
    "\u202ejavascript:window.hacked=1",
    "data:text/html,<script>window.hacked=1</script>",
    "vbscript:window.hacked=1",
    "blob:https://clinic.example/1",
    "file:///etc/passwd",
    "//evil.example/",
    "/relative",
    "https:javascript:window.hacked=1",
]
SAFE_SCHEMES = {"http:", "https:", "tel:", "sms:", "mailto:"}

SURVEY = """() => {
    const root = document.querySelector('vagus-chat').shadowRoot;
    const nodes = [...root.querySelectorAll('*')];
    return {
        hacked: window.hacked,
        tags: [...new Set(nodes.map((node) => node.localName))],
        handlers: nodes.flatMap((node) => node.getAttributeNames()).filter((name) => name.startsWith('on')),
        schemes: [...new Set([...root.querySelectorAll('a')].map((link) => link.protocol))],
    };
}"""
TAGS = "a article b br button dialog div form h2 h3 i label li ol p path section span svg textarea time ul"
OWN_TAGS = set(TAGS.split())


@pytest.fixture
def open_page(chat: Chat, site: Server, server: Server, pages: dict[str, tuple[str, str]]) -> str:
    """A page without any policy, so that only the widget itself stands in the way."""
    pages["open"] = (
        f'<!doctype html><html lang="en"><title>x</title><body><script src="{server.url}/widget.js" defer></script>',
        "",
    )
    return f"{site.url}/open"


def assert_harmless(page: Page) -> dict[str, Any]:
    page.wait_for_timeout(50)
    survey: dict[str, Any] = page.evaluate(SURVEY)
    assert survey["hacked"] is None
    assert set(survey["tags"]) <= OWN_TAGS
    assert survey["handlers"] == []
    assert set(survey["schemes"]) <= SAFE_SCHEMES
    return survey


def test_hostile_questions_are_shown_as_they_were_typed(chat: Chat, fake: Fake, open_page: str) -> None:
    fake.answers[""] = [reply("smalltalk", "ok")]
    chat.open(open_page)
    for text in CORPUS:
        chat.ask(text)
    expect(chat.questions.locator("time")).to_have_count(len(CORPUS), timeout=15000)
    assert_harmless(chat.page)
    expect(chat.questions.first).to_contain_text(CORPUS[0])
    chat.page.reload()
    expect(chat.questions).to_have_count(len(CORPUS))
    assert_harmless(chat.page)


def test_hostile_answers_are_words_and_their_links_go_nowhere(chat: Chat, fake: Fake, open_page: str) -> None:
    hostile = [
        answer(
            passage(text, text, source=text, url=ADDRESSES[at % len(ADDRESSES)], reviewed_by=text, reviewed_on=text),
            text=text,
            notice=text,
            disclaimer=text,
            buttons=[{"label": text, "value": ADDRESSES[at % len(ADDRESSES)]}],
        )
        for at, text in enumerate(CORPUS)
    ]
    fake.answers["all"] = hostile
    fake.answers["alarm"] = [reply(kind, text, notice=text) for kind in ("emergency", "crisis") for text in CORPUS[:4]]
    chat.open(open_page).ask("all")
    expect(chat.cards).to_have_count(len(CORPUS))
    chat.ask("alarm")
    expect(chat.alarms).to_have_count(8)
    assert_harmless(chat.page)
    chat.root.get_by_role("button", name=CORPUS[0], exact=True).first.click()
    expect(chat.questions).to_have_count(3)
    assert_harmless(chat.page)


@pytest.mark.parametrize("address", ADDRESSES)
def test_source_with_a_hostile_address_is_not_a_link_or_not_a_script(
    chat: Chat, fake: Fake, open_page: str, address: str
) -> None:
    fake.answers["source"] = [answer(passage("Heading", "Text.", source="A source", url=address))]
    chat.open(open_page).ask("source")
    expect(chat.cards.first).to_contain_text("Source: A source")
    assert_harmless(chat.page)


def test_hostile_clinic_facts_are_words(chat: Chat, fake: Fake, open_page: str) -> None:
    bad = CORPUS[1]
    fake.clinic = clinic(name=bad, phone=bad, phone_uri=ADDRESSES[0], hours_text=bad)
    fake.clinic["emergency"] = {"emergency": bad, "crisis": bad, "poison": bad}
    chat.open(open_page)
    expect(chat.dialog.locator(".head")).to_contain_text(bad)
    chat.page.context.set_offline(True)
    expect(chat.outage).to_contain_text(bad)
    assert_harmless(chat.page)


def test_hostile_options_of_the_tag_and_what_the_tab_remembers_are_words(
    chat: Chat, fake: Fake, site: Server, server: Server, pages: dict[str, tuple[str, str]]
) -> None:
    bad = CORPUS[1]
    options = " ".join(f"data-{name}='{bad}'" for name in ("label", "heading", "teaser", "accent", "name", "phone"))
    pages["bad"] = (
        f"<!doctype html><html lang='en'><title>x</title><body><script src='{server.url}/widget.js' {options} defer>"
        "</script>",
        "",
    )
    fake.clinic = clinic(name=bad, phone=bad, emergency={"emergency": bad, "crisis": bad, "poison": bad})
    chat.visit(f"{site.url}/bad")
    expect(chat.root.get_by_text(bad)).to_have_count(2)
    assert_harmless(chat.page)
    chat.root.get_by_role("button", name=bad).click()
    expect(chat.replies).to_have_count(1)
    expect(chat.dialog.get_by_role("heading", name=bad)).to_be_visible()
    assert_harmless(chat.page)
    chat.page.route("**/panel.js", lambda route: route.abort())
    chat.page.reload()
    expect(chat.alarms).to_contain_text(bad)
    assert_harmless(chat.page)


def test_hostile_kind_and_button_value_are_inert(chat: Chat, fake: Fake, open_page: str) -> None:
    buttons = [{"label": "Call", "value": 'tel:911" onclick="window.hacked=1'}, {"label": "Go", "value": "constructor"}]
    fake.answers["kind"] = [
        reply('x" onclick="window.hacked=1', "Words.", buttons=buttons),
        reply("constructor", "More."),
    ]
    chat.open(open_page).ask("kind")
    expect(chat.root.get_by_text("More.")).to_be_visible()
    chat.button("Go").click()
    expect(chat.questions).to_have_count(2)
    assert_harmless(chat.page)


def test_hostile_summary_is_words(chat: Chat, fake: Fake, open_page: str) -> None:
    bad = CORPUS[1]
    items = [{"question": text, "passages": [passage(text, text, source=text, url=ADDRESSES[0])]} for text in CORPUS]
    fake.summary = {"title": bad, "items": items, "questions_to_ask": CORPUS, "disclaimer": bad, "notice": bad}
    chat.open(open_page).ask()
    expect(chat.cards).to_have_count(1)
    with chat.page.expect_popup() as opened:
        chat.choose("Save for my appointment")
    paper = opened.value
    expect(paper.get_by_role("heading", level=1)).to_have_text(bad)
    assert paper.locator("script, img, iframe, [onerror], [onload], a[href^='javascript']").count() == 0
    assert paper.evaluate("window.hacked") is None
    assert_harmless(chat.page)


def test_marks_that_reverse_or_hide_text_are_dropped(chat: Chat, fake: Fake, open_page: str) -> None:
    fake.answers["mark"] = [answer(passage("a\u202eb\u2066c\U000e0041d\u0007e", "Text."))]
    chat.open(open_page).ask("mark")
    assert chat.cards.first.get_by_role("heading").text_content() == "abcde"


def test_damaged_storage_is_ignored(chat: Chat, fake: Fake, open_page: str, server: Server) -> None:
    for value in ("{", "null", "[]", '{"entries": null}', '"<script>"'):
        chat.page.goto(open_page + "/no-widget-here")
        script = "([key, value]) => { sessionStorage.clear(); sessionStorage.setItem(key, value) }"
        chat.page.evaluate(script, [f"vagus:{server.url}/", value])
        chat.open(open_page)
