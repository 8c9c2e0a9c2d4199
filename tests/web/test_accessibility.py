"""WCAG 2.2 AA: axe in every state, keyboard, screen reader tree, zoom, small screens, motion, colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import PHONE, NewContext
from tests.web.driver import QUESTION, Chat
from tests.web.fake_api import CRISIS, EMERGENCY, POISON, Fake, Fault, Server, answer, passage, reply

pytestmark = pytest.mark.browser

URGENT = reply(
    "urgent", "Please call your clinic today.", buttons=[{"label": "Call the clinic", "value": "tel:+12125550142"}]
)
LONG_WORD = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3


def violations(page: Page) -> list[str]:
    """Every rule of axe that the page breaks, with the first element that does."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:120]} {rule['nodes'][0]['failureSummary'][:300]}" for rule in found
    ]


def closed(chat: Chat, fake: Fake) -> None:
    chat.visit()
    expect(chat.launcher).to_be_visible()


def first_open(chat: Chat, fake: Fake) -> None:
    chat.open()


def answered(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)


def rated(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    chat.button("Say it simpler").click()
    expect(chat.cards).to_have_count(2)
    chat.button("No").first.click()
    expect(chat.root.get_by_text("Thank you.")).to_be_visible()


def menu(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    chat.button("Options").click()


def confirming(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    chat.choose("Erase my chat")
    expect(chat.confirmation).to_be_visible()


def alarms(chat: Chat, fake: Fake) -> None:
    fake.answers.update({"chest": [EMERGENCY], "live": [CRISIS], "pills": [POISON], "today": [URGENT]})
    chat.open().ask("my chest").ask("live").ask("pills").ask("today")
    expect(chat.replies).to_have_count(5)


def failing(chat: Chat, fake: Fake) -> None:
    fake.faults.append(Fault(413, message="That message is too long."))
    chat.open().ask()
    expect(chat.root.get_by_role("button", name="Not sent. Tap to retry")).to_be_visible()


def down(chat: Chat, fake: Fake) -> None:
    chat.open()
    fake.down = True
    chat.ask()
    expect(chat.outage).to_contain_text("We cannot reach the chat.")
    expect(chat.root.get_by_text("Sending")).to_be_visible()


def typing(chat: Chat, fake: Fake) -> None:
    chat.open()
    fake.faults.append(Fault(delay=1))
    chat.ask()
    expect(chat.root.get_by_text("Looking for an answer")).to_be_attached()


def offline(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    chat.page.context.set_offline(True)
    chat.ask("later")
    expect(chat.root.get_by_text("Waiting for a connection")).to_be_visible()


def erased(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    chat.erase()
    expect(chat.toast).to_have_text("Your chat is erased.")


STATES = [closed, first_open, answered, rated, menu, confirming, alarms, failing, down, typing, offline, erased]
LOOKS: list[dict[str, Any]] = [{}, {"color_scheme": "dark"}, {**PHONE, "viewport": {"width": 320, "height": 568}}]


@pytest.mark.parametrize("look", LOOKS, ids=["desktop", "dark", "phone"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(
    new_context: NewContext, fake: Fake, state: Callable[[Chat, Fake], None], look: dict[str, Any]
) -> None:
    chat = Chat(new_context(**look).new_page())
    state(chat, fake)
    assert violations(chat.page) == []


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}], ids=["light", "dark"])
@pytest.mark.parametrize("accent", ["#6a1b9a", "#0d47a1", "#1b1b1b"])
def test_axe_finds_nothing_with_the_clinics_own_colour(
    new_context: NewContext,
    fake: Fake,
    site: Server,
    server: Server,
    pages: dict[str, tuple[str, str]],
    look: dict[str, Any],
    accent: str,
) -> None:
    tag = f'<script src="{server.url}/widget.js" data-accent="{accent}" data-teaser="Ask us" defer></script>'
    html = f'<!doctype html><html lang="en"><title>Clinic</title><main><h1>Clinic</h1>{tag}</main></html>'
    pages["own"] = (html, "")
    chat = Chat(new_context(**look).new_page())
    chat.visit(f"{site.url}/own")
    expect(chat.launcher).to_be_visible()
    assert violations(chat.page) == []
    chat.launcher.click()
    expect(chat.replies).to_have_count(1)
    chat.ask()
    expect(chat.cards).to_have_count(1)
    assert violations(chat.page) == []


def test_axe_finds_nothing_when_the_panel_cannot_load(chat: Chat) -> None:
    chat.page.route("**/panel.js", lambda route: route.abort())
    chat.visit().launcher.click()
    expect(chat.alarms).to_be_visible()
    assert violations(chat.page) == []


def test_axe_finds_nothing_on_the_appointment_page(chat: Chat, fake: Fake) -> None:
    answered(chat, fake)
    with chat.page.expect_popup() as opened:
        chat.choose("Save for my appointment")
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    assert violations(opened.value) == []


def test_whole_conversation_works_from_the_keyboard(chat: Chat, fake: Fake) -> None:
    page = chat.visit().page
    keys = page.keyboard

    def focused() -> str:
        script = "() => { const a = document.activeElement; const b = a.shadowRoot ? a.shadowRoot.activeElement : a;"
        return str(page.evaluate(script + " return b.getAttribute('aria-label') || b.id || b.textContent.trim() }"))

    def tab_to(name: str, key: str = "Tab") -> None:
        for _ in range(40):
            if focused() == name:
                return
            keys.press(key)
        raise AssertionError(f"{name!r} is not reached with {key}; the focus is on {focused()!r}")

    tab_to("Ask a question")
    keys.press("Enter")
    expect(chat.input).to_be_focused()
    keys.type(QUESTION)
    keys.press("Enter")
    expect(chat.cards).to_have_count(1)
    expect(chat.input).to_be_focused()

    tab_to("Yes", "Shift+Tab")
    keys.press("Space")
    expect(chat.button("Yes")).to_have_attribute("aria-pressed", "true")
    tab_to("How does stress reach the gut?")
    keys.press("Enter")
    expect(chat.cards).to_have_count(2)

    tab_to("Options", "Shift+Tab")
    keys.press("Enter")
    assert focused() == "Save for my appointment"
    keys.press("Escape")
    assert focused() == "Options"
    expect(chat.button("Options")).to_have_attribute("aria-expanded", "false")

    keys.press("Enter")
    tab_to("Erase my chat")
    keys.press("Enter")
    assert focused() == "Keep this chat"
    keys.press("Escape")
    expect(chat.confirmation).to_be_hidden()
    expect(chat.input).to_be_focused()

    keys.press("Escape")
    expect(chat.dialog).to_be_hidden()
    expect(chat.launcher).to_be_focused()


@pytest.mark.parametrize("leave", ["click elsewhere", "tab out"])
def test_menu_closes_when_it_is_left(chat: Chat, fake: Fake, leave: str) -> None:
    menu(chat, fake)
    item = chat.button("Start a new chat")
    expect(item).to_be_visible()
    if leave == "tab out":
        for _ in range(3):
            chat.page.keyboard.press("Tab")
    else:
        chat.dialog.get_by_role("heading", name="Gut health and pain").click()
    expect(item).to_be_hidden()
    expect(chat.button("Options")).to_have_attribute("aria-expanded", "false")
    chat.button("Options").click()
    expect(item).to_be_visible()
    chat.button("Options").click()
    expect(item).to_be_hidden()


def test_states_are_attributes_so_that_older_browsers_announce_them(chat: Chat, fake: Fake) -> None:
    chat.page.add_init_script(
        "for (const name of ['Expanded', 'Live', 'Disabled', 'Pressed']) delete Element.prototype[`aria${name}`]"
    )
    menu(chat, fake)
    expect(chat.button("Options")).to_have_attribute("aria-expanded", "true")
    expect(chat.log).to_have_attribute("aria-live", "polite")
    chat.button("Say it simpler").click()
    expect(chat.button("Say it simpler").first).to_have_attribute("aria-disabled", "true")


def test_alarm_in_spanish_is_read_in_spanish(chat: Chat, fake: Fake) -> None:
    fake.answers["pecho"] = [
        reply("emergency", "Por favor, llame al 911 ahora mismo.\nEl teléfono no es de emergencias.")
    ]
    fake.answers["cafe"] = [answer(passage("Is café au lait bad for me?", "We do not know."))]
    chat.open().ask("me duele el pecho").ask("cafe")
    expect(chat.alarms.locator(".card")).to_have_attribute("lang", "es")
    expect(chat.cards.locator(".card")).to_have_attribute("lang", "en")


def test_desktop_panel_lets_the_page_be_read_and_phone_panel_keeps_the_focus(
    chat: Chat, phone: Chat, fake: Fake
) -> None:
    chat.open()
    chat.page.get_by_role("link", name="Our care").click()
    expect(chat.dialog).to_be_visible()

    phone.open()
    seen = set()
    for _ in range(25):
        phone.page.keyboard.press("Tab")
        seen.add(phone.page.evaluate("document.activeElement.localName"))
    assert seen <= {"vagus-chat", "body"}


def test_phone_opens_on_the_title_so_that_no_keyboard_covers_the_note(phone: Chat, fake: Fake) -> None:
    phone.open()
    expect(phone.dialog.get_by_role("heading", name="Gut health and pain")).to_be_focused()


def test_screen_reader_tree_of_a_conversation(chat: Chat, fake: Fake) -> None:
    fake.answers["chest"] = [EMERGENCY]
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    chat.ask("my chest is tight")
    expect(chat.alarms).to_be_visible()
    expect(chat.dialog).to_match_aria_snapshot(
        """
        - dialog "Gut health and pain":
          - heading "Gut health and pain" [level=2]
          - paragraph: Sample Pain Clinic · Closed now. Opens Monday at 7:30 AM.
          - button "Options"
          - button "Close chat"
          - log "Conversation":
            - heading "Before you start" [level=3]
            - paragraph: Ask about gut health and long-lasting pain. You get short answers from articles.
            - paragraph: This is not a person or a doctor. It cannot diagnose, read results, or change your medicines.
            - paragraph: Please do not share names, birth dates, or health records.
            - article "Answer":
              - paragraph: Hello. What would you like to know?
              - button "Can the gut make pain worse?"
              - button "Sleep and pain"
              - time: /.+/
            - text: "/You asked: Why does my gut hurt after a bad night\\\\?/"
            - time: /.+/
            - article "Answer":
              - paragraph: Sample content, not yet reviewed by a clinician.
              - heading "Why does my gut hurt more after a bad night?" [level=3]
              - paragraph: /Poor sleep can turn up the volume on pain/
              - paragraph: "Small steps may help:"
              - list:
                - listitem: Get up at the same time each day.
                - listitem: See daylight in the morning.
                - listitem: Keep caffeine for before lunch.
              - paragraph:
                - link "National Institute of Diabetes and Digestive and Kidney Diseases (new tab)"
              - paragraph: Reviewed by Sample reviewer, February 16, 2026
              - paragraph: This is general education, not medical advice. Talk with your provider about your own care.
              - group "Did this help?":
                - button "Yes"
                - button "No"
              - button "How does stress reach the gut?"
              - button "Say it simpler"
              - button "Save for my appointment"
              - time: /.+/
            - text: "/You asked: my chest is tight/"
            - time: /.+/
            - alert "Emergency":
              - heading "Emergency" [level=3]
              - paragraph: This could be an emergency.
              - link "Call 911"
              - paragraph: /Call 911 now/
              - time: /.+/
          - status
          - status
          - status
          - textbox "Type your question"
          - button "Send"
          - paragraph:
            - 'link "Emergency: 911"'
            - 'link "Crisis: 988"'
        """
    )


ANNOUNCED = """(log) => {
    window.announced = [];
    new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
        const owner = (node.nodeType === 1 ? node : node.parentElement).closest('[aria-live], [role=log]');
        if (log.ariaLive === 'polite' && (!owner || owner === log)) window.announced.push(node.className);
    }))).observe(log, { childList: true, subtree: true });
}"""


def test_only_the_new_message_is_announced(chat: Chat, fake: Fake) -> None:
    chat.open().ask("one").ask("two")
    expect(chat.cards).to_have_count(2)
    chat.log.evaluate(ANNOUNCED)
    chat.ask("three")
    expect(chat.cards).to_have_count(3)
    expect(chat.questions.locator("time")).to_have_count(3)
    assert [name.strip() for name in chat.page.evaluate("window.announced")] == ["you", "bot k-answer"]


def test_history_is_shown_but_not_read_out(new_context: NewContext, fake: Fake) -> None:
    context = new_context()
    first, second = Chat(context.new_page()), Chat(context.new_page())
    first.open().ask("one").ask("two").ask("three")
    expect(first.cards).to_have_count(3)
    second.open()
    expect(second.cards).to_have_count(3)
    expect(second.log).to_have_attribute("aria-live", "off")
    second.ask("four")
    expect(second.cards).to_have_count(4)
    expect(second.log).to_have_attribute("aria-live", "polite")


def test_emergency_is_an_alert(chat: Chat, fake: Fake) -> None:
    fake.answers["chest"] = [EMERGENCY]
    chat.open().ask("my chest is tight")
    expect(chat.alarms).to_have_accessible_name("Emergency")


SMALL_TARGETS = """() => {
    const root = document.querySelector('vagus-chat').shadowRoot;
    return [...root.querySelectorAll('button, a, textarea')]
        .filter((node) => node.checkVisibility() && !node.closest('.source'))
        .map((node) => [node.textContent, node.getBoundingClientRect()])
        .filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text);
}"""


@pytest.mark.parametrize("state", [closed, rated, menu, confirming, alarms, failing, down])
def test_every_target_is_at_least_24_pixels(phone: Chat, fake: Fake, state: Callable[[Chat, Fake], None]) -> None:
    state(phone, fake)
    assert phone.page.evaluate(SMALL_TARGETS) == []


SIDEWAYS = """() => [...document.querySelector('vagus-chat').shadowRoot.querySelectorAll('dialog[open], .log, .card')]
    .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.className)"""


@pytest.mark.parametrize("size", [(320, 568), (320, 256), (640, 400)], ids=["320px", "400% zoom", "200% zoom"])
def test_small_window_needs_no_sideways_scrolling_and_hides_nothing(
    new_context: NewContext, fake: Fake, size: tuple[int, int]
) -> None:
    chat = Chat(new_context(viewport={"width": size[0], "height": size[1]}).new_page())
    chat.open().ask(LONG_WORD)
    expect(chat.cards).to_have_count(1)
    assert chat.page.evaluate(SIDEWAYS) == []
    for control in (chat.input, chat.button("Send"), chat.button("Close chat"), chat.root.locator(".foot a").first):
        control.scroll_into_view_if_needed()
        expect(control).to_be_in_viewport(ratio=1)
    chat.button("Close chat").click()
    expect(chat.launcher).to_be_in_viewport(ratio=1)


def test_zooming_in_with_two_fingers_does_not_squeeze_the_panel(phone: Chat, fake: Fake) -> None:
    phone.open()
    whole = phone.dialog.bounding_box()
    devtools = phone.page.context.new_cdp_session(phone.page)
    devtools.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    phone.page.wait_for_function("visualViewport.scale === 2 && visualViewport.height < 500")
    phone.page.wait_for_timeout(100)
    assert whole is not None
    assert phone.dialog.evaluate("node => node.offsetHeight") == whole["height"] == 844


def test_larger_text_of_the_browser_is_respected(chat: Chat, fake: Fake) -> None:
    devtools = chat.page.context.new_cdp_session(chat.page)
    devtools.send("Page.setFontSizes", {"fontSizes": {"standard": 24}})
    answered(chat, fake)
    assert chat.cards.first.evaluate("node => getComputedStyle(node).fontSize") == "24px"
    assert chat.page.evaluate(SIDEWAYS) == []


def test_nothing_moves_for_those_who_asked_for_less_motion(new_context: NewContext, fake: Fake) -> None:
    chat = Chat(new_context(reduced_motion="reduce").new_page())
    typing(chat, fake)
    running = "node => node.getRootNode().getAnimations().length"
    assert chat.dialog.evaluate(running) == 0
    assert chat.root.locator(".typing i").first.evaluate("node => getComputedStyle(node).opacity") == "1"


def test_bubbles_and_buttons_have_edges_in_forced_colours(new_context: NewContext, fake: Fake) -> None:
    chat = Chat(new_context(forced_colors="active").new_page())
    alarms(chat, fake)
    chat.ask()
    expect(chat.cards).to_have_count(1)
    edge = """node => {
        const style = getComputedStyle(node);
        return `${style.borderTopStyle} ${style.borderTopColor !== style.backgroundColor}`;
    }"""
    for part in (".said", ".card", ".choice", ".send", ".alarm .card", ".alarm .call", ".k-urgent .card"):
        assert chat.root.locator(part).first.evaluate(edge) == "solid true", part


def test_thumb_that_was_pressed_differs_by_more_than_its_colour(new_context: NewContext, fake: Fake) -> None:
    chat = Chat(new_context(forced_colors="active").new_page())
    rated(chat, fake)
    fill = "node => getComputedStyle(node.firstChild).fill"
    assert chat.button("No").first.evaluate(fill) != "none"
    assert chat.button("Yes").first.evaluate(fill) == "none"


CONTRAST_OF_FOCUS = """({ shadowRoot: { activeElement: node } }) => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/\\d+/g).slice(0, 3).map((part) => part / 255)
            .map((part) => (part <= 0.04 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const ring = light(getComputedStyle(node).outlineColor);
    const card = light(getComputedStyle(node.closest('.card')).backgroundColor);
    return Math.max(ring, card) / Math.min(ring, card);
}"""


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}], ids=["light", "dark"])
@pytest.mark.parametrize("alarm", [EMERGENCY, CRISIS, POISON], ids=["emergency", "crisis", "poison"])
def test_focus_on_a_number_of_an_alarm_stands_out(
    new_context: NewContext, fake: Fake, alarm: dict[str, Any], look: dict[str, Any]
) -> None:
    chat = Chat(new_context(**look).new_page())
    fake.answers["help"] = [alarm]
    chat.open().ask("help")
    expect(chat.alarms).to_be_visible()
    chat.page.keyboard.press("Shift+Tab")
    assert float(chat.root.evaluate(CONTRAST_OF_FOCUS)) >= 3


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}], ids=["light", "dark"])
def test_focus_is_visible_on_every_control(new_context: NewContext, fake: Fake, look: dict[str, Any]) -> None:
    chat = Chat(new_context(**look).new_page())
    answered(chat, fake)
    outline_of_focus = """({ shadowRoot: { activeElement: node } }) =>
        node ? getComputedStyle(node).outline : 'outside'"""
    outlines = []
    for _ in range(14):
        chat.page.keyboard.press("Shift+Tab")
        outlines.append(chat.root.evaluate(outline_of_focus))
    inside = [outline for outline in outlines if outline != "outside"]
    assert len(inside) >= 10
    assert [outline for outline in inside if not re.search(r"solid 3px|3px solid|solid .*3px", outline)] == []


def test_panel_follows_the_theme_of_the_browser_or_the_page(new_context: NewContext, fake: Fake) -> None:
    background = "node => getComputedStyle(node).backgroundColor"
    dark = Chat(new_context(color_scheme="dark").new_page()).open()
    assert dark.dialog.evaluate(background) == "rgb(23, 32, 34)"
    dark.root.evaluate("chat => chat.setAttribute('theme', 'light')")
    assert dark.dialog.evaluate(background) == "rgb(255, 255, 255)"
    light = Chat(new_context().new_page()).open()
    light.root.evaluate("chat => chat.setAttribute('theme', 'dark')")
    assert light.dialog.evaluate(background) == "rgb(23, 32, 34)"
