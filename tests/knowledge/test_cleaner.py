from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from knowledge.cleaner import clean, normalise, to_plain_text
from knowledge.errors import ArticleError
from knowledge.models import Document
from knowledge.reader import parse_article
from tests.knowledge.content import article_text


def document(sections: dict[str, str], **changes: Any) -> Document:
    return clean(parse_article(article_text("kettles", sections, **changes), Path("articles/kettles.md")))


def texts(found: Document) -> list[tuple[str, str]]:
    return [(section.heading, found.text[section.start : section.end]) for section in found.sections]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("Some *soft* and **loud** words, and `code`.", "Some soft and loud words, and code."),
        ("A [named link](https://example.net/x) here.", "A named link here."),
        ("One line\nand its end.", "One line and its end."),
        ("Hard\\\nbreak", "Hard\nbreak"),
        ("First.\n\n\n\nSecond.", "First.\n\nSecond."),
        ("Try:\n\n* rest\n* walk", "Try:\n- rest\n- walk"),
        ("Try these.\n\n- rest\n- walk", "Try these.\n\n- rest\n- walk"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("4. four\n5. five", "4. four\n5. five"),
        ("- outer\n  - inner\n- last", "- outer\n  - inner\n- last"),
        ("| Food | Why |\n|---|---|\n| Oats | Fibre |", "- Food: Why\n- Oats: Fibre"),
        ("> A quoted line.", "A quoted line."),
        ("Less < more & <b>bold</b>", "Less < more & <b>bold</b>"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\u201cquoted\u201d \u2013 caf\u00e9", "\u201cquoted\u201d \u2013 caf\u00e9"),
    ],
)
def test_cleaner_turns_markdown_into_plain_text(markdown: str, plain: str) -> None:
    assert to_plain_text(markdown) == plain


def test_cleaner_removes_invisible_characters_and_odd_spaces_but_no_line_break() -> None:
    assert normalise("a\u200bb\ufeff\u00adc\u00a0d\te\u2028f\ng") == "abc d e f\ng"
    assert normalise("cafe\u0301") == "caf\u00e9"


def test_cleaner_keeps_citations_with_their_section_and_out_of_its_text() -> None:
    found = document({"One?": "Warm water[^one] helps. It does.[^one]", "Two?": "Nothing cited."})
    assert texts(found) == [("One?", "Warm water helps. It does."), ("Two?", "Nothing cited.")]
    assert [section.cites for section in found.sections] == [("one",), ()]


def test_cleaner_offsets_slice_each_section_out_of_the_document() -> None:
    found = document({"One?": "A.\n\n- b\n- c", "Two & *three*?": "D."})
    assert texts(found) == [("One?", "A.\n\n- b\n- c"), ("Two & three?", "D.")]
    for section in found.sections:
        assert found.text[: section.start].endswith(f"{section.heading}\n")


def test_cleaner_takes_a_heading_in_a_fence_for_text() -> None:
    assert [heading for heading, _ in texts(document({"One?": "```\n## no heading\n```"}))] == ["One?"]


@pytest.mark.parametrize(
    ("sections", "changes", "said"),
    [
        ({"One?": "Text[^two]."}, {}, "section 'One?': cites [^two], which `sources` lacks. Add it."),
        ({"One?": "", "Two?": "Text."}, {}, "section 'One?': has no text. Write it or remove the heading."),
        ({"One?": "[^one]"}, {}, "section 'One?': has no text"),
        ({"One?": "\u200b\u00a0"}, {}, "section 'One?': has no text"),
        ({"One?": "A.", "One? ": "B."}, {}, "heading 'One?' stands twice. Word one of them differently."),
        ({"One?": "A."}, {"asks": {"Won?": ["x"]}}, "asks: 'Won?' is no heading of this article. Copy one exactly."),
        ({"One?": "A."}, {"simple": {"one?": "x"}}, "simple: 'one?' is no heading of this article"),
        ({}, {}, "no section. Start each section with `## ` and its question."),
    ],
)
def test_cleaner_names_file_place_and_fix(sections: dict[str, str], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArticleError) as caught:
        document(sections, **changes)
    assert str(caught.value).startswith("articles/kettles.md: ")
    assert said in str(caught.value)


def test_cleaner_refuses_text_before_the_first_heading() -> None:
    text = article_text("kettles", {"One?": "A."}).replace("## One?", "Lost words.\n\n## One?")
    with pytest.raises(
        ArticleError, match=r"text before the first heading: 'Lost words\.'\. Put it under a ## heading"
    ):
        clean(parse_article(text, Path("articles/kettles.md")))
