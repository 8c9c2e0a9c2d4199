"""The screen: one verdict a message, over several turns, with and without its classifier."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.__main__ import main
from bot.safety.classifier import Scores
from bot.safety.decision import OPINIONS
from bot.safety.flags import KINDS
from bot.safety.normalise import MAX_CHARACTERS, OVERLAP, Message, Normaliser, slices
from bot.safety.rules import RuleBook
from bot.safety.screen import SafetyScreen


@pytest.fixture(scope="module")
def screen() -> SafetyScreen:
    return SafetyScreen.load(None)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=300), previous=st.lists(st.text(max_size=60), max_size=3))
def test_screen_never_raises(text: str, previous: list[str]) -> None:
    SCREEN.screen(text, previous=previous)


SCREEN = SafetyScreen.load(None)


def test_screen_without_an_encoder_runs_on_rules_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        screen = SafetyScreen.load(tmp_path / "missing")
        assert screen.screen("tight chest, and it runs down my left arm") is not None
        assert screen.screen("hello") is None
    assert not screen.learned
    assert len(caplog.records) == 1


def test_screen_reads_a_flag_spread_over_two_turns(screen: SafetyScreen) -> None:
    assert screen.screen("all of them") is None
    flag = screen.screen("all of them", previous=["i took my pain pills"])
    assert flag is not None
    assert flag.group == 6


class Pairing:
    """Takes a kettle and a spoon together for an alarm; either alone is as risky as it is told."""

    def __init__(self, alone: float) -> None:
        self.alone = alone
        self.settings = {
            "weights": {name: float(name == "flag") for name in OPINIONS},
            "bias": 0.0,
            "alarm": dict.fromkeys(KINDS, 2.0),
            "check": dict.fromkeys(KINDS, 1.0),
        }

    def score(self, message: Message) -> Scores:
        both = {"kettle", "spoon"} <= set(message.words)
        return Scores(5.0 if both else self.alone, np.zeros(22, dtype=np.float32), 0.0)


@pytest.mark.parametrize(("alone", "level"), [(0.5, "alarm"), (-3.0, None)])
def test_screen_reads_turns_together_only_when_one_of_them_says_a_little(alone: float, level: str | None) -> None:
    screen = SafetyScreen(Normaliser(), RuleBook(), Pairing(alone))
    assert screen.screen("the spoon") is None
    flag = screen.screen("the spoon", previous=["a kettle"])
    assert (flag and flag.level) == level


@pytest.mark.parametrize("time", ["tonight", "Tomorrow morning", "any time after 3 pm", "hoy por la tarde"])
def test_a_time_by_itself_is_no_flag_whatever_the_model_says(time: str) -> None:
    screen = SafetyScreen(Normaliser(), RuleBook(), Pairing(9.0))
    assert screen.screen(time) is None
    assert screen.screen(f"{time} it ends") is not None


def test_a_rule_for_a_crisis_names_the_crisis_whatever_the_model_would_name() -> None:
    flag = SafetyScreen(Normaliser(), RuleBook(), Pairing(-9.0)).screen("i feel hopeless")
    assert flag is not None
    assert (flag.level, flag.kind, flag.group) == ("check", "crisis", 14)


def test_screen_does_not_repeat_an_alarm_of_an_earlier_turn(screen: SafetyScreen) -> None:
    assert screen.screen("is oatmeal ok", previous=["my chest is tight and my arm is numb"]) is None


def test_screen_takes_yes_to_its_own_question_for_an_alarm(screen: SafetyScreen) -> None:
    asked = screen.screen("this pain is killing me")
    assert asked is not None
    assert asked.level == "check"
    flag = screen.screen("yes i am", previous=["this pain is killing me"])
    assert flag is not None
    assert (flag.level, flag.kind) == ("alarm", "crisis")


def test_screen_takes_yes_after_an_ordinary_turn_for_nothing(screen: SafetyScreen) -> None:
    assert screen.screen("yes", previous=["is oatmeal good for me"]) is None


def test_screen_finds_one_line_in_a_long_friendly_message(screen: SafetyScreen) -> None:
    chatter = "Thank you so much for the recipes. My sister loved the soup. We walk every day. " * 5
    flag = screen.screen(f"{chatter} My chest is crushing and I am drenched in sweat. {chatter}")
    assert flag is not None
    assert flag.group == 1


FILLER = "Thank you so much for the recipes. My sister loved the soup. We walk every day. "
CRUSHING = "My chest is crushing and I am drenched in sweat. "


@pytest.mark.parametrize("before", [0, 3_900, 4_100, 6_970, 7_500, 7_980, 10_000, 14_000, 16_100, 19_900])
def test_screen_reads_every_part_of_a_very_long_message(screen: SafetyScreen, before: int) -> None:
    chatter = FILLER * 250
    flag = screen.screen(f"{chatter[:before]}. {CRUSHING}{chatter[: 19_900 - before]}")
    assert flag is not None
    assert (flag.level, flag.group) == ("alarm", 1)


def test_screen_takes_the_worst_of_a_very_long_message(screen: SafetyScreen) -> None:
    doubt = "I have chest discomfort sometimes. "
    for text, level in ((f"{doubt}{FILLER * 200}", "check"), (f"{doubt}{FILLER * 200}{CRUSHING}", "alarm")):
        flag = screen.screen(text)
        assert flag is not None
        assert flag.level == level
    assert screen.screen(FILLER * 250) is None


@given(text=st.text("ab. \n", max_size=80), times=st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_slices_are_short_enough_and_leave_nothing_out(text: str, times: int) -> None:
    text *= times
    pieces, end = slices(text), 0
    for piece in pieces:
        start = text.find(piece, max(0, end - OVERLAP))
        assert start <= end
        end = start + len(piece)
        assert len(piece) <= MAX_CHARACTERS
    assert end == len(text)
    assert len(text) > MAX_CHARACTERS or pieces == [text]


def test_slices_begin_with_a_sentence(screen: SafetyScreen) -> None:
    """A cut within "I would never kill myself" must not leave its end alone."""
    calm = "The soup was good and I would never kill myself over a recipe. "
    assert all(piece.startswith("The soup") for piece in slices(calm * 300))
    assert screen.screen(calm) is None
    assert screen.screen(calm * 300) is None


def test_screen_marks_spanish(screen: SafetyScreen) -> None:
    flag = screen.screen("me duele el pecho y no puedo respirar")
    assert flag is not None
    assert flag.spanish


def run(lines: list[str]) -> tuple[int, list[dict[str, object]]]:
    sink = io.StringIO()
    code = main(["--rules-only"], io.StringIO("\n".join(lines)), sink)
    return code, [json.loads(line) for line in sink.getvalue().splitlines()]


def test_cli_writes_one_verdict_a_line() -> None:
    code, verdicts = run(
        [
            json.dumps({"text": "i ate shrimp and my throat is closing up"}),
            json.dumps({"text": "how much fiber is in an apple"}),
            json.dumps({"text": "all of them", "previous": ["i took my pain pills"]}),
        ]
    )
    assert code == 0
    assert [(v["kind"], v["level"], v["group"]) for v in verdicts] == [
        ("emergency", "alarm", 5),
        (None, None, None),
        ("poison", "alarm", 6),
    ]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"text": 3}', '{"text": "a", "previous": "b"}', '{"text": "a", "previous": [1]}']
)
def test_cli_refuses_a_line_it_cannot_read(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = run([line])
    assert code == 2
    assert "line 1" in capsys.readouterr().err
