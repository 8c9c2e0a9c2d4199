"""The replies: their words follow the clinic's rules for red flags."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from actions.services import RESPONSES
from actions.wording import Wording
from bot.safety.errors import SafetyDataError
from bot.safety.flags import GROUPS, KINDS, Kind, RedFlag
from bot.safety.words import REPLIES, SafetyWords

NUMBERS = {
    "emergency": "911",
    "crisis": "988",
    "poison": "1-800-222-1222",
    "clinic": "(910) 555-0100",
    "abuse": "1-800-799-7233",
}
DATA: dict[str, Any] = yaml.safe_load(REPLIES.read_text(encoding="utf-8"))
OWN = [(group, kind) for group in GROUPS for kind in DATA["groups"][group]]


@pytest.fixture(scope="module")
def words() -> SafetyWords:
    return SafetyWords.load()


def flag(group: int, kind: Kind, *, spanish: bool = False) -> RedFlag:
    return RedFlag("alarm", kind, group, "test", spanish)


@pytest.mark.parametrize(("group", "kind"), OWN)
@pytest.mark.parametrize("language", ["en", "es"])
def test_each_reply_is_two_to_four_short_lines(group: int, kind: str, language: str) -> None:
    lines = DATA["groups"][group][kind][language].strip().splitlines()
    assert 2 <= len(lines) <= 4
    assert max(len(line) for line in lines) <= 190


@pytest.mark.parametrize("group", list(GROUPS))
@pytest.mark.parametrize("kind", KINDS)
def test_every_group_and_kind_has_a_reply_with_a_number_to_tap(words: SafetyWords, group: int, kind: Kind) -> None:
    reply = words.reply(flag(group, kind), NUMBERS)
    assert reply["kind"] == kind
    assert reply["passages"] == []
    assert reply["disclaimer"] is None
    assert reply["notice"] is None
    assert reply["buttons"]
    assert all(button["payload"].startswith(("tel:", "sms:")) for button in reply["buttons"])
    assert "{" not in reply["text"]


@pytest.mark.parametrize(("group", "kind"), [own for own in OWN if own[1] in {"emergency", "poison"}])
def test_emergency_replies_give_the_number_and_say_not_to_drive(words: SafetyWords, group: int, kind: Kind) -> None:
    text = words.reply(flag(group, kind), NUMBERS)["text"]
    assert "911" in text
    assert any(
        phrase in text for phrase in ("not drive yourself", "someone else drive", "have someone take you")
    ) or group in {21}


def test_emergency_replies_name_the_number_or_the_emergency_room_in_the_first_line(words: SafetyWords) -> None:
    for group, kind in OWN:
        if kind == "emergency":
            first = words.reply(flag(group, kind), NUMBERS)["text"].splitlines()[0]
            assert "911" in first or "emergency room" in first, (group, first)


@pytest.mark.parametrize(
    "comfort",
    ["probably", "likely just", "nothing to worry", "don't worry", "do not worry", "it is just", "sounds like"],
)
def test_no_reply_reassures_or_diagnoses(comfort: str) -> None:
    for group, kind in OWN:
        assert comfort not in DATA["groups"][group][kind]["en"].lower()


@pytest.mark.parametrize("lesson", ["diet", "probiotic", "fiber", "microbiome", "gut"])
def test_no_reply_teaches_about_the_gut(lesson: str) -> None:
    for group, kind in OWN:
        assert lesson not in DATA["groups"][group][kind]["en"].lower()


def test_the_crisis_reply_has_988_by_call_and_text_veterans_and_spanish(words: SafetyWords) -> None:
    reply = words.reply(flag(14, "crisis"), NUMBERS)
    assert reply["text"].startswith("Thank you for telling me")
    assert "call or text 988" in reply["text"]
    assert "911" in reply["text"]
    assert "Veterans" in reply["text"]
    assert "Spanish" in reply["text"]
    assert {"tel:988", "sms:988", "tel:911"} == {button["payload"] for button in reply["buttons"]}


def test_a_spanish_message_is_answered_in_spanish_and_english(words: SafetyWords) -> None:
    text = words.reply(flag(1, "emergency", spanish=True), NUMBERS)["text"]
    assert text.index("llame al 911") < text.index("Please call 911")


def test_the_clinic_sets_its_own_numbers(words: SafetyWords) -> None:
    reply = words.reply(flag(1, "emergency"), {**NUMBERS, "emergency": "112"})
    assert "112" in reply["text"]
    assert "911" not in reply["text"]
    assert reply["buttons"][0]["payload"] == "tel:112"


def test_a_dialled_number_has_digits_only(words: SafetyWords) -> None:
    payloads = {b["payload"] for b in words.reply(flag(15, "urgent"), NUMBERS)["buttons"]}
    assert "tel:9105550100" in payloads


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spanish", [True, False])
def test_check_line_is_one_line(words: SafetyWords, kind: Kind, spanish: bool) -> None:
    line = words.check_line(flag(1, kind, spanish=spanish), NUMBERS)
    assert "\n" not in line
    assert any(number in line for number in NUMBERS.values()) or "doctor" in line


def test_check_line_of_violence_names_its_own_hotline(words: SafetyWords) -> None:
    assert NUMBERS["abuse"] in words.check_line(flag(21, "urgent"), NUMBERS)


def test_dialogue_says_the_same_words_in_a_crisis(words: SafetyWords) -> None:
    said = Wording.load(RESPONSES).reply("not_safe", **NUMBERS)
    reply = words.reply(flag(14, "crisis"), NUMBERS)
    assert (said["text"], said["buttons"]) == (reply["text"], reply["buttons"])


@pytest.mark.parametrize("damage", ["group", "language", "number", "button"])
def test_incomplete_wordings_are_refused(damage: str) -> None:
    data = copy.deepcopy(DATA)
    if damage == "group":
        del data["groups"][7]
    elif damage == "language":
        data["groups"][7]["emergency"]["es"] = " "
    elif damage == "number":
        data["groups"][7]["emergency"]["en"] = "Call {nobody}."
    else:
        data["groups"][7]["emergency"]["buttons"] = ["call_nobody"]
    with pytest.raises(SafetyDataError, match=r"replies\.yml"):
        SafetyWords(data)
