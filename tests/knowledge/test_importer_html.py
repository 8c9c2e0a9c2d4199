"""Saved web pages in the shapes that the real web has."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from knowledge.errors import ImportSourceError
from knowledge.importer import read_document
from knowledge.importers.blocks import Block, Imported, sections, to_markdown

FILLER = "<p>A slow walk after supper can settle the day. It need not be long, and a friend makes it lighter.</p>"


def read(folder: Path, body: str, *, head: str = "", raw: bytes | None = None) -> Imported:
    path = folder / "page.html"
    page = f"<!doctype html><html><head><title>Walks | Elm Clinic</title>{head}</head><body>{body}</body></html>"
    path.write_bytes(raw if raw is not None else page.encode())
    return read_document(path)


def markdown(found: Imported) -> str:
    return to_markdown(sections(found.title, found.blocks))


def texts(found: Imported) -> list[str]:
    return [block.text for block in found.blocks]


def test_nested_lists_keep_their_depth_and_their_lead_in(tmp_path: Path) -> None:
    body = (
        f"<main><h1>Walks</h1>{FILLER}<p>Pack these things:</p><ul><li>Water<ul><li>cold<ol><li>with ice</li></ol></li>"
        f"<li>warm</li></ul></li><li><p>A snack</p></li></ul>{FILLER.replace('slow', 'short')}</main>"
    )
    assert "Pack these things:\n\n- Water\n  - cold\n    1. with ice\n  - warm\n- A snack\n" in markdown(
        read(tmp_path, body)
    )


def test_a_data_table_stays_a_table_and_a_layout_table_does_not(tmp_path: Path) -> None:
    body = (
        f"<table><tr><td><h1>Walks</h1>{FILLER}<p>How far to go:</p>"
        "<table><tr><th>Day</th><th>Steps</th></tr><tr><td>Mon | Tue</td><td>40</td></tr></table></td></tr></table>"
    )
    found = read(tmp_path, body)
    assert Block("table", rows=(("Day", "Steps"), ("Mon | Tue", "40"))) in found.blocks
    assert "| Mon \\| Tue | 40 |" in markdown(found)


def test_odd_characters_come_out_plain(tmp_path: Path) -> None:
    body = (
        f"<article><h1>Walks</h1><p>Don\u2019t\u00a0rush \u2014 \u201cslow\u201d is\u200b "
        f"fine\u00ad.\ufeff</p>{FILLER}</article>"
    )
    assert texts(read(tmp_path, body))[0] == "Don\u2019t rush \u2014 \u201cslow\u201d is fine."


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "utf-8"), ("cp1252", "iso-8859-1"), ("cp1252", "utf-8"), ("utf-16", "utf-16"), ("utf-8-sig", "")],
)
def test_pages_are_decoded_whatever_they_declare(tmp_path: Path, encoding: str, declared: str) -> None:
    page = (
        f'<html><head><meta charset="{declared}"><title>Walks</title></head><body><article><h1>Walks</h1>'
        f"<p>It\u2019s a caf\u00e9 \u2013 not a race.</p>{FILLER}</article></body></html>"
    )
    assert texts(read(tmp_path, "", raw=page.encode(encoding)))[0] == "It\u2019s a caf\u00e9 \u2013 not a race."


def test_one_page_with_two_encodings_keeps_its_quotes(tmp_path: Path) -> None:
    raw = b"<article><h1>Walks</h1><p>Caf\xc3\xa9 and \x93tea\x94.</p>" + FILLER.encode() + b"</article>"
    assert texts(read(tmp_path, "", raw=raw))[0] == "Caf\u00e9 and \u201ctea\u201d."


def test_text_that_was_encoded_twice_is_mended(tmp_path: Path) -> None:
    twice = "It\u2019s fine.".encode().decode("cp1252")
    assert texts(read(tmp_path, f"<article><h1>Walks</h1><p>{twice}</p>{FILLER}</article>"))[0] == "It\u2019s fine."


def test_short_sentences_between_long_ones_are_kept(tmp_path: Path) -> None:
    body = (
        f"<div><div class='post-content'><h1>Walks</h1>{FILLER}<p>Why?</p><div>It "
        f"helps.</div>{FILLER}<p>Really.</p></div></div>"
    )
    found = texts(read(tmp_path, body))
    assert [text for text in found if len(text) < 12] == ["Why?", "It helps.", "Really."]


def test_running_text_without_paragraphs_is_parted_at_double_breaks(tmp_path: Path) -> None:
    body = (
        "<div id='content'><h1>Walks</h1>A walk is free.<br><br>It needs no gear.<br>Only "
        "shoes.<br/><br/>\u2022 Left foot<br>\u2022 Right foot</div>"
    )
    assert read(tmp_path, body).blocks == (
        Block("paragraph", "A walk is free."),
        Block("paragraph", "It needs no gear. Only shoes."),
        Block("item", "Left foot"),
        Block("item", "Right foot"),
    )


def test_a_page_wrapped_in_a_form_or_a_sidebar_class_is_not_thrown_away(tmp_path: Path) -> None:
    body = (
        f"<form id='aspnetForm'><div class='sidebar-layout'><div "
        f"class='widget'><h1>Walks</h1>{FILLER}{FILLER}</div></div></form>"
    )
    assert len(read(tmp_path, body).blocks) == 2


def test_hidden_and_pop_up_parts_are_left_out(tmp_path: Path) -> None:
    body = (
        f"<main><h1>Walks</h1>{FILLER}<p style='display: none'>Secret words for robots.</p><div "
        f"aria-modal='true'>Wait! Do not go.</div>"
        "<div class='newsletter-signup'><p>Join our list and get tips straight to your inbox.</p></div>"
        f"<noscript>Turn on scripts.</noscript>{FILLER}</main>"
    )
    assert all(text.startswith("A slow walk") for text in texts(read(tmp_path, body)))


def test_questions_in_an_accordion_are_headings(tmp_path: Path) -> None:
    body = (
        f"<main><h1>Walks</h1>{FILLER}<details><summary>How far is far?</summary><p>As far as feels kind.</p></details>"
        "<dl><dt>What about rain?</dt><dd>Wear a coat.</dd></dl></main>"
    )
    assert read(tmp_path, body).blocks[1:] == (
        Block("heading", "How far is far?", level=4),
        Block("paragraph", "As far as feels kind."),
        Block("heading", "What about rain?", level=4),
        Block("paragraph", "Wear a coat."),
    )


def test_bold_words_inside_a_sentence_make_no_heading(tmp_path: Path) -> None:
    body = (
        f"<main><h1>Walks</h1>{FILLER}<p><b>Stop</b> if it hurts</p><p><b>Slow "
        f"down.</b></p><p><b>When To Rest</b></p>{FILLER}</main>"
    )
    assert [block.text for block in read(tmp_path, body).blocks if block.kind == "heading"] == ["When To Rest"]


def test_reference_marks_go_and_powers_stay(tmp_path: Path) -> None:
    body = (
        f"<main><h1>Walks</h1><p>It helps.<sup>1,2</sup> There are 10<sup>12</sup> "
        f"reasons<sup>[3]</sup>.</p>{FILLER}</main>"
    )
    assert texts(read(tmp_path, body))[0] == "It helps. There are 1012 reasons."


def test_address_site_and_date_come_from_the_page(tmp_path: Path) -> None:
    head = (
        '<link rel="canonical" href="https://elm.example.net/walks"><meta property="og:site_name" content="Elm Clinic">'
        '<meta property="article:published_time" content="2021-07-01T09:00:00Z">'
    )
    found = read(tmp_path, f"<main><h1>Walks</h1>{FILLER}</main>", head=head)
    assert (found.title, found.address, found.site, found.published) == (
        "Walks",
        "https://elm.example.net/walks",
        "Elm Clinic",
        date(2021, 7, 1),
    )


def test_a_page_saved_by_a_browser_says_where_it_came_from(tmp_path: Path) -> None:
    saved = "<!-- saved from url=(0031)https://elm.example.net/a-walk -->"
    raw = f"{saved}\n<html><body><h1>A walk</h1>{FILLER}</body></html>"
    assert read(tmp_path, "", raw=raw.encode()).address == "https://elm.example.net/a-walk"


def test_advice_that_names_a_clinic_is_no_promotion(tmp_path: Path) -> None:
    kept = (
        "<p>Call your clinic if the pain wakes you. Do not order tests online without asking. Ask "
        "us anything, says one nurse.</p>"
    )
    found = texts(read(tmp_path, f"<main><h1>Walks</h1>{FILLER}{kept}{FILLER}</main>"))
    assert found[1].count(".") == 3


def test_order_lines_go_and_the_sentences_beside_them_stay(tmp_path: Path) -> None:
    sold = (
        "<p>Shoes matter. Please contact us to order a pair. Old ones are fine.</p><p>Sample below.</p><p>Book now!</p>"
    )
    found = read(tmp_path, f"<main><h1>Walks</h1>{FILLER}{sold}{FILLER}</main>")
    assert texts(found)[1] == "Shoes matter. Old ones are fine."
    assert len(found.blocks) == 3
    assert "Please contact us to order a pair." in found.dropped


def test_a_page_of_five_megabytes_is_read_whole(tmp_path: Path) -> None:
    rows = "".join(
        f"<h2>Walk number {n}</h2><p>Path {n} is flat. {'It winds by the river and back. ' * 12}</p>"
        for n in range(12_000)
    )
    started = time.process_time()
    found = read(tmp_path, f"<main><h1>Walks</h1>{rows}</main>")
    assert sum(block.kind == "heading" for block in found.blocks) == 12_000
    assert sum(block.kind == "paragraph" for block in found.blocks) == 12_000
    assert time.process_time() - started < 60


def test_pictures_inside_the_page_do_not_slow_it(tmp_path: Path) -> None:
    picture = f'<img src="data:image/png;base64,{"A" * 5_000_000}">'
    assert len(read(tmp_path, f"<main><h1>Walks</h1>{picture}{FILLER}</main>").blocks) == 1


def test_deep_nesting_does_not_break_the_reader(tmp_path: Path) -> None:
    found = read(tmp_path, f"<main><h1>Walks</h1>{'<div>' * 900}{FILLER}{'</div>' * 900}</main>")
    assert texts(found)[0].startswith("A slow walk")


def test_control_characters_do_not_stop_the_reader(tmp_path: Path) -> None:
    odd = FILLER.replace("slow", "sl\x1fo&#1;w&#x1F;&#8;")
    found = read(tmp_path, f"<main><h1>Walks</h1>\x01{odd}\x0b</main>")
    assert texts(found) == [
        "A slow walk after supper can settle the day. It need not be long, and a friend makes it lighter."
    ]


def test_all_that_is_left_out_can_be_seen_and_nothing_that_was_kept(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"<header><p>Elm Clinic, since long ago</p></header><main><h1>Walks</h1>{FILLER}"
        "<p>Shoes matter. Please contact us to order a pair.</p>"
        f"<div class='cta'><h2>Ready?</h2><p>Call today!</p></div>{FILLER}</main>"
        "<div style='display: none'><p>Nobody sees this.</p></div><script>var walks = 1;</script>"
        "<form><p>Tell us your name.</p></form><footer><p>Elm Street 5</p></footer>",
    )
    assert set(found.dropped) == {
        "Elm Clinic, since long ago",
        "Ready?",
        "Call today!",
        "Nobody sees this.",
        "Tell us your name.",
        "Elm Street 5",
        "Please contact us to order a pair.",
    }


@pytest.mark.parametrize(
    "names", ["so-panel widget widget_sow-editor", "fl-module widget", "elementor-widget-container", "textwidget"]
)
def test_a_page_builders_paragraphs_are_kept_although_it_calls_them_widgets(tmp_path: Path, names: str) -> None:
    parts = "".join(f"<div class='{names}'><h2>Part {n}?</h2>{FILLER}</div>" for n in range(4))
    sidebar = f"<div class='widget-area'><div class='widget'>{FILLER}</div></div><div class='widget widget_recent_entries'>x</div>"
    found = read(tmp_path, f"<main><h1>Walks</h1>{parts}</main>{sidebar}")
    assert [block.kind for block in found.blocks] == ["heading", "paragraph"] * 4


def test_the_sign_by_which_a_heading_links_to_itself_goes(tmp_path: Path) -> None:
    link = "<a class='anchor' href='#far'>{}</a>"
    found = read(
        tmp_path,
        f"<main><h1>Walks {link.format('¶')}</h1>{FILLER}<h2>How far?{link.format('#')}</h2>{FILLER}"
        f"<h2>{link.format('§')} Walk #1 and C#</h2>{FILLER}</main>",
    )
    assert found.title == "Walks"
    assert [block.text for block in found.blocks if block.kind == "heading"] == ["How far?", "Walk #1 and C#"]


def test_a_page_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportSourceError, match="no article text found"):
        read(tmp_path, "<header><nav><a>Home</a></nav></header><div id=root></div>")
