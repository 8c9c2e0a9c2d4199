"""Elements of a page -> blocks, in the order in which they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from knowledge.importers.blocks import Block, one_line, typed_item
from knowledge.importers.selecting import looks_like_title

Element = Any

HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK_TAGS = """address article blockquote body center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5
    h6 header hr li main ol p pre section summary table tbody td tfoot th thead tr ul"""
BLOCKS = frozenset(_BLOCK_TAGS.split())
_BREAK = "\x1e"
DEEPEST = 200


def blocks_of(element: Element) -> Iterator[Block]:
    """The blocks of an element: its paragraphs, headings, lists with their nesting, and tables."""
    yield from _walk(element, 0)


def _walk(element: Element, depth: int) -> Iterator[Block]:
    if depth > DEEPEST:
        yield from _paragraphs(" ".join(element.itertext()), bold=False)
        return
    tag = element.tag
    if tag in HEADINGS or (element.get("role") == "heading" and not _has_blocks(element)):
        text = one_line(_text(element))
        level = HEADINGS.get(tag) or int(element.get("aria-level") or 2)
        if text:
            yield Block("heading", text, level=level)
    elif tag in ("ul", "ol"):
        yield from _list(element, 0, depth)
    elif tag == "table":
        yield from _table(element, depth)
    elif tag == "figcaption" or (tag == "figure" and not _holds(element, "table", "blockquote")):
        return
    elif tag in ("dt", "summary"):
        text = one_line(_text(element))
        if text:
            yield Block("heading", text, level=4) if looks_like_title(text) else Block("paragraph", text)
    elif tag == "pre":
        for piece in re.split(r"\n\s*\n", _text(element)):
            yield from _paragraphs(piece, bold=False)
    else:
        yield from _mixed(element, depth)


def _holds(element: Element, *tags: str) -> bool:
    return any(element.find(f".//{tag}") is not None for tag in tags)


def _mixed(element: Element, depth: int) -> Iterator[Block]:
    """Running text and blocks side by side."""
    pending, bold = element.text or "", 0
    for child in element:
        if isinstance(child.tag, str) and (child.tag in BLOCKS or _has_blocks(child)):
            yield from _paragraphs(pending, bold=_is_all(bold, pending))
            pending, bold = child.tail or "", 0
            yield from _walk(child, depth + 1)
        else:
            text = _inline(child)
            bold += _bold(child, text)
            pending += text + (child.tail or "")
    yield from _paragraphs(pending, bold=_is_all(bold, pending))


def _has_blocks(element: Element) -> bool:
    return any(isinstance(node.tag, str) and node.tag in BLOCKS for node in element.iterdescendants())


def _is_all(count: int, text: str) -> bool:
    return count > 0 and count >= len(re.sub(r"\s+", "", text.replace(_BREAK, "")))


def _bold(element: Element, text: str) -> int:
    """How many characters of an inline element are bold."""
    if not isinstance(element.tag, str):
        return 0
    style = (element.get("style") or "").replace(" ", "").lower()
    strong = element.tag in ("strong", "b") or re.search(r"font-weight:(?:bold|[6-9]00)", style)
    if strong:
        return len(re.sub(r"\s+", "", text.replace(_BREAK, "")))
    inner = [child for child in element if isinstance(child.tag, str)]
    return sum(_bold(child, _inline(child)) for child in inner)


def _text(element: Element) -> str:
    parts = [element.text or ""]
    for child in element:
        parts.append(_inline(child) + (child.tail or ""))
    return "".join(parts)


def _inline(element: Element) -> str:
    if not isinstance(element.tag, str):
        return ""
    if element.tag == "br":
        return _BREAK
    if element.tag == "sup" and re.fullmatch(
        r"\s*\[?(?:\d{1,3}|[*†‡])(?:\s*[,\u2013-]\s*\d{1,3})*\]?\s*", element.text_content() or ""
    ):
        before = element.getprevious()
        stem = (before.tail if before is not None else element.getparent().text) or ""
        return element.text_content() if re.search(r"\d$", stem) else ""
    text = _text(element)
    return f" {text} " if element.tag in BLOCKS else text


def _paragraphs(text: str, *, bold: bool) -> Iterator[Block]:
    """Paragraphs of running text; two line breaks part them, and lines with bullets of their own are items."""
    for piece in re.split(rf"(?:\s*{_BREAK}\s*){{2,}}", text):
        lines = [line for line in map(one_line, piece.split(_BREAK)) if line]
        marked = [typed_item(line) for line in lines]
        if not any(marked) or (len(lines) == 1 and marked[0] and marked[0].number is not None):
            joined = " ".join(lines)
            if joined:
                yield Block("heading", joined, level=4) if bold and _is_heading(joined) else Block("paragraph", joined)
            continue
        for line, item in zip(lines, marked, strict=True):
            yield item or Block("paragraph", line)


def _is_heading(text: str) -> bool:
    return looks_like_title(text) and len(text.split()) <= 14


def _list(element: Element, level: int, depth: int) -> Iterator[Block]:
    ordered = element.tag == "ol"
    number = _whole(element.get("start"), 1)
    if not level and _is_links(element):
        return
    for child in element:
        if not isinstance(child.tag, str):
            continue
        if child.tag in ("ul", "ol"):
            yield from _list(child, level + 1, depth + 1)
            continue
        if depth > DEEPEST:
            continue
        if _holds(child, *HEADINGS):
            yield from _mixed(child, depth + 1)  # an accordion or a row of cards: sections that are listed
            continue
        made = list(_items(child, level, number if ordered else None, depth))
        yield from made
        number += bool(made)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default


def _items(element: Element, level: int, number: int | None, depth: int) -> Iterator[Block]:
    """An item's own words, then the lists inside it, one level deeper."""
    words: list[str] = []
    below: list[Block] = []
    for block in _mixed(element, depth + 1):
        if block.kind == "item":
            below.append(Block("item", block.text, level=level + 1 + block.level, number=block.number))
        elif block.kind == "table":
            words.extend(" ".join(row) for row in block.rows)
        elif below:
            below.append(Block("item", block.text, level=level + 1))
        else:
            words.append(block.text)
    if words:
        yield Block("item", " ".join(words), level=level, number=number)
        yield from below
    else:
        for block in below:
            yield Block("item", block.text, level=block.level - 1, number=block.number)


def _is_links(element: Element) -> bool:
    """A menu or a table of contents: each item is a link, and what leads into it is no sentence of the article."""
    items = [child for child in element if child.tag == "li"]
    links = [item for item in items if _linked(item) * 10 >= len(one_line(item.text_content())) * 9]
    if not items or len(links) * 5 < len(items) * 4:
        return False
    anchors = sum(any((a.get("href") or "").startswith("#") for a in item.iter("a")) for item in items)
    if anchors * 2 > len(items):
        return True
    before = element.getprevious()
    lead = one_line(before.text_content()) if before is not None and isinstance(before.tag, str) else ""
    return not (lead.endswith(":") and len(lead.split()) > 3 and before is not None and before.tag == "p")


def _linked(item: Element) -> int:
    return sum(len(one_line(a.text_content())) for a in item.iter("a"))


def _table(element: Element, depth: int) -> Iterator[Block]:
    rows = [row for row in element.iter("tr") if next(row.iterancestors("table")) is element]
    cells = [[cell for cell in row if isinstance(cell.tag, str) and cell.tag in ("td", "th")] for row in rows]
    caption = element.find("caption")
    if caption is not None and one_line(caption.text_content()):
        yield Block("paragraph", one_line(caption.text_content()))
    if _is_layout(cells):
        for row in cells:
            for cell in row:
                yield from _mixed(cell, depth + 1)
        return
    made = tuple(
        texts for row in cells if any(texts := tuple(one_line(_text(cell).replace(_BREAK, " ")) for cell in row))
    )
    if made:
        yield Block("table", rows=made)


def _is_layout(cells: list[list[Element]]) -> bool:
    """A table that only places things: one column or row, or whole sections in its cells."""
    if max((len(row) for row in cells), default=0) < 2 or len(cells) < 2:
        return True
    inner = ("table", *HEADINGS)
    return any(
        any(cell.find(f".//{tag}") is not None for tag in inner) or sum(1 for _ in cell.iter("p")) > 2
        for row in cells
        for cell in row
    )
