"""Asking and reading: what a patient does when everything works."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.conftest import PHONE, NewContext
from tests.web.driver import QUESTION, Chat
from tests.web.fake_api import CRISIS, EMERGENCY, POISON, SLEEP, Fake, Fault, answer, clinic, passage, reply

pytestmark = pytest.mark.browser


def test_question_is_answered_with_passage_source_reviewer_and_disclaimer(chat: Chat, fake: Fake) -> None:
    chat.open().ask()

    expect(chat.questions).to_contain_text([QUESTION])
    card = chat.cards.first
    expect(card.get_by_role("heading", name=SLEEP["heading"])).to_be_visible()
    expect(card).to_contain_text("Poor sleep can turn up the volume on pain.")
    expect(card).to_contain_text("Sample content, not yet reviewed by a clinician.")
    expect(card).to_contain_text("Reviewed by Sample reviewer, February 16, 2026")
    expect(card).to_contain_text("This is general education, not medical advice.")
    source = card.get_by_role("link", name=re.compile("National Institute"))
    expect(source).to_have_attribute("href", SLEEP["url"])
    expect(source).to_have_attribute("rel", "noopener noreferrer")
    assert fake.texts() == [QUESTION]


def test_text_becomes_paragraphs_and_lists(chat: Chat, fake: Fake) -> None:
    text = "First line\nsecond line\n\nTry:\n- one\n- two\n\n3. three\n4. four\n\nLast."
    fake.answers["list"] = [answer(passage("Lists", text))]
    chat.open().ask("list")

    body = chat.cards.first.locator(".passage")
    expect(body.locator("p:not(.source)")).to_have_text(["First line\nsecond line", "Try:", "Last."])
    expect(body.locator("ul > li")).to_have_text(["one", "two"])
    expect(body.locator("ol[start='3'] > li")).to_have_text(["three", "four"])


def test_related_question_button_is_sent_back_as_button_and_shown_as_said(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.button("How does stress reach the gut?").click()

    expect(chat.questions.nth(1)).to_contain_text("How does stress reach the gut?")
    expect(chat.cards).to_have_count(2)
    assert fake.received[1].keys() == {"client_message_id", "button"}
    assert fake.received[1]["button"] == "b1.stress"


def test_button_that_was_taken_is_not_sent_twice(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    simpler = chat.button("Say it simpler")
    simpler.dblclick()

    expect(chat.cards).to_have_count(2)
    expect(simpler.first).to_be_disabled()
    assert fake.texts() == [QUESTION, "b1.simpler"]


def test_every_message_shows_its_time(chat: Chat) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    expect(chat.root.locator("time")).to_have_count(3)
    expect(chat.root.locator("time").first).to_have_text(re.compile(r"^\d{1,2}:\d\d.[AP]M$"))


def test_message_of_another_day_shows_its_date(chat: Chat, fake: Fake) -> None:
    chat.page.clock.set_fixed_time("2026-03-01T15:04:00Z")
    chat.open().ask()
    expect(chat.questions.locator("time")).to_have_text(re.compile(r"^10:04.AM$"))
    chat.page.clock.set_fixed_time("2026-03-03T15:04:00Z")
    chat.page.reload()
    expect(chat.questions.locator("time")).to_have_text(re.compile(r"^Mar 1, 2026, 10:04.AM$"))


def test_question_field_grows_with_its_words_and_shrinks_when_they_are_sent(phone: Chat, fake: Fake) -> None:
    def height() -> float:
        box = phone.input.bounding_box()
        assert box is not None
        return box["height"]

    phone.open()
    before = height()
    phone.input.type("why does my gut hurt more after a bad night of sleep " * 2)
    assert height() > before + 30
    assert phone.input.evaluate("node => node.scrollHeight <= node.clientHeight")
    phone.input.press("Enter")
    assert abs(height() - before) < 1


def test_typing_is_shown_while_an_answer_takes_long(chat: Chat, fake: Fake) -> None:
    fake.faults.append(Fault(delay=1))
    chat.open().ask()
    expect(chat.root.get_by_text("Looking for an answer")).to_be_attached()
    expect(chat.cards).to_have_count(1)
    expect(chat.root.get_by_text("Looking for an answer")).not_to_be_attached()


def test_thumbs_up_is_saved(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.button("Yes").click()
    expect(chat.button("Yes")).to_have_attribute("aria-pressed", "true")
    expect(chat.root.get_by_text("Thank you.")).to_be_visible()
    assert [rating["rating"] for rating in fake.feedback] == ["up"]


def test_thumbs_down_takes_an_optional_reason(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.button("No").click()
    chat.button("Hard to understand").click()
    expect(chat.button("Hard to understand")).to_be_hidden()
    assert [(rating["rating"], rating.get("reason")) for rating in fake.feedback] == [
        ("down", None),
        ("down", "hard_to_understand"),
    ]


def test_feedback_that_was_not_saved_says_so(chat: Chat) -> None:
    chat.open().ask()
    chat.page.route("**/feedback", lambda route: route.abort())
    chat.button("Yes").click()
    expect(chat.root.get_by_text("That did not work. Please try again.")).to_be_visible()
    expect(chat.button("Yes")).to_have_attribute("aria-pressed", "false")


def test_first_open_says_what_it_is_and_what_not_to_share(chat: Chat) -> None:
    chat.open()
    intro = chat.root.locator(".intro")
    expect(intro).to_contain_text("This is not a person or a doctor.")
    expect(intro).to_contain_text("Please do not share names, birth dates, or health records.")
    expect(intro).to_be_in_viewport()


def test_banner_tells_whether_the_clinic_is_open(chat: Chat, fake: Fake) -> None:
    chat.open()
    expect(chat.dialog).to_contain_text("Sample Pain Clinic · Closed now. Opens Monday at 7:30 AM.")
    fake.clinic = clinic(open_now=True, hours_text="Open now, until 4:30 PM.")
    chat.page.reload()
    expect(chat.dialog).to_contain_text("Open now, until 4:30 PM.")


def test_emergency_and_crisis_numbers_are_on_screen_at_all_times(phone: Chat, fake: Fake) -> None:
    phone.open()
    for _ in range(4):
        phone.ask()
    expect(phone.cards).to_have_count(4)
    for name, href in (("Emergency: 911", "tel:911"), ("Crisis: 988", "tel:988")):
        number = phone.root.locator(".foot").get_by_role("link", name=name)
        expect(number).to_be_in_viewport(ratio=1)
        expect(number).to_have_attribute("href", href)


def test_numbers_are_the_clinics_own(chat: Chat, fake: Fake) -> None:
    fake.clinic = clinic(emergency={"emergency": "112", "crisis": "116 123", "poison": "030 19240"})
    chat.open()
    expect(chat.root.get_by_role("link", name="Crisis: 116 123")).to_have_attribute("href", "tel:116123")
    expect(chat.root.get_by_role("link", name="Emergency: 112")).to_have_attribute("href", "tel:112")


def test_emergency_reply_stands_alone_with_a_number_to_tap(phone: Chat, fake: Fake) -> None:
    fake.answers["chest"] = [EMERGENCY]
    phone.open().ask("my chest is tight")

    alarm = phone.alarms
    expect(alarm.get_by_role("heading", name="Emergency")).to_be_visible()
    call = alarm.get_by_role("link", name="Call 911")
    expect(call).to_have_attribute("href", "tel:911")
    expect(call).to_be_in_viewport(ratio=1)
    box = call.bounding_box()
    assert box is not None
    assert box["height"] >= 48
    expect(alarm.get_by_text("Did this help?")).to_have_count(0)
    assert alarm.locator(".card").evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(163, 22, 27)"


@pytest.mark.parametrize("alarm", [EMERGENCY, CRISIS, POISON], ids=["emergency", "crisis", "poison"])
def test_number_to_tap_follows_the_first_line_and_shows_without_scrolling_on_the_smallest_phone(
    new_context: NewContext, fake: Fake, alarm: dict[str, object]
) -> None:
    chat = Chat(new_context(**{**PHONE, "viewport": {"width": 320, "height": 568}}).new_page())
    fake.answers["help"] = [alarm]
    chat.open().ask("help")
    expect(chat.alarms.get_by_role("link").first).to_be_in_viewport(ratio=1)
    order = chat.alarms.locator(".passage > *").evaluate_all("nodes => nodes.map((node) => node.localName)")
    assert order[:2] == ["p", "a"]
    assert order[-1] == "p"


def test_number_on_a_button_is_never_broken_over_two_lines(phone: Chat, fake: Fake) -> None:
    fake.answers["pills"] = [POISON]
    phone.open().ask("pills")
    link = phone.alarms.get_by_role("link").first
    expect(link).to_have_text("Call Poison Control: 1\u2011800\u2011222\u20111222")
    expect(link).to_have_attribute("href", "tel:18002221222")


def test_crisis_reply_offers_call_and_text(phone: Chat, fake: Fake) -> None:
    fake.answers["live"] = [CRISIS]
    phone.open().ask("i do not want to live")
    links = phone.alarms.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert links == ["tel:988", "sms:988", "tel:911"]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("emergency", ["tel:911"]), ("crisis", ["tel:988", "tel:911"]), ("poison", ["tel:18002221222", "tel:911"])],
)
def test_alarm_without_buttons_still_has_numbers_to_tap(chat: Chat, fake: Fake, kind: str, numbers: list[str]) -> None:
    fake.answers["help"] = [reply(kind, "Get help now.")]
    chat.open().ask("help")
    expect(chat.alarms).to_be_visible()
    links = chat.alarms.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert links == numbers


@pytest.mark.parametrize(
    "kind", ["urgent", "no_answer", "redirect", "clinic", "callback", "menu", "smalltalk", "outage"]
)
def test_other_kinds_are_shown_as_a_plain_card(chat: Chat, fake: Fake, kind: str) -> None:
    buttons = [{"label": "Call the clinic", "value": "tel:+12125550142"}]
    fake.answers["other"] = [reply(kind, "Some words.", buttons=buttons)]
    chat.open().ask("other")
    card = chat.replies.nth(1)
    expect(card).to_contain_text("Some words.")
    expect(card.get_by_role("link", name="Call the clinic")).to_have_attribute("href", "tel:+12125550142")
    assert card.evaluate("node => getComputedStyle(node).padding + getComputedStyle(node).position") == "0pxstatic"


def test_summary_opens_a_page_to_print(chat: Chat) -> None:
    chat.open().ask()
    with chat.page.expect_popup() as opened:
        chat.button("Save for my appointment").last.click()
    paper = opened.value
    expect(paper.get_by_role("heading", level=1)).to_have_text("For my appointment")
    expect(paper.locator("main")).to_contain_text("Sample Pain Clinic, +1 212-555-0142")
    expect(paper.locator("main")).to_contain_text("Poor sleep can turn up the volume on pain.")
    expect(paper.get_by_role("listitem").last).to_have_text("Which small change should I try first?")
    assert paper.title() == "For my appointment"
    paper.evaluate("window.print = () => { window.printed = true }")
    paper.get_by_role("button", name="Print").click()
    assert paper.evaluate("window.printed")
    paper.emulate_media(media="print")
    expect(paper.get_by_role("button", name="Print")).to_be_hidden()


def test_summary_without_questions_has_no_empty_heading(chat: Chat, fake: Fake) -> None:
    fake.summary = {"questions_to_ask": []}
    chat.open().ask()
    with chat.page.expect_popup() as opened:
        chat.choose("Save for my appointment")
    headings = opened.value.get_by_role("heading")
    expect(headings).to_have_text(["For my appointment", re.compile("^You asked"), SLEEP["heading"]])


def test_summary_that_fails_closes_its_page_and_says_so(chat: Chat) -> None:
    chat.open()
    chat.page.route("**/summary", lambda route: route.abort())
    chat.choose("Save for my appointment")
    expect(chat.toast).to_have_text("That did not work. Please try again.")
    chat.eventually(lambda: len(chat.page.context.pages) == 1)


def test_conversation_is_there_after_a_reload_and_on_another_page(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    for path in ("/", "/?another=page"):
        chat.visit(path)
        expect(chat.cards).to_have_count(1)
        expect(chat.questions).to_have_count(1)
        expect(chat.replies).to_have_count(2)
    assert fake.texts() == [QUESTION]


def test_open_chat_opens_again_on_the_next_page_without_taking_the_keyboard(chat: Chat) -> None:
    chat.open()
    chat.visit("/?next")
    expect(chat.dialog).to_be_visible()
    assert chat.page.evaluate("document.activeElement.localName") == "body"


def test_phone_shows_the_next_page_not_the_chat(phone: Chat) -> None:
    phone.open()
    phone.visit("/?next")
    expect(phone.launcher).to_be_visible()
    expect(phone.dialog).to_be_hidden()


def test_new_chat_clears_the_screen_and_opens_a_session(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.choose("Start a new chat")
    expect(chat.cards).to_have_count(0)
    expect(chat.replies).to_have_count(1)
    assert len(fake.sessions) == 2


def test_erase_asks_first_and_then_really_erases(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.choose("Erase my chat")
    chat.button("Keep this chat").click()
    expect(chat.cards).to_have_count(1)

    chat.erase()
    expect(chat.toast).to_have_text("Your chat is erased.")
    expect(chat.questions).to_have_count(0)
    assert len(fake.erased) == 1
    kept = chat.page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    assert QUESTION not in kept
    assert fake.erased[0] not in kept


def test_erase_reaches_the_chats_that_were_left_for_a_new_one(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    chat.choose("Start a new chat")
    expect(chat.questions).to_have_count(0)
    chat.erase()
    expect(chat.toast).to_have_text("Your chat is erased.")
    assert len(fake.erased) == 2


def test_shift_enter_makes_a_line_and_spaces_are_not_sent(chat: Chat, fake: Fake) -> None:
    chat.open()
    chat.input.fill("   ")
    chat.input.press("Enter")
    chat.input.type("one")
    chat.input.press("Shift+Enter")
    chat.input.type("two")
    chat.button("Send").click()
    expect(chat.cards).to_have_count(1)
    assert fake.texts() == ["one\ntwo"]


def test_long_text_is_sent_whole_so_that_the_safety_screen_reads_its_end(chat: Chat, fake: Fake) -> None:
    chat.open().ask("pain " * 900 + "and my chest is tight")
    expect(chat.questions.locator("time")).to_have_count(1)
    assert fake.texts()[0].endswith("and my chest is tight")


def test_refusal_is_shown_in_the_servers_words(chat: Chat, fake: Fake) -> None:
    fake.faults.append(Fault(status=413, message="That message is too long."))
    chat.open().ask()
    expect(chat.questions).to_contain_text("That message is too long.")
    chat.root.get_by_role("button", name="Not sent. Tap to retry").click()
    expect(chat.cards).to_have_count(1)


def test_answer_is_scrolled_to_its_question(phone: Chat) -> None:
    phone.open().ask()
    expect(phone.cards).to_have_count(1)
    expect(phone.questions.first).to_be_in_viewport(ratio=1)
    expect(phone.cards.first.get_by_role("heading")).to_be_in_viewport(ratio=1)


def test_spanish_page_gets_spanish_words_and_answers_marked_as_english(
    chat: Chat, pages: dict[str, tuple[str, str]], site: object, server: object
) -> None:
    tag = f'<script src="{server.url}/widget.js" defer></script>'  # type: ignore[attr-defined]
    pages["es"] = (f'<!doctype html><html lang="es-MX"><title>Clínica</title><body>{tag}</body></html>', "")
    chat.visit(f"{site.url}/es")  # type: ignore[attr-defined]
    chat.root.get_by_role("button", name="Haga una pregunta").click()
    expect(chat.dialog).to_contain_text("No comparta nombres")
    expect(chat.dialog.get_by_role("link", name="Emergencia: 911")).to_be_visible()
    chat.ask()
    expect(chat.cards.locator("[lang=en]")).to_be_visible()
    expect(chat.cards).to_contain_text("Revisado por Sample reviewer, 16 de febrero de 2026")
