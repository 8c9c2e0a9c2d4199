"""Commands, buttons and deep links."""

from __future__ import annotations

import json

import pytest

from bot.telegram.phrases import COMMANDS
from tests.telegram.fake_rasa import DISCLAIMER
from tests.telegram.fake_telegram import reply_with
from tests.telegram.gateways import Gateway

pytestmark = pytest.mark.slow

NUMBERS = ("911", "988", "1-800-222-1222")


def values_of(shared: Gateway, method: str) -> dict[str, str]:
    return next(values for called, values in shared.telegram.calls if called == method)


def test_commands_and_descriptions_are_registered_with_the_numbers_in_sight(shared: Gateway) -> None:
    shared.telegram.wait_for(lambda: any(called == "setChatMenuButton" for called, _ in shared.telegram.calls))
    names = [command["command"] for command in json.loads(values_of(shared, "setMyCommands")["commands"])]
    assert names == ["start", "help", "topics", "hours", "callback", "save", "privacy", "forget", "stop"]
    description = values_of(shared, "setMyDescription")["description"]
    short = values_of(shared, "setMyShortDescription")["short_description"]
    assert len(description) <= 512
    assert len(short) <= 120
    assert all(number in description and number in short for number in NUMBERS)


def test_start_says_what_it_is_and_is_not_and_pins_the_numbers(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    (sent,) = telegram.say(chat, "/start")
    assert all(number in sent.text.split("\n")[0] for number in NUMBERS)
    assert "computer program" in sent.text
    assert "can't diagnose" in sent.text
    assert "not private enough" in sent.text
    telegram.wait_for(lambda: telegram.chats[chat].pinned == [sent.message_id])
    telegram.say(chat, "/start")
    telegram.settle()
    assert telegram.chats[chat].pinned == [sent.message_id], "pinned once"


def test_start_begins_a_new_conversation(shared: Gateway, chat: int) -> None:
    shared.telegram.say(chat, "first of two")
    shared.telegram.say(chat, "/start")
    shared.telegram.say(chat, "second of two")
    senders = [sender for sender, text in shared.rasa.asked if text in ("first of two", "second of two")]
    assert len(set(senders)) == 2


def test_deep_link_greets_and_shows_the_articles_first_passage(shared: Gateway, chat: int) -> None:
    greeting, answer = shared.telegram.say(chat, "/start leaky-gut", replies=2)
    assert "computer program" in greeting.text
    assert answer.bold == ["What is leaky-gut#1?"]
    assert ("/ask_passage" + json.dumps({"passage": "leaky-gut#1"})) in [text for _, text in shared.rasa.asked]


def test_deep_link_to_an_article_that_is_gone_leads_to_the_topics(shared: Gateway, chat: int) -> None:
    greeting, menu = shared.telegram.say(chat, "/start no-such-article", replies=2)
    assert "computer program" in greeting.text
    assert [label for label, _ in menu.buttons][-1].startswith("More")
    assert "no-such-article" not in " ".join(text for _, text in shared.rasa.asked)


@pytest.mark.parametrize("rest", ['x"}', "a/b", "a" * 65, "Ünder"])
def test_odd_deep_link_only_greets(shared: Gateway, chat: int, rest: str) -> None:
    shared.telegram.say(chat, f"/start {rest}")
    shared.telegram.settle()
    assert len(shared.telegram.texts(chat)) == 1


def test_help_lists_every_command_and_the_numbers(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "/help")
    assert all(number in sent.text for number in NUMBERS)
    assert all(f"/{name}" in sent.text for name, _ in COMMANDS if name != "help")
    assert "(212) 555-0142" in sent.text


def test_hours_and_callback_go_to_the_dialogue(shared: Gateway, chat: int) -> None:
    (hours,) = shared.telegram.say(chat, "/hours")
    assert hours.text.startswith("Open now")
    shared.telegram.say(chat, "/callback")
    assert shared.rasa.asked[-1][1] == "/request_callback"


def test_unknown_command_is_explained(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "/dance")
    assert "don't know that command" in sent.text


def test_command_with_an_emergency_behind_it_is_an_emergency(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "/help I want to kill myself tonight")
    assert "988" in sent.text
    assert "/topics" not in sent.text


def test_privacy_says_what_is_kept_and_for_how_long(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "/privacy")
    assert "12 hours" in sent.text
    assert "24 hours" in sent.text
    assert "30 days" in sent.text
    assert "/forget" in sent.text
    assert "Telegram itself can read what is written here, and keeps its own copy" in sent.text


def test_topics_are_paged_and_lead_to_a_passage(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    (menu,) = telegram.say(chat, "/topics")
    assert len(menu.buttons) == 9
    message_id, data = telegram.button(chat, "More")
    assert message_id == menu.message_id
    telegram.send(telegram.press_of(chat, data, message_id))
    telegram.wait_for(lambda: len(telegram.chats[chat].edits) == 1)
    edited, second = telegram.chats[chat].edits[0]
    assert edited == menu.message_id
    assert {label for label, _ in second}.isdisjoint({label for label, _ in menu.buttons[:8]})
    assert [label for label, _ in second[-2:]] == ["\u2039 Back", "More \u203a"]
    (topic,) = telegram.press(chat, menu.buttons[0][0])
    assert topic.buttons
    (answer,) = telegram.press(chat, topic.buttons[0][0])
    assert DISCLAIMER in answer.text


def test_related_question_button_is_acknowledged_and_answered(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "what is sleep?")
    (sent,) = telegram.press(chat, "Next question")
    assert sent.bold == ["What is next#1?"]
    query = next(values for called, values in reversed(telegram.calls) if called == "answerCallbackQuery")
    assert query["callback_query_id"] in telegram.answered


def test_press_is_acknowledged_at_once_whatever_it_has_to_wait_for(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    (sent,) = telegram.say(chat, "what is sleep?")
    with shared.rasa.holding("slow one") as asked:
        telegram.send(telegram.message(chat, "slow one"))
        assert asked.wait(10)
        press = telegram.press_of(chat, sent.buttons[0][1], sent.message_id)
        telegram.send(press)
        telegram.wait_for(lambda: press["callback_query"]["id"] in telegram.answered, 5)
        assert len(telegram.texts(chat)) == 1, "the answer itself is still waiting in line"
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 3)


def test_button_of_an_earlier_conversation_still_works(shared: Gateway, chat: int) -> None:
    shared.telegram.say(chat, "what is sleep?")
    shared.telegram.say(chat, "/start")
    (sent,) = shared.telegram.press(chat, "Next question")
    assert sent.bold == ["What is next#1?"]


@pytest.mark.parametrize("data", ["forged", "a.0.b", "~erased-.0.AAAAAAAAAAAAAAAAAAAAAA", "\u00e9" * 30, "~"])
def test_forged_or_stale_button_is_explained(shared: Gateway, chat: int, data: str) -> None:
    telegram = shared.telegram
    telegram.say(chat, "what is sleep?")
    telegram.send(telegram.press_of(chat, data))
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 2)
    assert "no longer works" in telegram.texts(chat)[1]


def test_button_of_another_persons_chat_does_nothing_but_explain(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "/forget")
    _, data = telegram.button(chat, "Yes, erase")
    other = chat + 500_000
    telegram.send(telegram.press_of(other, data))
    telegram.wait_for(lambda: len(telegram.texts(other)) == 1)
    assert "no longer works" in telegram.texts(other)[0]


def test_thumbs_are_recorded_and_thanked_for(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    (sent,) = telegram.say(chat, "what is sleep?")
    assert [label for label, _ in sent.buttons][-2:] == ["\U0001f44d This helped", "\U0001f44e Not really"]
    before = len(shared.rows("select 1 from feedback"))
    press = telegram.press_of(chat, sent.buttons[-1][1], sent.message_id)
    telegram.send(press)
    telegram.wait_for(lambda: press["callback_query"]["id"] in telegram.answered)
    assert telegram.answered[press["callback_query"]["id"]].startswith("Thank you")
    telegram.say(chat, "after that")
    assert len(shared.rows("select 1 from feedback where rating = 'down'")) == before + 1
    assert len(telegram.texts(chat)) == 2


def test_save_sends_a_file_with_questions_passages_and_disclaimer(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    (nothing,) = telegram.say(chat, "/save")
    assert "nothing to save" in nothing.text
    telegram.say(chat, "what is <b>sleep</b>?")
    (file,) = telegram.press(chat, "Save for my appointment")
    assert file.method == "sendDocument"
    page = file.values["document"]
    assert page.startswith("<!doctype html>")
    assert "You asked: what is &lt;b&gt;sleep&lt;/b&gt;?" in page
    assert "Research &lt;goes&gt; on &amp; on." in page
    assert "not medical advice" in page
    assert "911" in page


def test_forget_asks_first_and_then_erases_everywhere(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "xylophonist asks")
    telegram.say(chat, "/start")
    telegram.say(chat, "what is xylophonist pain?")
    senders = {sender for sender, text in shared.rasa.asked if "xylophonist" in text}
    telegram.say(chat, "/forget")
    (kept,) = telegram.press(chat, "No, keep it")
    assert kept.text == "All right, I'll keep it."
    telegram.say(chat, "/forget")
    (gone,) = telegram.press(chat, "Yes, erase it all")
    assert "Your chat is erased" in gone.text
    assert "delete this chat in Telegram" in gone.text
    assert senders <= set(shared.rasa.forgotten)
    telegram.wait_for(lambda: telegram.chats[chat].edits[-1][1] == [])
    telegram.settle()
    for name in ("gateway.db", "gateway.db-wal"):
        assert b"xylophonist" not in (shared.var / name).read_bytes(), name
    left = {row[0] for row in shared.rows("select session_id from telegram_sessions")}
    assert senders.isdisjoint(left)
    (after,) = telegram.say(chat, "hello again")
    assert after.text == "You said: hello again"


def test_forget_takes_back_what_was_not_sent_yet(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "/forget")
    _, data = telegram.button(chat, "Yes, erase it all")
    telegram.chat_faults[chat].append(reply_with(429, "Too Many Requests", retry_after=6))
    telegram.send(telegram.message(chat, f"what is {chat}?"), telegram.message(chat, "what is sleep?"))
    telegram.wait_for(lambda: not telegram.chat_faults[chat])
    telegram.wait_for(lambda: len(shared.rows("select 1 from telegram_outbox where state = 'pending'")) == 2)
    telegram.send(telegram.press_of(chat, data))
    telegram.wait_for(lambda: "Your chat is erased" in telegram.texts(chat)[-1])
    telegram.settle()
    assert not [sent for sent in telegram.chats[chat].sent if sent.bold]
    assert shared.rows("select 1 from telegram_outbox where state = 'pending'") == []


def test_forget_says_so_when_a_part_is_not_reachable(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "remember me")
    telegram.say(chat, "/forget")
    shared.rasa.down = True
    try:
        (gone,) = telegram.press(chat, "Yes, erase it all")
    finally:
        shared.rasa.down = False
    assert "as soon as it is back" in gone.text


def test_stop_ends_the_conversation(shared: Gateway, chat: int) -> None:
    shared.telegram.say(chat, "does rye bread help before the stop")
    (sent,) = shared.telegram.say(chat, "/stop")
    assert "ended" in sent.text
    shared.telegram.say(chat, "does oat bran help after the stop")
    senders = {sender for sender, text in shared.rasa.asked if text.endswith("the stop")}
    assert len(senders) == 2
