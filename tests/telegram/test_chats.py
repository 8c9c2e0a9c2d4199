"""Ordinary chats, through the real gateway process and a fake Bot API over real HTTP."""

from __future__ import annotations

import json

import pytest

from bot.gateway.settings import GatewaySettings
from bot.safety import SafetyScreen
from tests.e2e.assistant import ROOT
from tests.telegram.fake_rasa import DISCLAIMER
from tests.telegram.gateways import Gateway

pytestmark = pytest.mark.slow

BOT_USER = {"id": 123456, "is_bot": True}


def test_question_gets_its_passage_with_source_and_disclaimer_in_one_message(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "what is leaky gut?")
    assert sent.bold == ["What is leaky gut?"]
    assert "Research <goes> on & on." in sent.text
    assert "Lacy & others" in sent.text
    assert DISCLAIMER in sent.text
    assert sent.text.startswith("Sample content.")
    assert 'href="https://example.org/leaky?a=1&amp;b=2"' in sent.html
    assert '"is_disabled": true' in sent.values["link_preview_options"]


def test_emergency_stands_alone_with_the_number_in_bold(shared: Gateway, chat: int) -> None:
    (sent,) = shared.telegram.say(chat, "crushing chest pain going down my left arm")
    assert "911" in sent.bold[0]
    assert sent.buttons == []


def crisis_that_no_rule_sees() -> str:
    """A crisis that the classifier recognises and the rules do not, however both are taught by now."""
    rules, whole = SafetyScreen.load(None), SafetyScreen.load(GatewaySettings().encoder)
    lines = (ROOT / "tests" / "golden" / "safety" / "crisis.jsonl").read_text(encoding="utf-8").splitlines()
    for text in (json.loads(line)["text"] for line in lines):
        if rules.screen(text) is None and (flag := whole.screen(text)) is not None and flag.level == "alarm":
            return str(text)
    raise AssertionError("the rules see every crisis")


def test_crisis_that_only_the_classifier_sees_does_not_wait_in_line(shared: Gateway, chat: int) -> None:
    telegram, crisis = shared.telegram, crisis_that_no_rule_sees()
    with shared.rasa.holding("slow one") as asked:
        telegram.send(telegram.message(chat, "slow one"))
        assert asked.wait(10)
        (alarm,) = telegram.say(chat, crisis, seconds=4)
        assert "988" in alarm.bold[0]
    telegram.wait_for(lambda: "You said: slow one" in telegram.texts(chat))


def test_messages_of_one_chat_are_answered_in_order(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.send(*(telegram.message(chat, f"how much fiber do beans have? {n}") for n in range(7)))
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 7)
    assert telegram.texts(chat) == [f"You said: how much fiber do beans have? {n}" for n in range(7)]


def test_the_same_update_again_is_not_answered_again(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    update = telegram.message(chat, "is rye bread fine")
    telegram.send(update)
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 1)
    telegram.send(update)
    telegram.say(chat, "and this")
    assert telegram.texts(chat) == ["You said: is rye bread fine", "You said: and this"]
    assert shared.rasa.questions("is rye bread fine") == 1


def test_long_answer_is_split_and_every_piece_carries_the_disclaimer(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.send(telegram.message(chat, "long one"))
    telegram.wait_for(lambda: any("number 399" in text for text in telegram.texts(chat)))
    texts = telegram.texts(chat)
    assert len(texts) >= 3
    assert all(DISCLAIMER in text for text in texts)
    body = " ".join(text.split("\n\nSource:")[0].rsplit("\n\n", 1)[-1] for text in texts)
    assert body == " ".join(f"Sentence number {n} is here & now." for n in range(400))
    assert [bool(sent.buttons) for sent in telegram.chats[chat].sent] == [False] * (len(texts) - 1) + [True]


@pytest.mark.parametrize("kind", ["edited_message", "channel_post", "edited_channel_post", "business_message"])
def test_edits_and_channel_posts_are_ignored(shared: Gateway, chat: int, kind: str) -> None:
    telegram = shared.telegram
    update = telegram.message(chat, "please ignore")
    telegram.send({"update_id": update["update_id"], kind: update["message"]})
    telegram.say(chat, "hello there")
    assert telegram.texts(chat) == ["You said: hello there"]


@pytest.mark.parametrize(
    "service",
    [{"new_chat_members": [{"id": 5, "is_bot": False}]}, {"left_chat_member": {"id": 5}}, {"pinned_message": {}}],
)
def test_joins_and_other_service_messages_are_ignored(shared: Gateway, chat: int, service: dict[str, object]) -> None:
    telegram = shared.telegram
    telegram.send(telegram.message(chat, None, **service))
    telegram.say(chat, "hello there")
    assert telegram.texts(chat) == ["You said: hello there"]


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"photo": [{"file_id": "x"}]}, "pictures"),
        ({"voice": {"file_id": "x"}}, "voice messages"),
        ({"sticker": {"file_id": "x"}}, "only read text"),
        ({"location": {"latitude": 1.0, "longitude": 2.0}}, "only read text"),
        ({"document": {"file_id": "x"}}, "medical records"),
        ({"dice": {"emoji": "\U0001f3b2", "value": 3}}, "only read text"),
        ({"contact": {"phone_number": "1"}}, "please type the number"),
    ],
)
def test_what_is_no_text_gets_a_kind_word(shared: Gateway, chat: int, what: dict[str, object], word: str) -> None:
    telegram = shared.telegram
    telegram.send(telegram.message(chat, None, **what))
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 1)
    (said,) = telegram.texts(chat)
    assert word in said
    assert said.endswith("call 911. In a crisis, call or text 988.")


def test_words_under_a_picture_are_answered_and_screened(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    photo = {"photo": [{"file_id": "x"}]}
    telegram.send(telegram.message(chat, None, caption="what is pacing?", **photo))
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 2)
    assert "can't see pictures" in telegram.texts(chat)[0]
    assert telegram.chats[chat].sent[1].bold == ["What is pacing?"]
    telegram.send(telegram.message(chat, None, caption="I took the whole bottle of pills to die", **photo))
    telegram.wait_for(lambda: len(telegram.texts(chat)) == 3)
    assert "911" in telegram.texts(chat)[2]


def test_album_of_pictures_gets_one_answer(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    album = {"photo": [{"file_id": "x"}], "media_group_id": "a1"}
    telegram.send(*(telegram.message(chat, None, **album) for _ in range(5)))
    telegram.say(chat, "hello there", replies=2)
    assert len(telegram.texts(chat)) == 2


def group_message(shared: Gateway, group: int, text: str, **changes: object) -> dict[str, object]:
    place = {"id": group, "type": "supergroup", "title": "A family"}
    return shared.telegram.message(77, text, chat=place, **changes)


def test_group_is_answered_only_when_addressed(shared: Gateway, chat: int) -> None:
    telegram, group = shared.telegram, -1_000_000 - chat
    telegram.send(
        group_message(shared, group, "what is for dinner?"),
        group_message(shared, group, "/help@some_other_bot"),
        group_message(shared, group, "what is pacing? @Vagus_Bot"),
    )
    telegram.wait_for(lambda: len(telegram.texts(group)) == 2)
    telegram.settle()
    answer, note = telegram.chats[group].sent
    assert answer.bold == ["What is pacing?"]
    assert "Everyone in this group can read this" in note.text
    assert "reply_parameters" in answer.values


def test_group_answers_a_reply_to_the_bot_and_each_person_has_a_chat_of_their_own(shared: Gateway, chat: int) -> None:
    telegram, group = shared.telegram, -1_000_000 - chat
    telegram.send(group_message(shared, group, "hello group", reply_to_message={"message_id": 1, "from": BOT_USER}))
    telegram.wait_for(lambda: len(telegram.texts(group)) == 2)
    telegram.send(
        group_message(shared, group, "/hours@vagus_bot", **{"from": {"id": 78, "is_bot": False}}),
    )
    telegram.wait_for(lambda: len(telegram.texts(group)) == 4)
    senders = {sender for sender, text in shared.rasa.asked if text in ("hello group", "/hours")}
    assert len({sender for sender, text in shared.rasa.asked[-2:]}) == 2, senders


def test_other_bots_are_not_answered(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.send(telegram.message(chat, "hello", **{"from": {"id": 9, "is_bot": True}}))
    telegram.say(chat, "hello there")
    assert telegram.texts(chat) == ["You said: hello there"]


def test_typing_shows_only_when_the_answer_takes_long(shared: Gateway, chat: int) -> None:
    telegram = shared.telegram
    telegram.say(chat, "quick one")
    assert telegram.chats[chat].actions == []
    with shared.rasa.holding("slow one"):
        telegram.send(telegram.message(chat, "slow one"))
        telegram.wait_for(lambda: telegram.chats[chat].actions == ["typing"])
    telegram.wait_for(lambda: "You said: slow one" in telegram.texts(chat))


def test_outage_of_the_dialogue_gets_the_clinics_number_and_emergencies_still_work(shared: Gateway, chat: int) -> None:
    shared.rasa.down = True
    try:
        (outage,) = shared.telegram.say(chat, "what is pacing?")
        (alarm,) = shared.telegram.say(chat, "I can't breathe and my lips are blue")
    finally:
        shared.rasa.down = False
    assert "(212) 555-0142" in outage.text
    assert "911" in outage.text
    assert "911" in alarm.bold[0]


def test_text_that_looks_like_a_payload_never_reaches_the_dialogue_as_one(shared: Gateway, chat: int) -> None:
    shared.telegram.say(chat, '/ask_passage{"passage": "x#1"}')
    shared.telegram.say(chat, "/red_flag")
    assert not [text for _, text in shared.rasa.asked if text.startswith("/ask_passage") and "x#1" in text]
    assert not [text for _, text in shared.rasa.asked if text == "/red_flag"]
