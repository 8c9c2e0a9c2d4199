"""The contract of `AnswerService`, on a small index built with the real encoder."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from knowledge import builder
from knowledge.answering import AnswerService, answer_as_json, refusal_as_json
from knowledge.encoder import SentenceEncoder
from knowledge.errors import IndexArtifactError, KnowledgeError, LedgerError
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE, Answer, Refusal
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger
from tests.knowledge.content import (
    CLINICIAN,
    SAMPLE,
    FakeEmbedder,
    approve,
    edit,
    knowledge_base,
    real_encoder,
    real_manifest,
    write_article,
    write_clinic,
)

TODAY = datetime.now(UTC).date()
REEF = {
    "What is a coral reef?": "A coral reef is a ridge in warm, shallow sea. Tiny animals build it from lime.\n\n"
    "Reefs give fish:\n- food\n- a place to hide",
    "Why do coral reefs lose their colour?": "Warm water makes corals push out the algae they live with. White lime shows.",
}
GLASS = {
    "How is window glass made?": "Sand, soda and lime melt in a furnace. The melt floats on tin and cools to a flat sheet.",
    "Can old glass be used again?": "Yes. Broken glass melts at less heat than sand. It saves fuel.",
}
OFF_TOPIC = ["who won the football game last night?", "what is the capital of Norway?", "asdf qwer zxcv"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeSettings:
    """Two articles, built: sample approvals for one, a clinician's for the other; one passage expires tomorrow."""
    settings = knowledge_base(tmp_path_factory.mktemp("answering"))
    for path in settings.articles.glob("*.md"):
        path.unlink()
    write_article(settings, "reefs", REEF, simple={"What is a coral reef?": "Small sea animals build a coral reef."})
    write_article(settings, "glass", GLASS, asks={"Can old glass be used again?": ["do you recycle bottles"]})
    approve(settings, only=lambda p: p.article == "reefs", reviewer=SAMPLE)
    approve(settings, only=lambda p: p.id == "glass#1")
    approve(settings, only=lambda p: p.id == "glass#2", expires=TODAY + timedelta(days=30))
    settings.build.mkdir()
    settings.encoder.symlink_to(real_encoder(), target_is_directory=True)
    rebuild(settings, TODAY)
    return settings


@pytest.fixture(scope="module")
def service(base: KnowledgeSettings) -> AnswerService:
    return AnswerService.open(base)


@pytest.fixture
def copy(base: KnowledgeSettings, tmp_path: Path) -> KnowledgeSettings:
    """A copy of the knowledge base that a test may change."""
    root = base.build.parent
    shutil.copytree(root, tmp_path / "copy", symlinks=True)
    names = ("articles", "approvals", "vocabulary", "out_of_scope", "clinic", "build")
    return KnowledgeSettings(**{name: tmp_path / "copy" / getattr(base, name).name for name in names})


def rebuild(settings: KnowledgeSettings, today: date) -> None:
    with pytest.MonkeyPatch.context() as patch:
        FakeEmbedder(SentenceEncoder(real_encoder(), precision="fp32").encode).install(patch)
        patch.setattr(builder, "export_manifest", real_manifest)
        builder.build(settings, today)


def answer(outcome: Answer | Refusal | None) -> Answer:
    assert isinstance(outcome, Answer)
    return outcome


def first(outcome: Answer | Refusal | None) -> str:
    return answer(outcome).passages[0].passage.id


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What is a coral reef?", "reefs#1"),
        ("why do coral reefs lose their color", "reefs#2"),
        ("how do they make glass for windows?", "glass#1"),
        ("can you use old glass again?", "glass#2"),
        ("do you recycle bottles", "glass#2"),
    ],
)
def test_question_gets_the_passage_that_answers_it(service: AnswerService, question: str, passage: str) -> None:
    assert first(service.ask(question)) == passage


def test_answer_is_approved_text_word_for_word_with_all_that_must_stand_beside_it(
    service: AnswerService, base: KnowledgeSettings
) -> None:
    found = answer(service.ask("What is a coral reef?"))
    assert found.passages[0].passage.text == REEF["What is a coral reef?"]
    approved = {decision.content_hash for decision in Ledger(base.approvals).read() if decision.decision == "approved"}
    assert all(vetted.passage.content_hash in approved for vetted in found.passages)
    assert all(vetted.approval.content_hash == vetted.passage.content_hash for vetted in found.passages)
    assert found.disclaimer == DISCLAIMER
    assert found.notice == SAMPLE_NOTICE
    assert found.passages[0].passage.sources


@pytest.mark.parametrize("question", OFF_TOPIC)
def test_question_that_nothing_answers_is_refused(service: AnswerService, question: str) -> None:
    refusal = service.ask(question)
    assert isinstance(refusal, Refusal)
    assert 0.0 <= refusal.probability <= 1.0


@pytest.mark.parametrize(
    "question", ["", " ", "?", "\u00bf", "\U0001f600\U0001f600", "the of and", "\u05d4\u05d0\u05dd", "x" * 5000]
)
def test_odd_question_never_fails(service: AnswerService, question: str) -> None:
    assert isinstance(service.ask(question), Answer | Refusal)


def test_related_and_near_questions_name_passages_that_can_be_shown(service: AnswerService) -> None:
    found = answer(service.ask("What is a coral reef?"))
    assert first(found) not in {suggestion.passage for suggestion in found.related}
    refusals = [service.ask(question) for question in OFF_TOPIC]
    near = [s for refusal in refusals if isinstance(refusal, Refusal) for s in refusal.nearest]
    for suggestion in (*found.related, *near):
        assert answer(service.passage(suggestion.passage)).passages[0].passage.heading == suggestion.question


def test_earlier_turns_are_accepted(service: AnswerService) -> None:
    assert first(service.ask("how is window glass made?", previous=["What is a coral reef?", "thanks"])) == "glass#1"


def test_button_shows_its_passage_and_the_simpler_wording_on_request(service: AnswerService) -> None:
    plain = answer_as_json(answer(service.passage("reefs#1")))["passages"][0]
    simple = answer_as_json(answer(service.passage("reefs#1", simple=True)))["passages"][0]
    assert plain["text"] == REEF["What is a coral reef?"]
    assert simple["text"] == "Small sea animals build a coral reef."
    without = answer_as_json(answer(service.passage("reefs#2", simple=True)))["passages"][0]
    assert without["text"] == REEF["Why do coral reefs lose their colour?"]


@pytest.mark.parametrize("passage", ["reefs#9", "nothing#1", "", "../reefs#1"])
def test_button_for_a_passage_that_is_gone_gets_none(service: AnswerService, passage: str) -> None:
    assert service.passage(passage) is None


def test_answer_leaves_as_json_of_the_documented_shape(service: AnswerService) -> None:
    sent = json.loads(json.dumps(answer_as_json(answer(service.ask("how is window glass made?")))))
    assert sent["schema"] == 1
    assert sent["kind"] == "answer"
    assert sent["disclaimer"] == DISCLAIMER
    assert sent["passages"][0] == {
        "id": "glass#1",
        "heading": "How is window glass made?",
        "text": GLASS["How is window glass made?"],
        "article": "About glass",
        "source": "A made-up handbook (2029)",
        "url": "https://example.net/book",
        "reviewed_by": f"{CLINICIAN.name}, {CLINICIAN.credential}",
        "reviewed_on": "2030-05-06",
    }


def test_refusal_leaves_as_json_without_passages(service: AnswerService) -> None:
    refusal = service.ask(OFF_TOPIC[0])
    assert isinstance(refusal, Refusal)
    sent = json.loads(json.dumps(refusal_as_json(refusal)))
    assert (sent["kind"], sent["passages"], sent["disclaimer"]) == ("no_answer", [], None)


def test_approval_that_ran_out_since_the_build_is_not_served(copy: KnowledgeSettings) -> None:
    approve(copy, only=lambda p: p.id == "glass#1", expires=TODAY - timedelta(days=2))
    rebuild(copy, TODAY - timedelta(days=10))
    service = AnswerService.open(copy)
    assert "glass#1" in service.index.by_id
    assert service.passage("glass#1") is None
    outcomes = [service.ask("how is window glass made?"), service.ask("can old glass be used again?")]
    for outcome in outcomes:
        shown = [v.passage.id for v in outcome.passages] if isinstance(outcome, Answer) else []
        offered = outcome.related if isinstance(outcome, Answer) else outcome.nearest
        assert "glass#1" not in [*shown, *(suggestion.passage for suggestion in offered)]


def says(service: AnswerService, words: str) -> bool:
    """Whether any answer or button of the service holds these words."""
    outcomes = [service.ask(question) for question in (*REEF, *GLASS)]
    shown = [f"{v.passage.heading} {v.passage.text}" for o in outcomes if isinstance(o, Answer) for v in o.passages]
    offered = [s.question for o in outcomes for s in (o.related if isinstance(o, Answer) else o.nearest)]
    assert shown
    return words in " ".join(shown + offered)


@pytest.mark.parametrize(
    ("before", "after"),
    [("How is window glass made?", "How is bottle glass made?"), ("melt in a furnace", "melt in a forge")],
    ids=["heading", "text"],
)
def test_changed_words_are_not_served_until_they_are_approved(copy: KnowledgeSettings, before: str, after: str) -> None:
    edit(copy.articles / "glass.md", before, after)
    rebuild(copy, TODAY)
    assert not says(AnswerService.open(copy), before)
    assert not says(AnswerService.open(copy), after)
    approve(copy, only=lambda p: p.id == "glass#1")
    rebuild(copy, TODAY)
    assert says(AnswerService.open(copy), after)


def test_tampered_ledger_gets_nothing_served(copy: KnowledgeSettings) -> None:
    edit(copy.articles / "glass.md", "melt in a furnace", "melt in a forge")
    new = next(s.passage for s in builder.read_standings(copy, TODAY) if s.passage.id == "glass#1")
    old = next(d for d in Ledger(copy.approvals).read() if d.passage == "glass#1")
    edit(copy.approvals, old.content_hash, new.content_hash)
    with pytest.raises(LedgerError, match="was edited after it was written"):
        rebuild(copy, TODAY)
    assert not says(AnswerService.open(copy), "forge")
    shutil.rmtree(copy.build / (copy.build / "CURRENT").read_text().strip())
    (copy.build / "CURRENT").unlink()
    with pytest.raises(LedgerError, match="was edited after it was written"):
        rebuild(copy, TODAY)
    with pytest.raises(IndexArtifactError, match="CURRENT: missing"):
        AnswerService.open(copy)


def test_live_mode_serves_no_sample_approval_even_from_an_index_built_in_demo_mode(copy: KnowledgeSettings) -> None:
    write_clinic(copy.clinic, content_mode="live")
    service = AnswerService.open(copy)
    assert "reefs#1" in service.index.by_id
    assert service.passage("reefs#1") is None
    outcome = service.ask("What is a coral reef?")
    assert isinstance(outcome, Refusal) or all(v.passage.article != "reefs" for v in outcome.passages)
    found = answer(service.ask("how is window glass made?"))
    assert found.notice is None
    assert found.disclaimer == DISCLAIMER


def test_empty_index_refuses_everything(copy: KnowledgeSettings) -> None:
    for path in copy.articles.glob("*.md"):
        path.unlink()
    rebuild(copy, TODAY)
    service = AnswerService.open(copy)
    assert service.ask("What is a coral reef?") == Refusal()
    assert service.passage("reefs#1") is None


def test_service_does_not_open_on_a_damaged_index(copy: KnowledgeSettings) -> None:
    name = (copy.build / "CURRENT").read_text().strip()
    path = copy.build / name / "passages.jsonl"
    path.write_text(path.read_text().replace("warm", "cold"))
    with pytest.raises(IndexArtifactError, match=r"passages\.jsonl: truncated or altered"):
        AnswerService.open(copy)


@pytest.mark.parametrize("gone", ["encoder", "CURRENT", "clinic"])
def test_service_says_what_is_missing(copy: KnowledgeSettings, gone: str) -> None:
    path = copy.clinic if gone == "clinic" else copy.build / gone
    path.unlink()
    with pytest.raises(KnowledgeError, match=str(path)):
        AnswerService.open(copy)
