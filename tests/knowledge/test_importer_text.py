"""Plain text: pages saved or copied as text, mail, and what people type."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.importer import read_document
from knowledge.importers.blocks import Block, Imported
from knowledge.importers.furniture import is_byline, is_furniture, is_navigation, is_notice, is_pitch
from knowledge.importers.plaintext import plain_blocks


def read(folder: Path, text: str | bytes) -> Imported:
    path = folder / "page.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def kinds(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in plain_blocks(text)]


def test_a_short_line_by_itself_above_text_is_a_heading() -> None:
    text = (
        "Warm Hands\n\nGloves help when the wind is cold.\n\nCan I knit?\n\nYes, knit as long as "
        "you like.\n\nwool and cotton\n"
    )
    assert kinds(text) == [
        ("heading", "Warm Hands"),
        ("paragraph", "Gloves help when the wind is cold."),
        ("heading", "Can I knit?"),
        ("paragraph", "Yes, knit as long as you like."),
        ("paragraph", "wool and cotton"),
    ]


def test_lines_that_were_broken_at_a_width_are_joined() -> None:
    text = (
        "Gloves help when the wind is cold, and a scarf\nkeeps the neck warm as well. Choose wool when\nyou can.\n\n"
        "- a long item that does not fit on one line and\n  goes on below\n- a short one\n"
    )
    assert kinds(text) == [
        (
            "paragraph",
            "Gloves help when the wind is cold, and a scarf keeps the neck warm as well. Choose wool when you can.",
        ),
        ("item", "a long item that does not fit on one line and goes on below"),
        ("item", "a short one"),
    ]


def test_numbered_lines_in_a_row_are_a_list_and_numbered_titles_are_headings() -> None:
    listed = "Do this:\n\n1. Sit down\n\n2. Lean back\n\n3. Rest\n\nThen get up slowly.\n"
    assert [kind for kind, _ in kinds(listed)] == ["paragraph", "item", "item", "item", "paragraph"]
    titled = "1. Wool\n\nWool is warm and light.\n\n2. Cotton\n\nCotton is easy to wash.\n"
    assert kinds(titled) == [
        ("heading", "Wool"),
        ("paragraph", "Wool is warm and light."),
        ("heading", "Cotton"),
        ("paragraph", "Cotton is easy to wash."),
    ]


def test_a_list_that_lost_its_bullets_is_a_list_again() -> None:
    text = (
        "Gloves come in:\n\nSoft wool\n\nPlain cotton\n\nThin silk\n\n\n\nHow To Wash Them\n\nUse "
        "cool water and little soap.\n"
    )
    assert kinds(text) == [
        ("paragraph", "Gloves come in:"),
        ("item", "Soft wool"),
        ("item", "Plain cotton"),
        ("item", "Thin silk"),
        ("heading", "How To Wash Them"),
        ("paragraph", "Use cool water and little soap."),
    ]


def test_a_bullet_on_a_line_of_its_own_belongs_to_the_next() -> None:
    assert kinds("Pack:\n\u2022\nGloves\n\u2022\nA hat\n")[1:] == [("item", "Gloves"), ("item", "A hat")]


def test_nested_bullets_keep_their_depth() -> None:
    found = plain_blocks("Pack:\n\n  \u2022 Gloves\n    \u2022 wool\n    \u2022 silk\n  \u2022 A hat\n")
    assert [block.level for block in found[1:]] == [1, 2, 2, 1]


def test_cells_between_tabs_are_a_table() -> None:
    found = plain_blocks("Sizes of gloves we tried:\n\nHand\tSize\nsmall\t6\nlarge\t9\n\nA lone\ttab is text.\n")
    assert found[1] == Block("table", rows=(("Hand", "Size"), ("small", "6"), ("large", "9")), gap=1)
    assert found[2].text == "A lone tab is text."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    text = "Warm Hands\r\n\r\nIt\u2019s a caf\u00e9 \u2013 \u201cwarm\u201d and kind to cold hands.\r\n"
    found = read(tmp_path, text.encode(encoding))
    assert (found.title, found.blocks[0].text) == (
        "Warm Hands",
        "It\u2019s a caf\u00e9 \u2013 \u201cwarm\u201d and kind to cold hands.",
    )


PAGE = """Skip to content

Home | About | Services | Contact

We use cookies to make this site work. By using this site you agree to our use of cookies.

Home > Blog > Warm Hands in Winter

Warm Hands in Winter

By Dana Reed, RN | January 5, 2020 | 3 min read

Cold hands are common when the wind turns. Gloves are a good start.

Subscribe to our newsletter and never miss a post!

Why Hands Get Cold

The body keeps warmth near the heart first. Hands come later.

Share this: Facebook Twitter Email

You can try:

- a warm cup
- a thick sleeve

Rub them gently for a minute.

Related Posts

Five Hats We Love

A hat keeps more warmth than you think, says our tester.

About the Author

Dana Reed has knitted for twenty years and lives by a lake.

Leave a Reply

Great post! I will buy wool tomorrow and tell my sister.

45 Lake Road, Suite 2
Millbrook, VT 05001
(802) 555-0101
Privacy Policy
"""


def test_everything_around_the_article_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, PAGE)
    assert found.title == "Warm Hands in Winter"
    assert [(b.kind, b.text) for b in found.blocks] == [
        ("paragraph", "Cold hands are common when the wind turns. Gloves are a good start."),
        ("heading", "Why Hands Get Cold"),
        ("paragraph", "The body keeps warmth near the heart first. Hands come later."),
        ("paragraph", "You can try:"),
        ("item", "a warm cup"),
        ("item", "a thick sleeve"),
        ("paragraph", "Rub them gently for a minute."),
    ]


def test_a_text_without_any_page_around_it_is_kept_whole(tmp_path: Path) -> None:
    text = "Warm hands\n\nGloves help. So does tea.\n\nWhat else?\n\n- socks\n- soup\n"
    found = read(tmp_path, text)
    assert (found.title, found.dropped) == ("Warm hands", ())
    assert [b.text for b in found.blocks] == ["Gloves help. So does tea.", "What else?", "socks", "soup"]


def test_single_line_breaks_between_blocks_are_enough(tmp_path: Path) -> None:
    long = (
        "The body keeps warmth near the heart first, and the hands come later, which is why they "
        "feel the wind before the rest of you does. "
    )
    found = read(tmp_path, f"Warm Hands\n{long * 2}\nWhy It Happens\n{long}\n\u2022 one\n\u2022 two\n{long}\n")
    assert [b.kind for b in found.blocks] == ["paragraph", "heading", "paragraph", "item", "item", "paragraph"]


@pytest.mark.parametrize(
    "line",
    [
        "Skip to main content",
        "\u00a9 2021 Elm Clinic",
        "Copyright 2020 Elm",
        "Home / Blog / Tea",
        "Category: Sleep Tag: tea",
        "Filed Under: Tea",
        "(802) 555-0101",
        "Call us today (802) 555-0101",
        "Monday - Friday 8:00am - 5:00pm",
        "8:00AM-5:00PM",
        "Email(Required)",
        "Previous Post: Tea",
        "12 Elm Street, Suite 4",
        "Millbrook, VT 05001",
        "hello@elm.example.net",
        "https://elm.example.net",
        "3 min read",
        "Read more \u00bb",
        "Your email address will not be published.",
        "Elm Clinic logo",
        "Home | Blog | Contact",
        "All rights reserved",
        "By Dana Reed, RN",
        "Posted by admin on March 3, 2023 in Sleep | 0 comments",
        "June 3, 2020",
        "Posted on 3 June 2020 by Dana",
        "Share on Facebook",
        "0 Comments",
        "Table of Contents",
    ],
)
def test_lines_of_the_page_are_recognised(line: str) -> None:
    assert is_furniture(line)


@pytest.mark.parametrize(
    "line",
    [
        "Why Sleep Matters",
        "5 Bumps in the Road",
        "7 Steps on the Way to Better Sleep",
        "Monitoring your steps",
        "Exercise",
        "Stress response",
        "By listening to your body, you learn what it needs.",
        "May is a good month to begin.",
        "About half of people feel better.",
        "Follow your own pace",
        "Share your plan with a friend.",
        "Tea, coffee and cocoa",
        "Sunscreen",
        "Email your care team with questions.",
        "Home exercises",
        "Searching for sleep",
        "Wednesday was the hardest day of all.",
        "In 12 May trials people slept.",
    ],
)
def test_lines_of_an_article_are_not_taken_for_the_page(line: str) -> None:
    assert not is_furniture(line)
    assert not is_byline(line)
    assert not is_navigation(line)


@pytest.mark.parametrize(
    "sentence",
    [
        "Please contact us to order testing.",
        "Sample below.",
        "Book your free consultation today!",
        "Call us now to schedule a visit.",
        "Order yours today.",
        "Click here to learn more.",
        "Schedule an appointment with us online.",
        "Use code TEA20 at checkout.",
        "Contact our office for more information.",
    ],
)
def test_sentences_that_sell_are_recognised(sentence: str) -> None:
    assert is_pitch(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Call your clinic to book a visit.",
        "A test that you buy online cannot tell you.",
        "Contact your provider today if it gets worse.",
        "You can order soup at a diner.",
        "Ask your team to schedule a check.",
        "The results are below.",
        "Call 911 now.",
        "It helps to book a quiet hour for yourself.",
        "Cookies and cake are fine now and then.",
        "Join a walking group near you.",
    ],
)
def test_advice_is_not_taken_for_selling(sentence: str) -> None:
    assert not is_pitch(sentence)
    assert not is_notice(sentence)
