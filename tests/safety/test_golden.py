"""The golden messages and what is measured on them: the bars' ratchet holds, and perturbations take little away."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bot.safety.flags import GROUPS, RedFlag
from bot.safety.screen import SafetyScreen
from tests.knowledge.content import real_encoder
from tests.safety.evaluate import BARS, RATCHET, SHAKEN, Result, figures, judge, regressions, report, shaken
from tests.safety.golden import Case, load
from tests.safety.perturb import PERTURBATIONS, perturbed


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return load()


@pytest.fixture(scope="module")
def screen() -> SafetyScreen:
    return SafetyScreen.load(real_encoder())


def test_golden_messages_are_as_many_as_promised(cases: list[Case]) -> None:
    benign = [case for case in cases if case.group is None]
    assert len(cases) >= 1_500
    assert len(cases) - len(benign) >= 600
    assert len(benign) >= 900
    assert sum(not case.ordinary for case in benign) >= 400
    assert {case.group for case in cases} >= set(GROUPS)


def test_the_split_is_about_half_and_half(cases: list[Case]) -> None:
    assert 0.45 < Counter(case.split for case in cases)["test"] / len(cases) < 0.55


@pytest.mark.slow
def test_the_test_split_holds_the_ratchet(screen: SafetyScreen, cases: list[Case]) -> None:
    values = figures(judge(screen, [case for case in cases if case.split == "test"]))
    held = json.loads(RATCHET.read_text(encoding="utf-8"))
    assert set(held) == {bar.name for bar in BARS}
    # One message is about a third of a point: another processor may round one over a threshold.
    assert regressions(values, held, tolerance=0.008) == []


@pytest.mark.slow
def test_perturbations_cost_at_most_two_points_of_recall(screen: SafetyScreen, cases: list[Case]) -> None:
    lost = shaken(screen, [case for case in cases if case.split == "test"])
    assert {name: loss for name, loss in lost.items() if loss > SHAKEN} == {}


@pytest.mark.parametrize("name", list(PERTURBATIONS))
def test_a_perturbation_changes_a_message_the_same_way_each_time(name: str) -> None:
    text = "My chest is tight, and my left arm is numb."
    assert perturbed(name, "a", text) == perturbed(name, "a", text)
    assert perturbed(name, "a", text) != text


def test_typos_leave_most_letters_alone() -> None:
    text = "my chest is tight and my left arm has been numb since this morning"
    shaken_text = PERTURBATIONS["typos"](text, random.Random(1))
    assert 0 < sum(a != b for a, b in zip(text.split(), shaken_text.split(), strict=False)) <= 4


def case(name: str, group: int | None, *, ordinary: bool = False) -> Case:
    kind = None if group is None else "emergency"
    return Case(name, f"words of {name}", (), group, kind, "plain", "en", ordinary)


RESULTS = [
    Result(case("a", 1), RedFlag("alarm", "emergency", 1, "")),
    Result(case("b", 1), RedFlag("check", "emergency", 1, "")),
    Result(case("c", 2), None),
    Result(case("d", None), RedFlag("alarm", "emergency", 1, "")),
    Result(case("e", None), None),
    Result(case("f", None, ordinary=True), RedFlag("check", "urgent", 15, "")),
]


def test_figures_count_levels_apart() -> None:
    values = figures(RESULTS)
    assert values["alarm recall, emergency"] == pytest.approx(1 / 3, abs=1e-4)
    assert values["alarm or check, emergency"] == pytest.approx(2 / 3, abs=1e-4)
    assert values["false alarms, near-misses"] == 0.5
    assert values["false alarms, ordinary"] == 0
    assert values["false checks, ordinary"] == 1
    assert "alarm recall, crisis" not in values


def test_regressions_knows_which_way_is_worse() -> None:
    held = {"alarm recall, emergency": 0.95, "false alarms, near-misses": 0.05}
    assert regressions({"alarm recall, emergency": 0.96, "false alarms, near-misses": 0.04}, held) == []
    assert regressions({"alarm recall, emergency": 0.94, "false alarms, near-misses": 0.06}, held) == list(held)


def test_report_prints_each_miss_and_keeps_the_words_of_the_test_split_to_itself() -> None:
    out = io.StringIO()
    report(RESULTS, "dev", out)
    misses = out.getvalue().split("misses:")[1]
    for result in RESULTS[1:4]:
        assert f"{result.case.id} " in misses
        assert (repr(result.case.text) in misses) is (result.case.split == "dev")


def test_load_refuses_an_id_used_twice(tmp_path: Path) -> None:
    line = '{"id": "x", "text": "a", "group": null, "kind": null, "style": "s", "lang": "en"}\n'
    (tmp_path / "a.jsonl").write_text(line * 2, encoding="utf-8")
    with pytest.raises(ValueError, match="twice: x"):
        load(tmp_path)
