"""Nothing is lost and nothing is sent twice: bad networks, dead servers, expired sessions, several tabs."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.web.driver import QUESTION, Chat
from tests.web.fake_api import EMERGENCY, Fake, Fault, Server, clinic

pytestmark = pytest.mark.browser

RETRY = "Not sent. Tap to retry"


def test_failed_call_is_repeated_under_the_same_id(chat: Chat, fake: Fake) -> None:
    fake.faults.extend([Fault(503), Fault(500)])
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    assert len(fake.received) == 3
    assert len({message["client_message_id"] for message in fake.received}) == 1


def test_answer_that_was_lost_on_the_way_is_fetched_without_running_twice(chat: Chat, fake: Fake) -> None:
    chat.open()
    lost: list[str] = []

    def lose_the_first(route: object) -> None:
        if lost:
            route.continue_()  # type: ignore[attr-defined]
        else:
            lost.append(route.fetch().text())  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]

    chat.page.route("**/api/v1/messages", lose_the_first)
    chat.ask()
    expect(chat.cards).to_have_count(1)
    assert len(fake.received) == 2
    assert len(fake.done) == 1


def test_messages_go_out_in_order(chat: Chat, fake: Fake) -> None:
    fake.faults.extend([Fault(503), Fault(delay=0.3)])
    chat.open().ask("one").ask("two").ask("three")
    expect(chat.cards).to_have_count(3)
    assert fake.texts() == ["one", "two", "three"]


def test_emergency_does_not_wait_behind_a_question_that_hangs(chat: Chat, fake: Fake) -> None:
    fake.answers["chest"] = [EMERGENCY]
    fake.faults.append(Fault(delay=4))
    chat.open().ask("one").ask("my chest is tight")
    expect(chat.alarms).to_be_visible(timeout=3000)
    expect(chat.cards).to_have_count(0)
    expect(chat.cards).to_have_count(1)
    assert len(fake.received) == 2


def test_message_that_cannot_be_sent_offers_a_retry_and_the_clinics_numbers(chat: Chat, fake: Fake) -> None:
    chat.page.clock.install()
    chat.open()
    fake.down = True
    chat.ask()
    expect(chat.outage).to_contain_text("We cannot reach the chat. We keep trying.")
    expect(chat.outage.get_by_role("link", name="Call Sample Pain Clinic +1 212-555-0142")).to_have_attribute(
        "href", "tel:+12125550142"
    )
    expect(chat.outage).to_contain_text("Closed now. Opens Monday at 7:30 AM.")
    expect(chat.root.locator(".foot").get_by_role("link", name="Emergency: 911")).to_be_in_viewport(ratio=1)
    for _ in range(4):
        chat.page.clock.run_for(4000)
        chat.page.wait_for_timeout(100)
    retry = chat.root.get_by_role("button", name=RETRY)
    expect(retry).to_be_visible()

    fake.down = False
    retry.click()
    expect(chat.cards).to_have_count(1)
    expect(chat.outage).to_be_empty()
    assert fake.texts() == [QUESTION]


def test_outage_ends_by_itself_and_the_message_arrives(chat: Chat, fake: Fake) -> None:
    chat.page.clock.install()
    chat.open()
    fake.down = True
    chat.ask()
    for _ in range(4):
        chat.page.clock.run_for(4000)
        chat.page.wait_for_timeout(100)
    expect(chat.root.get_by_role("button", name=RETRY)).to_be_visible()
    fake.down = False
    chat.page.clock.run_for(7000)
    expect(chat.cards).to_have_count(1)
    expect(chat.outage).to_be_empty()


def test_server_that_is_killed_and_comes_back_loses_nothing(chat: Chat, fake: Fake, server: Server) -> None:
    chat.open().ask("before")
    expect(chat.cards).to_have_count(1)
    server.stop()
    chat.ask("during")
    expect(chat.outage).to_contain_text("+1 212-555-0142")
    server.start()
    expect(chat.cards).to_have_count(2, timeout=15000)
    expect(chat.outage).to_be_empty()
    assert fake.texts() == ["before", "during"]


def test_first_open_while_the_server_is_down_shows_what_the_page_knows(chat: Chat, fake: Fake) -> None:
    fake.down = True
    chat.visit().launcher.click()
    expect(chat.outage.get_by_role("link", name="Call Sample Pain Clinic +1 212-555-0142")).to_be_visible()
    expect(chat.root.locator(".foot")).to_contain_text("Emergency: 911")
    chat.ask()
    fake.down = False
    expect(chat.cards).to_have_count(1, timeout=10000)


def test_panel_that_cannot_load_leaves_numbers_to_call(chat: Chat, fake: Fake) -> None:
    chat.page.route("**/panel.js", lambda route: route.abort())
    chat.visit().launcher.click()
    expect(chat.alarms).to_contain_text("The chat cannot open right now. Please try again soon.")
    numbers = chat.alarms.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert numbers == ["tel:+12125550142", "tel:911", "tel:988"]


def test_stylesheet_that_cannot_load_leaves_numbers_and_a_second_try_works(chat: Chat, fake: Fake) -> None:
    chat.page.route("**/panel.css", lambda route: route.abort())
    chat.visit().launcher.click()
    expect(chat.alarms).to_contain_text("Emergency 911")
    chat.page.unroute("**/panel.css")
    chat.launcher.click()
    expect(chat.replies).to_have_count(1)
    expect(chat.alarms).to_have_count(0)


def test_offline_messages_wait_and_go_out_when_back(chat: Chat, fake: Fake) -> None:
    chat.open()
    chat.page.context.set_offline(True)
    chat.ask("one").ask("two")
    expect(chat.outage).to_contain_text("You are offline. We keep your questions until you are back.")
    expect(chat.questions.get_by_text("Waiting for a connection")).to_have_count(2)
    chat.page.context.set_offline(False)
    expect(chat.cards).to_have_count(2)
    expect(chat.outage).to_be_empty()
    assert fake.texts() == ["one", "two"]


def test_message_on_its_way_during_a_reload_is_answered_once(chat: Chat, fake: Fake) -> None:
    fake.faults.append(Fault(delay=1.5))
    chat.open().ask()
    chat.eventually(lambda: len(fake.received) == 1)
    chat.visit("/?reloaded")
    expect(chat.cards).to_have_count(1)
    expect(chat.questions).to_have_count(1)
    assert len(fake.done) == 1


def test_hanging_server_counts_as_down(chat: Chat, fake: Fake) -> None:
    chat.page.clock.install()
    chat.open()
    fake.faults.append(Fault(delay=3))
    chat.ask()
    chat.eventually(lambda: len(fake.received) == 1)
    chat.page.clock.run_for(8100)
    expect(chat.outage).to_contain_text("We cannot reach the chat.")


def test_expired_session_is_renewed_silently(chat: Chat, fake: Fake) -> None:
    chat.open().ask("one")
    expect(chat.cards).to_have_count(1)
    fake.faults.append(Fault(401))
    chat.ask("two")
    expect(chat.cards).to_have_count(2)
    expect(chat.questions).to_have_count(2)
    expect(chat.root.get_by_text("Hello. What would you like to know?")).to_have_count(1)
    expect(chat.outage).to_be_empty()
    assert len(fake.sessions) == 1


def test_erase_reaches_the_session_that_expired(chat: Chat, fake: Fake) -> None:
    chat.open().ask("one")
    expect(chat.cards).to_have_count(1)
    fake.faults.append(Fault(401))
    chat.ask("two")
    expect(chat.cards).to_have_count(2)
    chat.erase()
    expect(chat.toast).to_have_text("Your chat is erased.")
    assert len(set(fake.erased)) == 2


def test_session_that_expires_under_two_messages_is_renewed_once(chat: Chat, fake: Fake) -> None:
    chat.open().ask("one")
    expect(chat.cards).to_have_count(1)
    fake.sessions.clear()
    fake.faults.extend([Fault(delay=2.5), Fault()])
    chat.ask("two").ask("three")
    expect(chat.cards).to_have_count(3)
    assert len(fake.sessions) == 1


def test_banner_and_words_of_the_server_are_fetched_anew_when_the_page_is_looked_at_again(
    chat: Chat, fake: Fake
) -> None:
    chat.open()
    fake.clinic = clinic(open_now=True, hours_text="Open now, until 4:30 PM.")
    chat.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(chat.dialog).to_contain_text("Open now, until 4:30 PM.")


def test_conversation_that_the_server_forgot_is_not_shown_again_after_a_reload(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    fake.sessions.clear()
    chat.visit("/?reloaded")
    expect(chat.replies).to_have_count(1)
    expect(chat.questions).to_have_count(0)


def test_too_many_requests_says_so_and_keeps_the_message(chat: Chat, fake: Fake) -> None:
    fake.faults.append(Fault(429, headers={"Retry-After": "5"}, message="Please wait a few seconds."))
    chat.open().ask()
    expect(chat.questions).to_contain_text("Please wait a few seconds.")
    chat.root.get_by_role("button", name=RETRY).click()
    expect(chat.cards).to_have_count(1)


def test_emergency_is_answered_when_the_server_opens_no_more_sessions(chat: Chat, fake: Fake) -> None:
    fake.full = True
    fake.answers["chest"] = [EMERGENCY]
    chat.visit("/").launcher.click()
    chat.ask("my chest is crushing")
    expect(chat.alarms).to_have_count(1)
    chat.ask("what is leaky gut")
    expect(chat.questions.last).to_contain_text("That was a lot at once.")


def test_erase_while_the_server_is_down_erases_here_at_once_and_there_later(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    fake.down = True
    chat.erase()
    expect(chat.toast).to_have_text("Erased here. Keep this page open until it is erased on our server.")
    expect(chat.questions).to_have_count(0)
    assert QUESTION not in chat.page.evaluate("JSON.stringify(sessionStorage)")
    fake.down = False
    chat.eventually(lambda: len(fake.erased) == 1, seconds=12)


def test_erase_while_the_server_is_down_is_carried_out_after_a_reload(chat: Chat, fake: Fake) -> None:
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
    fake.down = True
    chat.erase()
    expect(chat.questions).to_have_count(0)
    fake.down = False
    chat.visit("/?reloaded")
    chat.eventually(lambda: len(fake.erased) == 1)


def test_new_tab_joins_the_conversation_and_both_stay_in_step(context: BrowserContext, fake: Fake) -> None:
    first, second = Chat(context.new_page()), Chat(context.new_page())
    first.open().ask("from the first tab")
    expect(first.cards).to_have_count(1)

    second.open()
    expect(second.questions).to_contain_text(["from the first tab"])
    second.ask("from the second tab")
    for chat in (first, second):
        expect(chat.questions).to_contain_text(["from the first tab", "from the second tab"])
        expect(chat.cards).to_have_count(2)
    assert len(fake.sessions) == 1
    assert fake.texts() == ["from the first tab", "from the second tab"]


def test_erasing_in_one_tab_erases_in_the_other(context: BrowserContext, fake: Fake) -> None:
    first, second = Chat(context.new_page()), Chat(context.new_page())
    first.open().ask()
    expect(first.cards).to_have_count(1)
    second.open()
    expect(second.cards).to_have_count(1)

    first.erase()
    expect(second.questions).to_have_count(0)
    second.visit("/?reloaded")
    expect(second.replies).to_have_count(1)
    assert QUESTION not in second.page.evaluate("JSON.stringify(sessionStorage)")
    second.ask("after")
    expect(first.questions).to_contain_text(["after"])


@pytest.mark.parametrize(("remember", "kept"), [("device", 1), ("tab", 0)])
def test_conversation_outlives_the_tab_only_where_the_page_says_so(
    context: BrowserContext,
    fake: Fake,
    site: Server,
    server: Server,
    pages: dict[str, tuple[str, str]],
    remember: str,
    kept: int,
) -> None:
    tag = f'<script src="{server.url}/widget.js" data-remember="{remember}" defer></script>'
    pages["page"] = (f'<!doctype html><html lang="en"><title>Clinic</title><body>{tag}</body></html>', "")
    first = Chat(context.new_page()).open(f"{site.url}/page").ask()
    expect(first.cards).to_have_count(1)
    first.page.close()
    second = Chat(context.new_page()).open(f"{site.url}/page")
    expect(second.questions).to_have_count(kept)


def test_browser_that_forbids_storage_still_chats(chat: Chat, fake: Fake) -> None:
    forbid = (
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    chat.page.add_init_script(forbid)
    chat.open().ask()
    expect(chat.cards).to_have_count(1)
