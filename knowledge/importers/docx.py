"""A Word document -> its article, as it reads with all tracked changes accepted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn

from knowledge.errors import ImportSourceError
from knowledge.importers.blocks import Block, Imported, one_line, typed_lists
from knowledge.importers.selecting import looks_like_title, select

MAX_UNPACKED = 300_000_000
Element = Any

_DELETED = frozenset(map(qn, ("w:del", "w:moveFrom", "w:instrText", "w:delText", "w:pict")))
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_docx(raw: bytes, *, name: str) -> Imported:
    """Read a .docx file.

    Raises:
        ImportSourceError: If it is not a Word document, is locked with a password, or unpacks to something huge.
    """
    document = _opened(raw, name)
    lists = _Lists(document)
    blocks = typed_lists(list(_blocks(document.element.body, document, lists)))
    core = document.core_properties
    title = next((block.text for block in blocks if block.kind == "heading" and block.level == 0), "")
    blocks = [block for block in blocks if not (block.kind == "heading" and block.level == 0 and block.text == title)]
    chosen = select(blocks, title=title, whole_page=False)
    published = core.created.date() if core.created else None
    return Imported(
        chosen.title or one_line(core.title or ""), chosen.blocks, published=published, dropped=chosen.dropped
    )


def _opened(raw: bytes, name: str) -> WordDocument:
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportSourceError(
            f"{name}: an old .doc or a document with a password. Save it as .docx without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MAX_UNPACKED:
                raise ImportSourceError(
                    f"{name}: unpacks to more than {MAX_UNPACKED // 1_000_000} MB. Save only the text."
                )
        return docx.Document(io.BytesIO(raw))
    except (zipfile.BadZipFile, PackageNotFoundError, KeyError, ValueError) as error:
        raise ImportSourceError(
            f"{name}: not a Word document, or a damaged one ({error}). Save it again as .docx."
        ) from error


class _Lists:
    """Which paragraphs are list items, how deep, and whether the list is numbered."""

    def __init__(self, document: WordDocument) -> None:
        self._formats: dict[tuple[str, str], str] = {}
        self._counts: dict[tuple[str, int], int] = {}
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError, AttributeError):
            return
        abstract = {node.get(qn("w:abstractNumId")): node for node in root.iter(qn("w:abstractNum"))}
        for number in root.iter(qn("w:num")):
            pointer = number.find(qn("w:abstractNumId"))
            definition = abstract.get(pointer.get(qn("w:val"))) if pointer is not None else None
            for level in definition.iter(qn("w:lvl")) if definition is not None else ():
                form = level.find(qn("w:numFmt"))
                key = (number.get(qn("w:numId")), level.get(qn("w:ilvl")))
                self._formats[key] = form.get(qn("w:val")) if form is not None else "bullet"

    def place(self, paragraph: Element, style: Element | None, style_name: str) -> tuple[int, int | None] | None:
        """(depth, number) of a list item, number None for a bullet; None when the paragraph is no item."""
        marks = _numbering(paragraph)
        if marks is None and style is not None:
            marks = _numbering(style)
        if marks is None:
            if style_name.startswith("list") and "continue" not in style_name:
                depth = int(style_name[-1]) - 1 if style_name[-1].isdigit() else 0
                return depth, self._next("style", depth) if "number" in style_name else None
            return None
        number_id, depth = marks
        if not depth and style_name.startswith("list") and style_name[-1].isdigit():
            depth = int(style_name[-1]) - 1
        if number_id == "0":
            return None
        form = self._formats.get((number_id, str(depth)), "bullet")
        return depth, None if form in ("bullet", "none") else self._next(number_id, depth)

    def _next(self, number_id: str, depth: int) -> int:
        for key in [key for key in self._counts if key[0] == number_id and key[1] > depth]:
            del self._counts[key]
        self._counts[number_id, depth] = self._counts.get((number_id, depth), 0) + 1
        return self._counts[number_id, depth]


def _numbering(element: Element) -> tuple[str, int] | None:
    properties = element.find(qn("w:pPr"))
    marks = properties.find(qn("w:numPr")) if properties is not None else None
    if marks is None:
        return None
    number, level = marks.find(qn("w:numId")), marks.find(qn("w:ilvl"))
    if number is None:
        return None
    return number.get(qn("w:val")) or "0", int(level.get(qn("w:val")) or 0) if level is not None else 0


def _blocks(parent: Element, document: WordDocument, lists: _Lists) -> Iterator[Block]:
    carried = ""
    for node in _children(parent):
        if node.tag == qn("w:tbl"):
            yield from _table(node, document, lists)
        elif node.tag == qn("w:p"):
            text = carried + _text(node)
            if _mark_deleted(node):
                carried = text
                continue
            carried = ""
            yield from _paragraph(node, text, document, lists)
    if carried.strip():
        yield Block("paragraph", one_line(carried))


def _children(parent: Element) -> Iterator[Element]:
    """Paragraphs and tables, also those inside content controls; a table of contents is left out."""
    for node in parent:
        if node.tag in (
            qn("w:sdt"),
            qn("w:ins"),
            qn("w:moveTo"),
            qn("w:customXml"),
            qn("w:sdtContent"),
            qn("w:smartTag"),
        ):
            gallery = next(node.iter(qn("w:docPartGallery")), None) if node.tag == qn("w:sdt") else None
            if gallery is None or "Contents" not in (gallery.get(qn("w:val")) or ""):
                yield from _children(node)
        else:
            yield node


def _mark_deleted(paragraph: Element) -> bool:
    """The paragraph's end was deleted, so that it runs on into the next one."""
    properties = paragraph.find(qn("w:pPr"))
    run = properties.find(qn("w:rPr")) if properties is not None else None
    return run is not None and (run.find(qn("w:del")) is not None or run.find(qn("w:moveFrom")) is not None)


def _text(element: Element) -> str:
    """The words of an element, insertions in, deletions out."""
    if element.tag in _DELETED or element.tag == _FALLBACK:
        return ""
    if element.tag == qn("w:t"):
        return element.text or ""
    if element.tag in (qn("w:tab"), qn("w:br"), qn("w:cr")):
        return " "
    if element.tag == qn("w:noBreakHyphen"):
        return "-"
    if element.tag in (qn("w:pPr"), qn("w:rPr")):
        return ""
    inner = "".join(_text(child) for child in element)
    return f" {inner} " if element.tag == qn("w:txbxContent") else inner


def _paragraph(node: Element, raw: str, document: WordDocument, lists: _Lists) -> Iterator[Block]:
    text = one_line(raw)
    style, style_name = _style(node, document)
    if not text or style_name.startswith("toc") or style_name in ("header", "footer", "caption"):
        return
    if style_name == "title":
        yield Block("heading", text, level=0)
        return
    level = _heading_level(node, style, style_name)
    if level:
        yield Block("heading", text, level=level)
        return
    place = lists.place(node, style, style_name)
    if place:
        yield Block("item", text, level=place[0], number=place[1])
    elif _all_bold(node) and looks_like_title(text) and len(text.split()) <= 14:
        yield Block("heading", text, level=4)
    else:
        yield Block("paragraph", text)


def _style(node: Element, document: WordDocument) -> tuple[Element | None, str]:
    properties = node.find(qn("w:pPr"))
    pointer = properties.find(qn("w:pStyle")) if properties is not None else None
    if pointer is None:
        return None, ""
    wanted = pointer.get(qn("w:val"))
    for style in document.styles.element.iter(qn("w:style")):
        if style.get(qn("w:styleId")) == wanted:
            named = style.find(qn("w:name"))
            return style, (named.get(qn("w:val")) if named is not None else wanted or "").lower()
    return None, (wanted or "").lower()


def _heading_level(node: Element, style: Element | None, style_name: str) -> int:
    if style_name.startswith("heading"):
        return int(style_name[-1]) if style_name[-1].isdigit() else 2
    for element in (node, style):
        properties = element.find(qn("w:pPr")) if element is not None else None
        outline = properties.find(qn("w:outlineLvl")) if properties is not None else None
        if outline is not None and (outline.get(qn("w:val")) or "9") < "6":
            return int(outline.get(qn("w:val"))) + 1
    return 0


def _all_bold(node: Element) -> bool:
    runs = [run for run in node.iter(qn("w:r")) if _text(run).strip()]
    return bool(runs) and all(_is_bold(run) for run in runs)


def _is_bold(run: Element) -> bool:
    properties = run.find(qn("w:rPr"))
    bold = properties.find(qn("w:b")) if properties is not None else None
    return bold is not None and (bold.get(qn("w:val")) or "1") not in ("0", "false", "off")


def _table(node: Element, document: WordDocument, lists: _Lists) -> Iterator[Block]:
    rows = [_own(row, "w:tc", "w:tr") for row in _own(node, "w:tr", "w:tbl") if not _row_deleted(row)]
    if len(rows) < 2 or max(map(len, rows)) < 2:  # one row or one column only places things on the page
        for cell in (cell for row in rows for cell in row):
            yield from _blocks(cell, document, lists)
        return
    words = [tuple(one_line(" ".join(_text(p) for p in cell.iter(qn("w:p")))) for cell in row) for row in rows]
    if any(any(row) for row in words):
        yield Block("table", rows=tuple(row for row in words if any(row)))


def _own(parent: Element, tag: str, parent_tag: str) -> list[Element]:
    """The rows of a table or the cells of a row, without those of a table inside it."""
    return [node for node in parent.iter(qn(tag)) if next(node.iterancestors(qn(parent_tag))) is parent]


def _row_deleted(row: Element) -> bool:
    properties = row.find(qn("w:trPr"))
    return properties is not None and properties.find(qn("w:del")) is not None
