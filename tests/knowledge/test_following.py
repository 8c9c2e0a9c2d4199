"""Questions in a conversation, on the shipped articles with the shipped numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.answering import AnswerService
from knowledge.errors import SettingsError
from knowledge.following import Following
from knowledge.models import Answer, Refusal
from knowledge.ranking import WEIGHTS, Ranking
from knowledge.settings import KnowledgeSettings


@pytest.fixture(scope="module")
def service() -> AnswerService:
    return AnswerService.open(KnowledgeSettings())


def given(outcome: Answer | Refusal) -> str:
    assert isinstance(outcome, Answer)
    return outcome.passages[0].passage.article


@pytest.mark.parametrize(
    ("previous", "text", "article"),
    [
        ("what is a stool transplant", "is it safe", "stool-transplants"),
        ("what is a stool transplant", "how is it given", "stool-transplants"),
        ("can stress make pain worse", "why", "stress-and-pain"),
        ("what is fibromyalgia", "and what should i eat", "fibromyalgia"),
        ("what is leaky gut", "can it heal", "leaky-gut"),
        ("do probiotics help pain", "and for kids?", "probiotics-and-prebiotics"),
        ("do probiotics help pain", "what do i ask my doctor", "probiotics-and-prebiotics"),
    ],
)
def test_a_follow_up_is_answered_from_the_subject_of_the_conversation(
    service: AnswerService, previous: str, text: str, article: str
) -> None:
    first = service.ask(previous)
    assert isinstance(first, Answer)
    shown = [vetted.passage.id for vetted in first.passages]
    outcome = service.ask(text, previous=[previous], shown=shown)
    assert given(outcome) == article
    assert isinstance(outcome, Answer)
    assert outcome.passages[0].passage.id not in shown


def test_a_full_question_on_another_subject_leaves_the_old_one(service: AnswerService) -> None:
    outcome = service.ask("what are common migraine triggers?", previous=["what is a stool transplant"])
    assert given(outcome) == "migraine"


def test_a_question_that_is_sure_by_itself_is_not_searched_with_what_was_said_before(
    service: AnswerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    query = service.retriever.query
    monkeypatch.setattr(service.retriever, "query", lambda text: searched.append(text) or query(text))
    assert (
        given(service.ask("what are common migraine triggers?", previous=["what is ibs"], shown=["ibs#1"]))
        == "migraine"
    )
    assert searched == ["what are common migraine triggers?"]
    service.ask("why", previous=["what is ibs"], shown=["ibs#1"])
    assert len(searched) > 2


@pytest.mark.parametrize(
    "text", ["who won the football last night", "can you fix my car", "how do i renew my passport"]
)
def test_what_no_article_answers_is_declined_in_a_conversation_too(service: AnswerService, text: str) -> None:
    assert isinstance(service.ask(text, previous=["what is leaky gut"]), Refusal)


def test_a_conversation_never_repeats_a_passage_by_itself(service: AnswerService) -> None:
    questions = ["what is ibs", "tell me more", "and what else", "how do they treat it", "what can i eat", "why"]
    shown: list[str] = []
    for turn, text in enumerate(questions):
        outcome = service.ask(text, previous=questions[:turn], shown=shown)
        if isinstance(outcome, Answer):
            shown += [vetted.passage.id for vetted in outcome.passages]
    assert len(shown) >= 4
    assert len(shown) == len(set(shown))


def test_a_follow_up_is_understood_although_the_first_question_got_no_answer(service: AnswerService) -> None:
    outcome = service.ask("can it be cured", previous=["fibro???"], shown=[])
    assert given(outcome) == "fibromyalgia"


def test_numbers_that_lack_a_feature_are_refused_with_the_fix(tmp_path: Path) -> None:
    data = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    del data["following"]["rank"]["weight"]["near"]
    path = tmp_path / "ranking.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(SettingsError, match="make fit"):
        Following.load(Ranking.load(), path)
