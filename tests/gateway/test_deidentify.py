from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.gateway.deidentify import deidentify

TEXT = st.text(
    st.one_of(st.sampled_from("0123456789-. ()+@/:_aZ\u0664\uff14\u0967"), st.characters(exclude_categories=("Cs",))),
    max_size=80,
)


@settings(max_examples=400, deadline=None)
@given(TEXT)
@example("MRN12345678")
@example("id_99887766 and x1234y")
@example("\u0661\u0662\u0663\u0664\u0665")
@example("call me at212-555-0100now")
def test_no_run_of_four_digits_survives(text: str) -> None:
    assert re.search(r"\d{4,}", deidentify(text)) is None


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[a-z]{1,10}@[a-z]{1,10}\.(com|org|net)", fullmatch=True), st.text(max_size=20))
def test_no_email_address_survives(address: str, before: str) -> None:
    assert address not in deidentify(f"{before} {address} please")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=600))
def test_result_is_short_and_masking_it_again_changes_nothing_much(text: str) -> None:
    once = deidentify(text)
    assert len(once) <= 500
    assert re.search(r"\d{4,}", deidentify(once)) is None


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My name is Ana, call 212-555-0100. Does kefir help?", "My name is [name], call [number]. Does kefir help?"),
        ("this is Maria Lopez, is fibre ok", "this is [name], is fibre ok"),
        ("I'm Joe and my back hurts", "I'm [name] and my back hurts"),
        ("i\u2019m Joe Doe, my name\u2019s Joe", "i\u2019m [name], my name\u2019s [name]"),
        ("doctor Lee and Nurse Joy", "doctor [name] and Nurse [name]"),
        ("write to ana.b+x@mail.example.org please", "write to [email] please"),
        ("my handle is @ana_banana", "my handle is [handle]"),
        ("born 03/12/1961, bloated", "born [date], bloated"),
        ("born 1961-03-12", "born [date]"),
        ("I live at 42 Maple Street, does stress matter", "I live at [address], does stress matter"),
        ("Dr. Alan Grant said kefir", "Dr. [name] said kefir"),
        ("see https://example.net/me?id=7 now", "see [link] now"),
        ("me llamo Rosa, tengo dolor", "me llamo [name], tengo dolor"),
        ("+1 (212) 555 0100", "[number]"),
        ("record 48151623", "record [number]"),
        ("MRN12345678", "MRN[number]"),
    ],
)
def test_what_names_a_person_is_masked(text: str, masked: str) -> None:
    assert deidentify(text) == masked


@pytest.mark.parametrize(
    "question",
    [
        "Does kefir help with bloating?",
        "is 25 g of fibre a day enough",
        "I am so tired of this",
        "I'm not sure what IBS is",
        "this is about my gut",
        "can stress in 3 weeks do that? 10 of 12 days",
        "what is a 5:2 diet",
    ],
)
def test_question_that_names_nobody_stays_as_it_is(question: str) -> None:
    assert deidentify(question) == question
