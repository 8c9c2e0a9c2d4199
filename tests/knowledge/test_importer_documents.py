"""DOCX, PDF and Markdown."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from fpdf import FPDF

from knowledge.errors import ImportSourceError
from knowledge.importer import import_document, read_document
from knowledge.importers.blocks import Block

TODAY = date(2026, 3, 1)


def tracked(paragraph: Any, text: str, change: str, words: str = "w:t") -> None:
    """Add a run inside `w:ins` or `w:del`, as Word writes tracked changes."""
    mark, run, content = OxmlElement(change), OxmlElement("w:r"), OxmlElement(words)
    mark.set(qn("w:author"), "A Reviewer")
    content.text = text
    content.set(qn("xml:space"), "preserve")
    run.append(content)
    mark.append(run)
    paragraph._p.append(mark)


@pytest.fixture
def document() -> Any:
    made = docx.Document()
    made.add_heading("Soft Pillows", 0)
    return made


def saved(document: Any, folder: Path) -> Path:
    path = folder / "pillows.docx"
    document.save(str(path))
    return path


def test_docx_keeps_headings_lists_and_tables(document: Any, tmp_path: Path) -> None:
    document.add_paragraph("A pillow can be too high.")
    document.add_heading("Which one is right?", 1)
    document.add_paragraph("Look for:")
    document.add_paragraph("a soft cover", style="List Bullet")
    document.add_paragraph("cotton", style="List Bullet 2")
    document.add_paragraph("a zip", style="List Bullet")
    document.add_paragraph("Shake it.", style="List Number")
    document.add_paragraph("Air it.", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, [("Side", "Height"), ("left", "low")], strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    found = read_document(saved(document, tmp_path))
    assert found.title == "Soft Pillows"
    assert found.blocks == (
        Block("paragraph", "A pillow can be too high."),
        Block("heading", "Which one is right?", level=1),
        Block("paragraph", "Look for:"),
        Block("item", "a soft cover"),
        Block("item", "cotton", level=1),
        Block("item", "a zip"),
        Block("item", "Shake it.", number=1),
        Block("item", "Air it.", number=2),
        Block("table", rows=(("Side", "Height"), ("left", "low"))),
    )


def test_docx_keeps_what_was_inserted_and_drops_what_was_deleted(document: Any, tmp_path: Path) -> None:
    paragraph = document.add_paragraph("A pillow ")
    tracked(paragraph, "may ", "w:ins")
    tracked(paragraph, "will always ", "w:del", "w:delText")
    tracked(paragraph, "moved away ", "w:moveFrom")
    tracked(paragraph, "help ", "w:moveTo")
    paragraph.add_run("you sleep.")
    gone = document.add_paragraph()
    tracked(gone, "This whole line was struck out.", "w:del", "w:delText")
    found = read_document(saved(document, tmp_path))
    assert [block.text for block in found.blocks] == ["A pillow may help you sleep."]


def test_docx_takes_bullets_and_numbers_that_were_typed_for_lists(document: Any, tmp_path: Path) -> None:
    for line in ("Look for:", "• a soft cover", "- a zip", "Then:", "1) Shake it.", "2) Air it.", "3. Sleep well."):
        document.add_paragraph(line)
    document.add_paragraph("It can last for years.")
    document.add_paragraph("10. That is how many years it may last.")
    assert read_document(saved(document, tmp_path)).blocks == (
        Block("paragraph", "Look for:"),
        Block("item", "a soft cover"),
        Block("item", "a zip"),
        Block("paragraph", "Then:"),
        Block("item", "Shake it.", number=1),
        Block("item", "Air it.", number=2),
        Block("item", "Sleep well.", number=3),
        Block("paragraph", "It can last for years."),
        Block("paragraph", "10. That is how many years it may last."),
    )


def test_docx_reads_a_table_that_only_places_text_as_text(document: Any, tmp_path: Path) -> None:
    placed = document.add_table(rows=1, cols=2)
    placed.cell(0, 0).text = "A pillow can be too high."
    placed.cell(0, 0).add_paragraph("A flat one can be too low.")
    inner = placed.cell(0, 1).add_table(rows=2, cols=2)
    for row, words in enumerate((("Side", "Height"), ("left", "low"))):
        for column, word in enumerate(words):
            inner.cell(row, column).text = word
    assert read_document(saved(document, tmp_path)).blocks == (
        Block("paragraph", "A pillow can be too high."),
        Block("paragraph", "A flat one can be too low."),
        Block("table", rows=(("Side", "Height"), ("left", "low"))),
    )


def without(document: Any, folder: Path, part: str, how: str) -> Path:
    """A document of which one part is cut in half, is no XML or is gone."""
    whole, path = saved(document, folder), folder / "damaged.docx"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        assert part in old.namelist()
        for name in old.namelist():
            content = old.read(name)
            if name != part:
                new.writestr(name, content)
            elif how != "gone":
                new.writestr(name, content[: len(content) // 2] if how == "cut" else b"no XML")
    return path


@pytest.mark.parametrize("how", ["cut", "no XML", "gone"])
@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "[Content_Types].xml", "_rels/.rels"])
def test_docx_with_a_damaged_part_is_refused(document: Any, tmp_path: Path, part: str, how: str) -> None:
    document.add_paragraph("A pillow can be too high. Try a lower one.")
    with pytest.raises(ImportSourceError, match=r"damaged\.docx: .* Save it again"):
        read_document(without(document, tmp_path, part, how))


def test_docx_joins_paragraphs_whose_break_was_deleted(document: Any, tmp_path: Path) -> None:
    first = document.add_paragraph("A pillow that ")
    mark, deleted = OxmlElement("w:rPr"), OxmlElement("w:del")
    mark.append(deleted)
    first._p.get_or_add_pPr().append(mark)
    document.add_paragraph("is too high is no help.")
    assert [b.text for b in read_document(saved(document, tmp_path)).blocks] == [
        "A pillow that is too high is no help."
    ]


def test_docx_takes_a_bold_line_for_a_heading_and_leaves_headers_and_footers(document: Any, tmp_path: Path) -> None:
    document.sections[0].header.paragraphs[0].text = "Elm Clinic handout"
    document.add_paragraph("A pillow can be too low.")
    document.add_paragraph().add_run("When to change it").bold = True
    document.add_paragraph("Change it when it is flat.")
    found = read_document(saved(document, tmp_path))
    assert [(b.kind, b.text) for b in found.blocks] == [
        ("paragraph", "A pillow can be too low."),
        ("heading", "When to change it"),
        ("paragraph", "Change it when it is flat."),
    ]


def pdf_of(folder: Path, pages: int = 2) -> Path:
    made = FPDF()
    made.set_auto_page_break(auto=False)
    for page in range(pages):
        made.add_page()
        made.set_font("helvetica", size=8)
        made.cell(0, 5, "Elm Clinic handout", new_x="LMARGIN", new_y="NEXT")
        made.ln(8)
        if not page:
            made.set_font("helvetica", "B", 20)
            made.cell(0, 12, "Soft Pillows", new_x="LMARGIN", new_y="NEXT")
        made.set_font("helvetica", "B", 14)
        made.cell(0, 10, ["Which one is right?", "When is it worn out?"][page], new_x="LMARGIN", new_y="NEXT")
        made.set_font("helvetica", size=11)
        text = (
            f"Pillow {page} holds the head so that the neck can rest. It is not a cure, and it need not cost much. " * 3
        )
        made.multi_cell(0, 6, text.strip(), new_x="LMARGIN", new_y="NEXT")
        made.ln(4)
        made.multi_cell(0, 6, "Look for:", new_x="LMARGIN", new_y="NEXT")
        for item in (
            f"a cover {page} that is soft to the touch and that you can take off and wash whenever "
            f"you like, even in winter",
            f"a zip {page}",
        ):
            made.multi_cell(0, 6, f"- {item}", new_x="LMARGIN", new_y="NEXT")
        made.set_y(-15)
        made.set_font("helvetica", size=8)
        made.cell(0, 5, f"Page {page + 1} of {pages}")
    path = folder / "pillows.pdf"
    made.output(str(path))
    return path


def test_pdf_lines_become_paragraphs_lists_and_headings_again(tmp_path: Path) -> None:
    found = read_document(pdf_of(tmp_path))
    assert found.title == "Soft Pillows"
    sentence = "Pillow {} holds the head so that the neck can rest. It is not a cure, and it need not cost much."
    item = "a cover {} that is soft to the touch and that you can take off and wash whenever you like, even in winter"
    expected: list[tuple[str, str]] = []
    for page, heading in enumerate(("Which one is right?", "When is it worn out?")):
        expected += [
            ("heading", heading),
            ("paragraph", " ".join([sentence.format(page)] * 3)),
            ("paragraph", "Look for:"),
        ]
        expected += [("item", item.format(page)), ("item", f"a zip {page}")]
    assert [(b.kind, b.text) for b in found.blocks] == expected


def pdf_with(folder: Path, write: Callable[[FPDF], object]) -> Path:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=11)
    made.multi_cell(
        0, 6, "A pillow holds the head so that the neck can rest, and it need not cost you very much at all."
    )
    made.ln(6)
    write(made)
    made.output(str(folder / "pillows.pdf"))
    return folder / "pillows.pdf"


def test_pdf_table_stays_a_table(tmp_path: Path) -> None:
    rows = (("Side", "Height"), ("left or right", "low"), ("back", "lower still"))

    def table(made: FPDF) -> None:
        with made.table(line_height=7) as drawn:
            for cells in rows:
                row = drawn.row()
                for cell in cells:
                    row.cell(cell)
        made.ln(6)
        made.multi_cell(0, 6, "Try each for a week. Then choose.")

    found = read_document(pdf_with(tmp_path, table)).blocks
    assert [block.kind for block in found] == ["paragraph", "table", "paragraph"]
    assert found[1].rows == rows
    assert found[2].text == "Try each for a week. Then choose."


def test_pdf_numbers_and_bullets_that_stand_apart_are_no_table(tmp_path: Path) -> None:
    def numbered(made: FPDF) -> None:
        for mark, text in (("1.", "Shake it."), ("2.", "Air it."), ("-", "Fold it."), ("-", "Keep it dry.")):
            made.cell(20, 6, mark)
            made.cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")

    found = read_document(pdf_with(tmp_path, numbered)).blocks[1:]
    assert [(block.text, block.number) for block in found if block.kind == "item"] == [
        ("Shake it.", 1),
        ("Air it.", 2),
        ("Fold it.", None),
        ("Keep it dry.", None),
    ]


def test_pdf_text_right_below_a_list_is_no_part_of_its_last_item(tmp_path: Path) -> None:
    def listed(made: FPDF) -> None:
        for line in ("- a cover", "- a zip", "Wash both now and then."):
            made.multi_cell(0, 6, line, new_x="LMARGIN", new_y="NEXT")

    found = read_document(pdf_with(tmp_path, listed)).blocks[1:]
    assert [(block.kind, block.text) for block in found] == [
        ("item", "a cover"),
        ("item", "a zip"),
        ("paragraph", "Wash both now and then."),
    ]


def test_pdf_without_text_is_refused_as_a_scan(tmp_path: Path) -> None:
    made = FPDF()
    made.add_page()
    made.rect(20, 20, 100, 100, style="F")
    made.output(str(tmp_path / "scan.pdf"))
    with pytest.raises(ImportSourceError, match=r"scan\.pdf: a scan without text\. Run text recognition"):
        read_document(tmp_path / "scan.pdf")


def test_pdf_with_a_password_is_refused(tmp_path: Path) -> None:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=11)
    made.cell(0, 10, "Hidden words about pillows.")
    made.set_encryption(owner_password="owner", user_password="user")
    made.output(str(tmp_path / "locked.pdf"))
    with pytest.raises(ImportSourceError, match="locked with a password"):
        read_document(tmp_path / "locked.pdf")


MARKDOWN = """---
title: "Soft Pillows"
canonical_url: https://elm.example.net/pillows
date: 2022-04-05
---

A *pillow* can be [too high](https://elm.example.net/high).[^1] Use `one`.

## Which one is right?

Look for:

* a soft cover
    1. cotton
    2. linen
* a zip

| Side | Height |
|------|--------|
| left | low \\| flat |

> Rest well.

<div class="note"><p>Air it <b>daily</b>.</p></div>

<!-- a note to the editor -->

<script>track("pillows")</script>

[^1]: Seen in a shop.
"""


def test_markdown_keeps_its_structure_and_loses_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "pillows.md"
    path.write_text(MARKDOWN, encoding="utf-8")
    found = read_document(path)
    assert (found.title, found.address, found.published) == (
        "Soft Pillows",
        "https://elm.example.net/pillows",
        date(2022, 4, 5),
    )
    assert found.blocks == (
        Block("paragraph", "A pillow can be too high. Use one."),
        Block("heading", "Which one is right?", level=2),
        Block("paragraph", "Look for:"),
        Block("item", "a soft cover"),
        Block("item", "cotton", level=1, number=1),
        Block("item", "linen", level=1, number=2),
        Block("item", "a zip"),
        Block("table", rows=(("Side", "Height"), ("left", "low | flat"))),
        Block("paragraph", "Rest well."),
        Block("paragraph", "Air it daily."),
        Block("paragraph", "Seen in a shop."),
    )


def test_markdown_that_opens_with_its_title_does_not_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "pillows.md"
    path.write_text("# Soft Pillows\n\nA pillow helps.\n\n## Why?\n\nIt holds the head.\n", encoding="utf-8")
    result = import_document(path, tmp_path / "articles", today=TODAY)
    assert result.article.read_text(encoding="utf-8").endswith(
        "## Soft Pillows\n\nA pillow helps.\n\n## Why?\n\nIt holds the head.\n"
    )
