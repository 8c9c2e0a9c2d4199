"""The golden questions are well formed, and retrieval is as good on the test split as it has been."""

from __future__ import annotations

import dataclasses

import pytest

from knowledge.answering import AnswerService
from knowledge.settings import KnowledgeSettings
from tests.golden.evaluate import (
    MEASURES,
    Asked,
    Evaluation,
    Evaluator,
    Measure,
    calibration_error,
    figures_of,
    held_measures,
    raised,
    read_ratchet,
    reliability,
    slipped,
)
from tests.golden.goldens import SETS, Golden, load

AT_LEAST = {"answerable": 600, "off-topic-medical": 250, "off-topic-other": 150, "follow-ups": 80}
"""What we want to reach."""


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    """Over the shipped index; `make build` builds it."""
    return Evaluator(AnswerService.open(KnowledgeSettings()))


@pytest.fixture(scope="module")
def evaluation(evaluator: Evaluator) -> Evaluation:
    return evaluator.evaluate("test")


def bare(text: str) -> str:
    return text.casefold().strip(" ?.!")


# The questions.


def test_goldens_ids_are_unique_over_all_sets() -> None:
    ids = [golden.id for name in SETS for golden in load(name)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", SETS)
def test_goldens_are_as_many_as_the_issue_asks_and_both_halves_are_populated(name: str) -> None:
    every, dev, test = load(name), load(name, "dev"), load(name, "test")
    assert len(every) >= AT_LEAST[name]
    assert len(dev) + len(test) == len(every)
    assert min(len(dev), len(test)) >= 0.4 * len(every)


@pytest.mark.parametrize("name", SETS)
def test_goldens_ask_something(name: str) -> None:
    assert [golden.id for golden in load(name) if not golden.text.strip() or not golden.style] == []


@pytest.mark.parametrize("name", ["answerable", "off-topic-medical", "off-topic-other"])
def test_goldens_no_question_stands_in_both_halves(name: str) -> None:
    dev = {bare(golden.text) for golden in load(name, "dev")} - {""}
    assert dev
    assert [golden.id for golden in load(name, "test") if bare(golden.text) in dev] == []


def test_goldens_are_hardly_ever_an_ask_word_for_word(evaluator: Evaluator) -> None:
    asks = {bare(ask) for ask in evaluator.asks}
    test = load("answerable", "test")
    assert sum(bare(golden.text) in asks for golden in test) <= 0.02 * len(test)


def test_goldens_only_answerable_questions_name_passages() -> None:
    for name in SETS:
        for golden in load(name):
            assert bool(golden.accept) == (name in ("answerable", "follow-ups")), golden.id
            assert bool(golden.previous) == bool(golden.first) == (name == "follow-ups"), golden.id


def test_goldens_accept_only_sections_that_are_served(evaluator: Evaluator) -> None:
    assert len(evaluator.sections) > 100
    named = [
        (golden.id, section)
        for name in ("answerable", "follow-ups")
        for golden in load(name)
        for section in (*golden.accept, *golden.first)
    ]
    assert [(golden, section) for golden, section in named if section not in evaluator.sections] == []


# The measuring.


def asked(golden: Golden, **changes: object) -> Asked:
    one = Asked(golden, frozenset({"ibs#1"}), "answered", ("ibs#1",), (), ("ibs#1", "ibs#2"), (), 0.9, 0.004)
    return dataclasses.replace(one, **changes)  # type: ignore[arg-type]


def test_evaluation_outcome_of_a_follow_up() -> None:
    golden = Golden("f", "why?", "why", accept=("ibs/What causes IBS?",), previous=("what is ibs",))
    assert asked(golden).outcome == "exact"
    assert asked(golden, served=("ibs#3",)).outcome == "topic"
    assert asked(golden, shown=("ibs#1",)).outcome == "repeated"
    assert asked(golden, served=("sleep-and-pain#1", "ibs#1")).outcome == "exact"
    assert asked(golden, served=("sleep-and-pain#1",)).outcome == "wrong"
    assert asked(golden, kind="offered", served=(), offered=("ibs#1", "ibs#2")).outcome == "offered"


def test_evaluation_counts_rank_and_service_apart() -> None:
    golden = Golden("a", "what is ibs", "plain", accept=("ibs/What is IBS?",))
    second: dict[str, object] = {"served": ("ibs#2",), "ranking": ("ibs#2", "ibs#1")}
    offered: dict[str, object] = {"kind": "offered", "served": (), "offered": ("ibs#2", "ibs#1")}
    outcomes: list[dict[str, object]] = [{}, {}, second, offered]
    every = [asked(dataclasses.replace(golden, id=str(n)), **changes) for n, changes in enumerate(outcomes)]
    figures = figures_of({"answerable": every, "off-topic-medical": [], "off-topic-other": [], "follow-ups": []})
    assert (figures["top_1"], figures["top_3"], figures["mrr"]) == (75.0, 100.0, 87.5)
    assert (figures["served_right"], figures["answered_wrongly"], figures["helped"]) == (50.0, 25.0, 75.0)
    assert (figures["offered"], figures["offer_holds"], figures["wrongful_refusal"]) == (25.0, 100.0, 0.0)


def test_calibration_error_weighs_bins_by_their_questions() -> None:
    assert calibration_error([1.0] * 3 + [0.05], [True, True, False, False]) == pytest.approx(0.2625)
    assert [b.count for b in reliability([1.0] * 3 + [0.05], [True] * 4)] == [1, 3]


def test_ratchet_only_rises() -> None:
    figures = {measure.name: 50.0 for measure in held_measures()}
    held = {**figures, "top_1": 60.0, "ece": 4.0, "mrr": 40.0}
    assert (raised(figures, held)["top_1"], raised(figures, held)["ece"], raised(figures, held)["mrr"]) == (60, 4, 50)
    assert [line.split(":")[0] for line in slipped(figures, held)] == ["top_1", "ece"]
    assert slipped({**figures, "top_1": 59.5, "ece": 4.5}, held) == []


# The level reached.


def test_ratchet_holds_every_measure_that_it_should() -> None:
    assert set(read_ratchet()) == {measure.name for measure in held_measures()}


def test_ratchet_holds_on_the_test_split(evaluation: Evaluation) -> None:
    assert slipped(evaluation.figures, read_ratchet()) == []


@pytest.mark.parametrize("measure", [m for group in MEASURES.values() for m in group], ids=lambda m: m.name)
def test_evaluation_measures_everything_it_names(evaluation: Evaluation, measure: Measure) -> None:
    assert measure.name in evaluation.figures
