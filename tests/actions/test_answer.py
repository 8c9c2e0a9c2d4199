import pytest

from actions.answer import (
    ActionAnswerQuestion,
    ActionIsReviewed,
    ActionRepeat,
    ActionSaySimpler,
    ActionShowPassage,
    ActionShowTopic,
    ActionTellMore,
    ActionWhereFrom,
)
from actions.registry import Reminding, build_actions
from knowledge.models import DISCLAIMER, Suggestion
from tests.actions.fakes import sent, slots_of


def test_an_answer_is_the_passage_word_for_word_with_its_disclaimer(services, dispatcher, tracker):
    events = ActionAnswerQuestion(services).run(dispatcher, tracker("does stress hurt"), {})
    (reply,) = sent(dispatcher)
    assert reply["kind"] == "answer"
    assert reply["passages"][0]["text"] == "Words about stress, part 1."
    assert reply["disclaimer"] == DISCLAIMER
    assert slots_of(events)["last_passage"] == "stress#1"
    assert slots_of(events)["previous_questions"] == ["does stress hurt"]


def test_earlier_questions_and_shown_passages_are_passed_on(services, answers, dispatcher, tracker):
    ActionAnswerQuestion(services).run(
        dispatcher, tracker("and stress?", previous_questions=["one", "two"], shown_passages=["pacing#1"]), {}
    )
    assert answers.asked == [("and stress?", ("one", "two"), ("pacing#1",))]


def test_only_the_last_three_questions_are_remembered(services, dispatcher, tracker):
    events = ActionAnswerQuestion(services).run(dispatcher, tracker("stress", previous_questions=["a", "b", "c"]), {})
    assert slots_of(events)["previous_questions"] == ["b", "c", "stress"]


def test_a_wrong_topic_does_not_cost_the_answer(services, dispatcher, tracker):
    for intent in ("ask_sleep", "out_of_scope", "nlu_fallback"):
        ActionAnswerQuestion(services).run(dispatcher, tracker("about stress", intent), {})
    assert [reply["kind"] for reply in sent(dispatcher)] == ["answer"] * 3


def test_what_is_not_covered_is_refused_and_filed(services, dispatcher, tracker):
    events = ActionAnswerQuestion(services).run(dispatcher, tracker("what about my toes", "ask_sleep"), {})
    (reply,) = sent(dispatcher)
    assert reply["kind"] == "no_answer"
    assert reply["passages"] == []
    assert reply["file_question"] is True
    assert "555-0142" in reply["text"]
    assert slots_of(events)["no_answers"] == 1


def test_a_near_miss_offers_what_is_near_and_yes_shows_it(services, answers, dispatcher, tracker):
    answers.near = (Suggestion("What is pacing 1?", "pacing#1"),)
    events = ActionAnswerQuestion(services).run(dispatcher, tracker("how slow should i go"), {})
    assert sent(dispatcher)[0]["buttons"][0]["payload"] == '/ask_passage{"passage": "pacing#1"}'
    assert slots_of(events)["offered"] == "pacing#1"


def test_two_misses_in_a_row_offer_a_person(services, dispatcher, tracker):
    ActionAnswerQuestion(services).run(dispatcher, tracker("toes", no_answers=1), {})
    payloads = [button["payload"] for button in sent(dispatcher)[0]["buttons"]]
    assert "/request_callback" in payloads


def test_an_answer_in_between_starts_the_count_again(services, dispatcher, tracker):
    events = ActionAnswerQuestion(services).run(dispatcher, tracker("stress", no_answers=1), {})
    assert slots_of(events)["no_answers"] == 0


def test_off_topic_says_what_it_covers(services, dispatcher, tracker):
    ActionAnswerQuestion(services).run(dispatcher, tracker("who won", "out_of_scope"), {})
    assert sent(dispatcher)[0]["text"] == services.say("out_of_scope")["text"]


def test_the_answer_after_a_red_flag_repeats_the_number_once(services, dispatcher, tracker):
    events = Reminding(ActionAnswerQuestion(services)).run(dispatcher, tracker("stress", red_flag="emergency"), {})
    assert "911" in sent(dispatcher)[0]["notice"]
    assert sent(dispatcher)[0]["notice"].endswith("Sample content.")
    assert slots_of(events)["red_flag"] is None


def test_the_number_fits_the_kind_of_red_flag(services, dispatcher, tracker):
    for kind, number in (("crisis", "988"), ("poison", "1-800-222-1222"), ("urgent", "911"), ("unheard_of", "911")):
        Reminding(ActionAnswerQuestion(services)).run(dispatcher, tracker("stress", red_flag=kind), {})
        assert number in sent(dispatcher)[-1]["notice"]


def test_the_line_after_an_alarm_fits_its_group(services, dispatcher, tracker):
    asked = tracker("stress", red_flag="emergency", red_flag_group=21)
    Reminding(ActionAnswerQuestion(services)).run(dispatcher, asked, {})
    assert "1-800-799-7233" in sent(dispatcher)[0]["notice"]


@pytest.mark.parametrize("name", ["action_thanks", "action_hours", "action_affirm", "action_are_you_human"])
def test_every_reply_after_an_alarm_begins_with_the_number(services, dispatcher, tracker, name):
    action = next(action for action in build_actions(services) if action.name() == name)
    action.run(dispatcher, tracker("ok thanks", red_flag="crisis", red_flag_group=14), {})
    assert "988" in sent(dispatcher)[0]["notice"]
    action.run(dispatcher, tracker("ok thanks"), {})
    assert sent(dispatcher)[-1]["notice"] is None


def test_whom_to_call_is_never_unknown(services, dispatcher, tracker):
    ActionAnswerQuestion(services).run(dispatcher, tracker("toes", "ask_help_now"), {})
    assert all(number in sent(dispatcher)[0]["text"] for number in ("911", "988", "1-800-222-1222"))


def test_a_refusal_after_a_red_flag_repeats_the_number_too(services, dispatcher, tracker):
    Reminding(ActionAnswerQuestion(services)).run(dispatcher, tracker("toes", red_flag="crisis"), {})
    assert "988" in sent(dispatcher)[0]["notice"]


def test_buttons_do_not_offer_what_was_shown(services, dispatcher, tracker):
    ActionAnswerQuestion(services).run(dispatcher, tracker("stress", shown_passages=["stress#2"]), {})
    payloads = [button["payload"] for button in sent(dispatcher)[0]["buttons"]]
    assert '/ask_passage{"passage": "stress#2"}' not in payloads
    assert '/ask_passage{"passage": "pacing#1"}' in payloads


def test_simpler_is_offered_only_where_there_is_a_simpler_wording(services, dispatcher, tracker):
    ActionAnswerQuestion(services).run(dispatcher, tracker("stress"), {})
    ActionAnswerQuestion(services).run(dispatcher, tracker("pacing"), {})
    labels = [[button["label"] for button in reply["buttons"]] for reply in sent(dispatcher)]
    assert "Say it simpler" in labels[0]
    assert "Say it simpler" not in labels[1]


def test_a_button_shows_its_passage(services, dispatcher, tracker):
    entities = [{"entity": "passage", "value": "stress#2"}]
    ActionShowPassage(services).run(dispatcher, tracker("/ask_passage", "ask_passage", entities=entities), {})
    assert sent(dispatcher)[0]["passages"][0]["id"] == "stress#2"


def test_a_button_to_a_withdrawn_passage_says_so(services, dispatcher, tracker):
    entities = [{"entity": "passage", "value": "gone#1"}]
    ActionShowPassage(services).run(dispatcher, tracker("/ask_passage", "ask_passage", entities=entities), {})
    assert sent(dispatcher)[0]["kind"] == "no_answer"


def test_a_topic_lists_what_people_ask(services, dispatcher, tracker):
    entities = [{"entity": "subject", "value": "stress"}]
    ActionShowTopic(services).run(dispatcher, tracker("/ask_topic", "ask_topic", entities=entities), {})
    (reply,) = sent(dispatcher)
    assert reply["kind"] == "menu"
    assert reply["buttons"][0]["label"] == "What is stress 1?"


def test_a_topic_without_passages_says_so(services, dispatcher, tracker):
    entities = [{"entity": "subject", "value": "toes"}]
    ActionShowTopic(services).run(dispatcher, tracker("/ask_topic", "ask_topic", entities=entities), {})
    assert sent(dispatcher)[0]["kind"] == "no_answer"


def test_simpler_gives_the_approved_simpler_wording(services, dispatcher, tracker):
    ActionSaySimpler(services).run(dispatcher, tracker("simpler", "say_simpler", last_passage="stress#1"), {})
    assert sent(dispatcher)[0]["passages"][0]["text"] == "Short."


def test_simpler_without_a_simpler_wording_offers_a_person(services, dispatcher, tracker):
    ActionSaySimpler(services).run(dispatcher, tracker("simpler", "say_simpler", last_passage="pacing#1"), {})
    assert "555-0142" in sent(dispatcher)[0]["text"]


def test_more_goes_on_in_the_same_article_then_elsewhere_then_ends(services, dispatcher, tracker):
    action = ActionTellMore(services)
    action.run(dispatcher, tracker("more", last_passage="stress#1", shown_passages=["stress#1"]), {})
    action.run(dispatcher, tracker("more", last_passage="stress#2", shown_passages=["stress#1", "stress#2"]), {})
    everything = ["stress#1", "stress#2", "pacing#1"]
    action.run(dispatcher, tracker("more", last_passage="pacing#1", shown_passages=everything), {})
    first, second, third = sent(dispatcher)
    assert first["passages"][0]["id"] == "stress#2"
    assert second["passages"][0]["id"] == "pacing#1"
    assert third["kind"] == "menu"


def test_repeat_shows_the_same_passage(services, dispatcher, tracker):
    ActionRepeat(services).run(dispatcher, tracker("again", last_passage="stress#1"), {})
    assert sent(dispatcher)[0]["passages"][0]["text"] == "Words about stress, part 1."


def test_follow_ups_before_any_answer_ask_what_they_want_to_know(services, dispatcher, tracker):
    for action in (ActionRepeat, ActionTellMore, ActionSaySimpler):
        action(services).run(dispatcher, tracker("again"), {})
    assert {reply["kind"] for reply in sent(dispatcher)} == {"menu"}


def test_where_from_names_source_year_and_address(services, dispatcher, tracker):
    ActionWhereFrom(services).run(dispatcher, tracker("source?", last_passage="stress#1"), {})
    assert "A and others (2020): https://example.org/a" in sent(dispatcher)[0]["text"]


def test_where_from_before_any_answer_explains_itself(services, dispatcher, tracker):
    ActionWhereFrom(services).run(dispatcher, tracker("source?"), {})
    assert "word for word" in sent(dispatcher)[0]["text"]


def test_sample_content_is_never_called_reviewed(services, dispatcher, tracker):
    ActionIsReviewed(services).run(dispatcher, tracker("reviewed?", last_passage="stress#1"), {})
    text = sent(dispatcher)[0]["text"]
    assert "No clinician has reviewed it" in text
    assert "Dana" not in text


def test_a_real_review_names_reviewer_and_dates(services, answers, dispatcher, tracker):
    answers.sample = False
    ActionIsReviewed(services).run(dispatcher, tracker("reviewed?", last_passage="stress#1"), {})
    assert "Dana Reyes, RN on November 1, 2026" in sent(dispatcher)[0]["text"]
