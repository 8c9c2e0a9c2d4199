"""How replies look: escaped, within the limit, and never a passage without its disclaimer."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateway.replies import Button, Passage, Reply
from bot.telegram.render import LIMIT, numbers_missing_from, plain, render, units
from tests.telegram.fake_telegram import _Reader

DISCLAIMER = "This is general education, not medical advice."
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n<>&\"'"), max_size=300)
LONG = st.builds(
    lambda text, times: (text + ". ") * times, st.text("ab <&\n\U0001f600", min_size=1), st.integers(1, 900)
)


def passage(text: str, heading: str = "What is it?", source: str = "A source", url: str = "https://x.org") -> Passage:
    return Passage(
        id="a#1", heading=heading, text=text, article="A", source=source, url=url, reviewed_by="R", reviewed_on="2026"
    )


def shown(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.bad, html
    assert not reader.open, html
    return reader.text


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=150, deadline=None)
@given(TEXTS | LONG, TEXTS, TEXTS, st.none() | TEXTS)
def test_any_passage_is_well_formed_within_the_limit_and_carries_its_disclaimer(
    text: str, heading: str, source: str, notice: str | None
) -> None:
    reply = Reply(
        kind="answer", passages=(passage(text, heading, source),), disclaimer=DISCLAIMER, notice=notice or None
    )
    messages = [shown(html) for html in render(reply)]
    assert messages
    assert all(units(message) <= LIMIT for message in messages)
    assert all(message.endswith(DISCLAIMER) for message in messages)
    told = squeezed("".join(message.split("\n\nSource: ")[0] for message in messages))
    assert squeezed(text) in told.replace(squeezed(DISCLAIMER), "") or squeezed(text) in told


@settings(max_examples=100, deadline=None)
@given(LONG)
def test_any_text_is_told_whole_over_several_messages(text: str) -> None:
    if not text.strip():
        return
    messages = [shown(html) for html in render(Reply(kind="menu", text=text))]
    assert all(0 < units(message) <= LIMIT for message in messages)
    assert squeezed("".join(messages)) == squeezed(text)


def test_long_text_is_cut_after_a_sentence_and_not_after_an_abbreviation() -> None:
    text = "Ask Dr. Lee about it, he knows best of all. " * 200
    messages = [shown(html) for html in render(Reply(kind="menu", text=text.strip()))]
    assert len(messages) > 1
    assert all(message.endswith("best of all.") for message in messages)


def test_list_is_cut_between_its_items() -> None:
    text = "\n".join(f"- item number {n} of the list. It has two sentences" for n in range(200))
    messages = [shown(html) for html in render(Reply(kind="menu", text=text))]
    assert all(message.startswith("- item") for message in messages)


def test_emergency_opens_in_bold() -> None:
    (html,) = render(Reply(kind="emergency", text="Please call 911 now.\nDo not drive yourself."))
    assert html == "<b>Please call 911 now.</b>\nDo not drive yourself."


@pytest.mark.parametrize("url", ["javascript:alert(1)", "tel:911", "ftp://x", ""])
def test_only_web_addresses_become_links(url: str) -> None:
    reply = Reply(kind="answer", passages=(passage("Text.", url=url),), disclaimer=DISCLAIMER)
    assert "<a" not in render(reply)[0]


def test_address_cannot_break_out_of_its_link() -> None:
    url = 'https://x.org/"><b>bold</b>'
    (html,) = render(Reply(kind="answer", passages=(passage("Text.", url=url),), disclaimer=DISCLAIMER))
    assert shown(html).count("bold") == 0
    assert unescape(re.findall(r'href="([^"]*)"', html)[0]) == url


def test_call_button_becomes_a_plain_number_unless_the_text_has_it() -> None:
    buttons = (
        Button(label="Call the clinic", payload="tel:+12125550142"),
        Button(label="Call Poison Control: 1-800-222-1222", payload="tel:18002221222"),
    )
    assert numbers_missing_from("Call (212) 555-0142 or 1-800-222-1222.", buttons) == []
    missing = ["Call the clinic: +12125550142", "Call Poison Control: 1-800-222-1222"]
    assert numbers_missing_from("Call us.", buttons) == missing
    (html,) = render(Reply(kind="clinic", text="Call us.", buttons=buttons))
    assert html == plain("Call us.", "\n".join(missing))
