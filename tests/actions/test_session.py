import pytest
from rasa_sdk.events import FollowupAction

from actions.clinic import ActionTalkToPerson
from actions.registry import build_actions
from actions.session import (
    ActionAffirm,
    ActionDeny,
    ActionGreet,
    ActionHelp,
    ActionHopeless,
    ActionOtherLanguage,
    ActionPrivacy,
)
from tests.actions.fakes import sent, slots_of


def test_a_patient_is_greeted_once(services, dispatcher, tracker):
    events = ActionGreet(services).run(dispatcher, tracker("hi", "greet"), {})
    ActionGreet(services).run(dispatcher, tracker("hi", "greet", greeted=True), {})
    first, second = sent(dispatcher)
    assert slots_of(events) == {"greeted": True}
    assert "911" in first["text"]
    assert first["text"] != second["text"]


def test_who_asked_already_is_not_greeted_as_new(services, dispatcher, tracker):
    ActionGreet(services).run(dispatcher, tracker("hi", "greet", last_question="does stress hurt"), {})
    assert sent(dispatcher)[0]["text"].startswith("I'm here")


def test_yes_shows_what_was_offered(services, dispatcher, tracker):
    ActionAffirm(services).run(dispatcher, tracker("yes", "affirm", offered="pacing#1"), {})
    assert sent(dispatcher)[0]["passages"][0]["id"] == "pacing#1"


def test_yes_to_the_offer_of_a_call_back_opens_the_request(services, dispatcher, tracker):
    offered = slots_of(ActionTalkToPerson(services).run(dispatcher, tracker("a person", "talk_to_person"), {}))
    events = ActionAffirm(services).run(dispatcher, tracker("yes", "affirm", **offered), {})
    assert FollowupAction("callback_form") in events
    assert len(sent(dispatcher)) == 1


@pytest.mark.parametrize(
    ("text", "entities", "kind"),
    [
        ("pacing?", [{"entity": "treatment", "value": "pacing"}], "answer"),
        ("pacing?", [], "smalltalk"),
        ("hola", [{"entity": "food", "value": "cola"}], "smalltalk"),
    ],
)
def test_what_names_a_subject_and_has_an_answer_is_no_other_language(
    services, dispatcher, tracker, text, entities, kind
):
    made = tracker(text, "other_language")
    made.latest_message["entities"] = entities
    ActionOtherLanguage(services).run(dispatcher, made, {})
    assert [reply["kind"] for reply in sent(dispatcher)] == [kind]


def test_yes_to_nothing_asks_what_they_want_to_know(services, dispatcher, tracker):
    ActionAffirm(services).run(dispatcher, tracker("yes", "affirm"), {})
    assert sent(dispatcher)[0]["kind"] == "smalltalk"


def test_no_withdraws_the_offer(services, dispatcher, tracker):
    assert slots_of(ActionDeny(services).run(dispatcher, tracker("no", "deny", offered="x#1"), {})) == {"offered": None}


def test_topic_buttons_are_payloads_with_their_braces(services, dispatcher, tracker):
    ActionHelp(services).run(dispatcher, tracker("help", "help"), {})
    assert '/ask_topic{"subject": "leaky gut"}' in [button["payload"] for button in sent(dispatcher)[0]["buttons"]]


def test_despair_gets_the_crisis_line_by_button(services, dispatcher, tracker):
    ActionHopeless(services).run(dispatcher, tracker("nothing helps", "hopeless"), {})
    assert {"tel:988", "sms:988"} <= {button["payload"] for button in sent(dispatcher)[0]["buttons"]}


def test_privacy_names_the_clinics_notice_only_where_there_is_one(services, dispatcher, tracker):
    ActionPrivacy(services).run(dispatcher, tracker("private?", "privacy"), {})
    assert "privacy notice" not in sent(dispatcher)[0]["text"]


@pytest.mark.parametrize(("said", "action", "kind", "words"), [
    ("yes", "action_affirm", "crisis", "988"),
    ("no", "action_deny", "smalltalk", "If that ever changes"),
])  # fmt: skip
def test_whether_they_think_of_harming_themselves_is_remembered(
    services, dispatcher, tracker, said, action, kind, words
):
    actions = {each.name(): each for each in build_actions(services)}
    events = actions["action_hopeless"].run(dispatcher, tracker("nothing helps any more"), {})
    assert "are you thinking of harming yourself?" in sent(dispatcher)[0]["text"]
    events = actions[action].run(dispatcher, tracker(said, **slots_of(events)), {})
    assert (sent(dispatcher)[-1]["kind"], words in sent(dispatcher)[-1]["text"]) == (kind, True)
    assert slots_of(events)["offered"] is None
    assert slots_of(events).get("red_flag") == ("crisis" if said == "yes" else None)
