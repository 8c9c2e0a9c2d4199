"""Whatever an article holds, its passages hold the same words, once each and in order."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.cleaner import clean, normalise, to_plain_text
from knowledge.importers.blocks import Block, escaped, one_line, sections, to_markdown
from knowledge.models import Article, Document, Source
from knowledge.splitter import split

WORDS = (
    "a",
    "rest",
    "gut",
    "pain",
    "walk",
    "Kim",
    "slow",
    "tea",
    "nerves",
    "feel",
    "I",
    "microbes",
    "Monday",
    "we",
    "stretch",
)
WORD = st.sampled_from(
    [
        "a",
        "rest",
        "gut",
        "pain",
        "walk",
        "Kim",
        "slow",
        "tea",
        "water",
        "nerves",
        "feel",
        "calm",
        "I",
        "microbes",
        "Monday",
        "belly",
        "we",
        "stretch",
    ]
)
ODD = st.sampled_from(
    [
        "e.g.",
        "C. diff",
        "5.5",
        "3 p.m.",
        "**",
        "_x_",
        "[^9]",
        "[a](b)",
        "<b>",
        "&amp;",
        "#1",
        "a|b",
        "`c`",
        "\u201cso\u201d",
        "U.S.",
        "1.",
        "-",
        "*",
        "caf\u00e9",
        "\u00a0",
        "~~",
        "\\",
    ]
)
SENTENCE = st.builds(
    lambda words, end: " ".join(words).capitalize() + end,
    st.lists(st.one_of(WORD, WORD, WORD, ODD), min_size=1, max_size=18),
    st.sampled_from([".", ".", "?", "!", ".\u201d", "..."]),
)
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=9).map(lambda parts: Block("paragraph", one_line(" ".join(parts))))
LEAD_IN = st.builds(lambda words: Block("paragraph", " ".join(words) + ":"), st.lists(WORD, min_size=2, max_size=6))


@st.composite
def lists(draw: st.DrawFn) -> list[Block]:
    """A list, nested or numbered at times."""
    items = draw(
        st.lists(
            st.tuples(st.lists(WORD, min_size=1, max_size=30).map(" ".join), st.integers(0, 2)), min_size=1, max_size=9
        )
    )
    numbered = draw(st.booleans())
    made, depth = [], 0
    for position, (text, wanted) in enumerate(items):
        depth = min(wanted, depth + 1) if position else 0
        made.append(Block("item", text, level=depth, number=position + 1 if numbered and not depth else None))
    return made


@st.composite
def bodies(draw: st.DrawFn) -> list[Block]:
    """The blocks of one section: paragraphs, and lists with or without a lead-in."""
    made: list[Block] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["paragraph", "led list", "list"]))
        if kind == "paragraph":
            made.append(draw(PARAGRAPH))
        elif kind == "led list":
            made += [draw(LEAD_IN), *draw(lists())]
        elif not made or made[-1].kind != "item":
            made += draw(lists())
    return made or [draw(PARAGRAPH)]


@st.composite
def articles(draw: st.DrawFn) -> list[Block]:
    """Sections with headings of their own."""
    made: list[Block] = []
    for number in range(draw(st.integers(1, 4))):
        heading = " ".join(draw(st.lists(WORD, min_size=1, max_size=7)))
        made += [Block("heading", f"{heading} {number}?", level=2), *draw(bodies())]
    return made


def as_document(blocks: list[Block]) -> Document:
    source = Source("origin", "A made-up page", 2024, "https://example.net/page")
    article = Article("made-up", "Made up", (), (), (source,), date(2024, 1, 1), date(2025, 1, 1), to_markdown(blocks))
    return clean(article)


def words(text: str) -> list[str]:
    return text.split()


MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@MANY
@given(articles(), st.integers(10, 130))
def test_passages_hold_every_word_of_the_document_once_and_in_order(blocks: list[Block], limit: int) -> None:
    document = as_document(blocks)
    passages = split(document, max_words=limit)
    for section in document.sections:
        own = [p for p in passages if section.start <= p.start < section.end]
        assert " ".join(p.text for p in own).split() == document.text[section.start : section.end].split()
        assert {p.heading for p in own} == {section.heading}
    assert [p.start for p in passages] == sorted(p.start for p in passages)
    assert all(left.end <= right.start for left, right in pairwise(passages))


@MANY
@given(articles(), st.integers(10, 130))
def test_offsets_slice_each_passage_out_of_the_document(blocks: list[Block], limit: int) -> None:
    document = as_document(blocks)
    for section in document.sections:
        assert document.text[section.start - len(section.heading) - 1 : section.start - 1] == section.heading
    for passage in split(document, max_words=limit):
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip() != ""


@MANY
@given(articles(), st.integers(5, 60))
def test_a_list_stays_with_the_line_before_it(blocks: list[Block], limit: int) -> None:
    document = as_document(blocks)
    for passage in split(document, max_words=limit):
        section = next(s for s in document.sections if s.start <= passage.start < s.end)
        opens_line = document.text[passage.start - 1] == "\n"
        if opens_line and re.match(r"(?:- |\d+\. )", passage.text) and passage.start > section.start:
            pytest.fail(f"a passage begins with a list that something led into: {passage.text[:60]!r}")
        assert not passage.text.endswith(":") or passage.end == section.end


@MANY
@given(articles())
def test_the_document_says_what_the_markdown_was_made_of(blocks: list[Block]) -> None:
    document = as_document(blocks)
    expected = [word for block in blocks for word in words(block.text)]
    assert without_marks(words(document.text)) == without_marks(expected)


def without_marks(found: list[str]) -> list[str]:
    """Words without what begins an item of a list."""
    return [word for word in found if not re.fullmatch(r"-|\d+\.", word)]


@MANY
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80))
def test_escaped_text_reads_back_as_itself(text: str) -> None:
    line = one_line(text)
    assert to_plain_text(escaped(line)) == normalise(line)


@MANY
@given(st.lists(st.tuples(st.sampled_from(["heading", "paragraph"]), WORD), min_size=1, max_size=12))
def test_every_section_of_a_draft_has_a_heading_of_its_own_and_text(rows: list[tuple[str, str]]) -> None:
    made = sections("The title", [Block(kind, text, level=2) for kind, text in rows])  # type: ignore[arg-type]
    headings = [block.text for block in made if block.kind == "heading"]
    assert len(set(headings)) == len(headings)
    assert [block.text for block in made if block.kind == "paragraph"] == [
        text for kind, text in rows if kind == "paragraph"
    ]
    assert not made or (made[0].kind == "heading" and made[-1].kind == "paragraph")
    assert all(a.kind != "heading" or b.kind != "heading" for a, b in pairwise(made))


def test_splitter_keeps_an_abbreviation_in_its_sentence() -> None:
    text = "Treatment for C. diff works in most people who get it. " * 20
    document = as_document([Block("heading", "What is it?", level=2), Block("paragraph", text.strip())])
    passages = split(document, max_words=30)
    assert len(passages) > 5
    assert all(passage.text.startswith("Treatment") for passage in passages)
