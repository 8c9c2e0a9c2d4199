import pytest

from actions.callback import (
    SLOTS,
    ActionAskCallbackConfirmed,
    ActionAskCallbackConsent,
    ActionCallbackCancelled,
    ActionCallbackDropped,
    ActionSubmitCallback,
    ValidateCallbackForm,
    display_phone,
    read_name,
    read_phone,
)
from tests.actions.fakes import sent, slots_of

FILLED = {
    "callback_consent": True,
    "callback_name": "Ana Lopez",
    "callback_phone": "+12125550142",
    "callback_time": "tomorrow morning",
    "callback_topic": "my visit",
}


def validate(services, dispatcher, tracker, requested, text, intent="nlu_fallback", **more):
    made = tracker(text, intent, requested_slot=requested, **more)
    return ValidateCallbackForm(services).run(dispatcher, made, {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ana", "Ana"),
        ("my name is Ana Lopez", "Ana Lopez"),
        ("Hi, I'm Ana", "Ana"),
        ("it's Mary-Jane O'Neil", "Mary-Jane O'Neil"),
        ("Jos\u00e9 Mu\u00f1oz", "Jos\u00e9 Mu\u00f1oz"),
        ("\u674e\u5c0f\u9f99", "\u674e\u5c0f\u9f99"),
        ("12345", None),
        ("no", None),
        ("well you see it all started when my back went out", None),
        ("<script>", None),
    ],
)
def test_read_name(text, name):
    assert read_name(text) == name


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("212 555 0142", "+12125550142"),
        ("(212) 555-0142", "+12125550142"),
        ("it's 2125550142, thanks", "+12125550142"),
        ("+44 20 7946 0958", "+442079460958"),
        ("5550142", None),
        ("12345", None),
        ("no", None),
    ],
)
def test_read_phone(text, number):
    assert read_phone(text) == number


def test_numbers_are_read_back_as_people_write_them():
    assert display_phone("+12125550142") == "(212) 555-0142"
    assert display_phone("+442079460958") == "+44 20 7946 0958"


@pytest.mark.parametrize(
    ("requested", "text", "value"),
    [
        ("callback_name", "Ana Lopez", "Ana Lopez"),
        ("callback_phone", "212-555-0142", "+12125550142"),
        ("callback_time", "  after   3pm ", "after 3pm"),
        ("callback_topic", "does gabapentin cause bloating?", "does gabapentin cause bloating?"),
    ],
)
def test_a_message_fills_the_requested_slot(services, dispatcher, tracker, requested, text, value):
    assert slots_of(validate(services, dispatcher, tracker, requested, text)) == {requested: value}
    assert sent(dispatcher) == []


@pytest.mark.parametrize(
    ("requested", "text"),
    [("callback_name", "12345"), ("callback_phone", "12345"), ("callback_time", "x"), ("callback_topic", "?")],
)
def test_what_cannot_be_read_is_asked_again_kindly(services, dispatcher, tracker, requested, text):
    assert slots_of(validate(services, dispatcher, tracker, requested, text)) == {requested: None}
    assert sent(dispatcher)[0]["kind"] == "callback"


def test_a_name_is_a_name_whatever_intent_it_looks_like(services, dispatcher, tracker):
    assert slots_of(validate(services, dispatcher, tracker, "callback_name", "Will Hope", "greet")) == {
        "callback_name": "Will Hope"
    }


@pytest.mark.parametrize(
    ("requested", "text", "intent"),
    [
        ("callback_name", "what are your hours?", "hours"),
        ("callback_phone", "is this private", "privacy"),
        ("callback_time", "when are you open?", "hours"),
        ("callback_consent", "does stress hurt the gut", "ask_stress"),
        ("callback_confirmed", "are you open on friday", "hours"),
        ("callback_name", "never mind", "cancel_request"),
        ("callback_topic", "never mind", "cancel_request"),
        ("callback_topic", "/help", "help"),
        ("callback_name", "/red_flag", "red_flag"),
    ],
)
def test_a_digression_is_left_to_the_dialogue(services, dispatcher, tracker, requested, text, intent):
    assert validate(services, dispatcher, tracker, requested, text, intent) == []
    assert sent(dispatcher) == []


def test_nothing_happens_when_the_form_only_starts(services, dispatcher, tracker):
    assert validate(services, dispatcher, tracker, None, "call me back", "request_callback") == []


def test_yes_and_no_to_the_first_question(services, dispatcher, tracker):
    assert slots_of(validate(services, dispatcher, tracker, "callback_consent", "yes", "affirm")) == {
        "callback_consent": True
    }
    refused = slots_of(validate(services, dispatcher, tracker, "callback_consent", "no", "deny"))
    assert refused == {"callback_consent": False, "requested_slot": None}


def test_an_unclear_yes_or_no_is_asked_again(services, dispatcher, tracker):
    assert slots_of(validate(services, dispatcher, tracker, "callback_consent", "hmm")) == {"callback_consent": None}
    assert "yes or no" in sent(dispatcher)[0]["text"]


def test_no_to_the_summary_asks_what_to_change(services, dispatcher, tracker):
    events = validate(services, dispatcher, tracker, "callback_confirmed", "no", "deny", **FILLED)
    assert slots_of(events) == {"callback_confirmed": None}
    assert "Which part" in sent(dispatcher)[0]["text"]


@pytest.mark.parametrize(
    ("text", "slot"),
    [("the number is wrong", "callback_phone"), ("change the time", "callback_time"), ("my name", "callback_name")],
)
def test_a_part_of_the_summary_can_be_changed_in_words(services, dispatcher, tracker, text, slot):
    assert slots_of(validate(services, dispatcher, tracker, "callback_confirmed", text, "deny", **FILLED))[slot] is None


def test_a_part_of_the_summary_can_be_changed_by_a_button(services, dispatcher, tracker):
    entities = [{"entity": "field", "value": "callback_topic"}]
    made = tracker(
        "/change_callback", "change_callback", entities=entities, requested_slot="callback_confirmed", **FILLED
    )
    assert slots_of(ValidateCallbackForm(services).run(dispatcher, made, {}))["callback_topic"] is None


def test_a_forged_field_changes_nothing(services, dispatcher, tracker):
    entities = [{"entity": "field", "value": "last_passage"}]
    made = tracker(
        "/change_callback", "change_callback", entities=entities, requested_slot="callback_confirmed", **FILLED
    )
    assert "last_passage" not in slots_of(ValidateCallbackForm(services).run(dispatcher, made, {}))


def test_consent_is_asked_first_and_says_when_staff_call(services, dispatcher, tracker):
    ActionAskCallbackConsent(services).run(dispatcher, tracker(), {})
    text = sent(dispatcher)[0]["text"]
    assert "Opens tomorrow at 7:30 AM" in text
    assert "encrypted" in text


def test_the_summary_reads_everything_back(services, dispatcher, tracker):
    ActionAskCallbackConfirmed(services).run(dispatcher, tracker(**FILLED), {})
    text = sent(dispatcher)[0]["text"]
    assert all(part in text for part in ("Ana Lopez", "(212) 555-0142", "tomorrow morning", "my visit"))


def test_a_confirmed_request_is_handed_over_and_forgotten(services, dispatcher, tracker):
    events = ActionSubmitCallback(services).run(dispatcher, tracker(**FILLED, callback_confirmed=True), {})
    (reply,) = sent(dispatcher)
    assert reply["callback"] == {
        "name": "Ana Lopez",
        "phone": "+12125550142",
        "best_time": "tomorrow morning",
        "topic": "my visit",
        "consent": True,
    }
    assert reply["forget"] is True
    assert slots_of(events) == dict.fromkeys(SLOTS)
    assert "Ana" not in reply["text"]


def test_without_a_yes_nothing_is_handed_over(services, dispatcher, tracker):
    for answer in (None, False):
        ActionSubmitCallback(services).run(dispatcher, tracker(**{**FILLED, "callback_confirmed": answer}), {})
    ActionCallbackCancelled(services).run(dispatcher, tracker(**FILLED), {})
    assert all("callback" not in reply and reply["forget"] for reply in sent(dispatcher))


def test_a_red_flag_drops_the_request_in_silence(services, dispatcher, tracker):
    events = ActionCallbackDropped(services).run(dispatcher, tracker(**FILLED), {})
    assert sent(dispatcher) == [{"schema": 1, "kind": "silent", "forget": True}]
    assert slots_of(events) == dict.fromkeys(SLOTS)
