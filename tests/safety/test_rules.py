"""Rules and context: each group is recognised in plain words, and a mention is told from an event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.safety.errors import SafetyDataError
from bot.safety.normalise import Normaliser
from bot.safety.rules import RuleBook
from bot.safety.screen import SafetyScreen

PHRASES = [
    json.loads(line) for line in (Path(__file__).parent / "phrases.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def screen() -> SafetyScreen:
    return SafetyScreen.load(None)


def test_phrases_cover_every_group() -> None:
    assert {phrase["group"] for phrase in PHRASES} == set(range(1, 22))


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda p: f"{p['group']}-{p['text'][:30]}")
def test_rules_alone_flag_the_clinic_phrases(screen: SafetyScreen, phrase: dict[str, object]) -> None:
    flag = screen.screen(str(phrase["text"]))
    assert flag is not None
    assert flag.level == phrase["level"]


@pytest.mark.parametrize(
    "text",
    [
        "dying for some pizza",
        "dead tired",
        "in 2010 my mom had a stroke, can diet lower my risk",
        "no chest pain, just gas",
        "heart-healthy diet?",
        "gut punch",
        "is black bean soup ok",
        "black pepper",
        "I felt suicidal years ago but I'm well now",
        "overdose on fiber lol",
        "blood test for celiac",
        "blood orange",
        "killer workout",
        "which warning signs does a heart attack have",
        "I don't have a fever, chills or vomiting blood",
        "he denies chest pain or shortness of breath",
        "my dad died of a heart attack",
        "in the movie she takes the whole bottle of pills",
        "me muero de hambre",
    ],
)
def test_rules_alone_do_not_alarm_at_a_mention(screen: SafetyScreen, text: str) -> None:
    flag = screen.screen(text)
    assert flag is None or flag.level == "check"


@pytest.mark.parametrize(
    ("text", "excuse"),
    [
        ("i have no chest pain or pressure in my chest", "negation"),
        ("i had crushing chest pressure years ago", "past"),
        ("what are the signs of a heart attack", "educational"),
        ("my uncle had a heart attack", "family"),
        ("in my novel he is clutching his chest", "elsewhere"),
    ],
)
def test_context_names_the_excuse(text: str, excuse: str) -> None:
    matches = RuleBook().matches(Normaliser()(text))
    assert matches
    assert matches[0].excuse == excuse


@pytest.mark.parametrize(
    "text",
    [
        "not sure why but my chest is so tight",
        "i cannot breathe",
        "no relief from the crushing chest pain",
        "how do i know if my chest pressure is a heart attack",
        "my mom had a stroke in 2010 and right now her face is drooping again",
        "I am fine. My chest is crushing. I am fine.",
        "couldnt talk, hand all numb, it went away after 10 min",
    ],
)
def test_context_does_not_excuse_what_is_happening(screen: SafetyScreen, text: str) -> None:
    flag = screen.screen(text)
    assert flag is not None
    assert flag.level == "alarm"


def test_a_rule_with_an_unknown_word_list_names_file_and_list(tmp_path: Path) -> None:
    (tmp_path / "words.yml").write_text("{}", encoding="utf-8")
    (tmp_path / "01.yml").write_text(
        "group: 1\nkind: emergency\nrules:\n  - match: ['{nowhere} pain']\n", encoding="utf-8"
    )
    with pytest.raises(SafetyDataError, match=r"01\.yml.*nowhere"):
        RuleBook(tmp_path)


def test_a_rule_that_is_no_regular_expression_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.yml").write_text("{}", encoding="utf-8")
    (tmp_path / "01.yml").write_text("group: 1\nkind: emergency\nrules:\n  - match: ['(pain']\n", encoding="utf-8")
    with pytest.raises(SafetyDataError, match="not a regular expression"):
        RuleBook(tmp_path)


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.yml").write_text("{}", encoding="utf-8")
    with pytest.raises(SafetyDataError, match="holds no rules"):
        RuleBook(tmp_path)


def test_the_evidence_of_a_rule_holds_no_words_of_the_patient(screen: SafetyScreen) -> None:
    flag = screen.screen("my zanzibar chest is tight, it runs down my left arm")
    assert flag is not None
    assert "zanzibar" not in flag.evidence
