"""What every format's reader makes: an article's blocks in order, and the Markdown of a draft made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Literal

from knowledge.cleaner import normalise

Kind = Literal["heading", "paragraph", "item", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, one item of a list, or a table.

    Attributes:
        kind: Which of the four.
        text: Its words on one line; empty for a table.
        level: 1 to 6 for a heading; how deep a list item is nested, from 0.
        number: The number of an item of a numbered list; None for a bullet.
        rows: A table's cells.
        gap: Blank lines before it where the format has them; 0 where it has not.
    """

    kind: Kind
    text: str = ""
    level: int = 0
    number: int | None = None
    rows: tuple[tuple[str, ...], ...] = ()
    gap: int = 0

    @property
    def words(self) -> int:
        """How many words it holds."""
        cells = (cell for row in self.rows for cell in row)
        return sum(len(part.split()) for part in (self.text, *cells))


@dataclass(frozen=True, slots=True)
class Imported:
    """An article as it was found in a file."""

    title: str
    blocks: tuple[Block, ...]
    address: str = ""
    site: str = ""
    published: date | None = None
    dropped: tuple[str, ...] = field(default=())
    """What was left out as navigation, form, footer or promotion, for whoever wants to look."""


BULLET = re.compile(r"^(?:[•◦\u2023▪▫●○■□◆◇❖➢➤►▶✓✔✅\u00b7\u2043∙]\ufe0e?\ufe0f?\s*|[-*\u2013—+]\s+|o\s{2,})(?=\S)")
"""A bullet that somebody typed."""
NUMBER = re.compile(r"^(\d{1,2})[.)]\s+(?=\S)")
"""The number of a list item, typed."""


def typed_item(line: str) -> Block | None:
    """A line with a typed bullet or number as a list item, else None.

    Example:
        >>> typed_item("2) Stand up").text
        'Stand up'
    """
    bullet = BULLET.match(line)
    if bullet:
        return Block("item", line[bullet.end() :])
    number = NUMBER.match(line)
    return Block("item", line[number.end() :], number=int(number[1])) if number else None


def typed_lists(blocks: Sequence[Block]) -> list[Block]:
    """Paragraphs with typed bullets, and runs of paragraphs with typed numbers, as the lists that they are."""
    found = [typed_item(block.text) if block.kind == "paragraph" else None for block in blocks]
    made: list[Block] = []
    for position, (block, item) in enumerate(zip(blocks, found, strict=True)):
        beside = (found[i] for i in (position - 1, position + 1) if 0 <= i < len(found))
        in_run = item is not None and any(
            other is not None and item.number is not None and abs((other.number or -9) - item.number) == 1
            for other in beside
        )
        made.append(item if item is not None and (item.number is None or in_run) else block)
    return made


def one_line(text: str) -> str:
    """Text without invisible characters, on one line, with single spaces."""
    return " ".join(normalise(text).translate(_VARIANTS).split())


_VARIANTS = dict.fromkeys((0xFE0E, 0xFE0F, 0x200E, 0x200F, 0x2061, 0x2062, 0x2063, 0x061C))
_VARIANTS.update(dict.fromkeys(c for c in range(32) if c not in (9, 10, 11, 12, 13)))


def sections(title: str, blocks: Iterable[Block]) -> list[Block]:
    """Blocks as an article needs them: each heading of its own wording and with text below it.

    Text before the first heading goes under the title. A heading with nothing but another heading below it is joined
    to that one; one with nothing at all below it goes.
    """
    found = list(blocks)
    if not found or found[0].kind != "heading":
        found.insert(0, Block("heading", title, level=2))
    kept: list[Block] = []
    for block in found:
        if block.kind != "heading":
            kept.append(block)
            continue
        heading = replace(block, level=max(2, block.level), text=without_number(block.text))
        if kept and kept[-1].kind == "heading":
            above = kept.pop()
            same = above.text.casefold() == heading.text.casefold()
            heading = replace(
                heading, level=above.level, text=heading.text if same else _joined(above.text, heading.text)
            )
        kept.append(heading)
    while kept and kept[-1].kind == "heading":
        kept.pop()
    return _distinct(kept)


def without_number(heading: str) -> str:
    """A heading without the number of its place: "1. Sleep" -> "Sleep"."""
    return re.sub(r"^(?:\d{1,2}(?:\.\d{1,2})*[.)]|\(\d{1,2}\)|[IVX]{1,4}[.)])\s+(?=\S)", "", heading)


def _joined(above: str, below: str) -> str:
    return f"{above} {below}" if above.endswith((":", "?", "!", ".")) else f"{above}: {below}"


def _distinct(blocks: list[Block]) -> list[Block]:
    seen: set[str] = set()
    made = []
    for block in blocks:
        if block.kind == "heading":
            text, number = block.text, 2
            while text in seen:
                text, number = f"{block.text} ({number})", number + 1
            seen.add(text)
            block = replace(block, text=text)
        made.append(block)
    return made


def nest_lead_ins(blocks: Sequence[Block]) -> list[Block]:
    """In a flat list, put the items that follow "... can:" below it, until the next item that ends so."""
    made: list[Block] = []
    under: int | None = None
    for position, block in enumerate(blocks):
        if block.kind != "item":
            under = None
            made.append(block)
            continue
        if under is not None and block.level < under:
            under = None
        following = blocks[position + 1] if position + 1 < len(blocks) else None
        leads = block.text.endswith(":") and following is not None and following.kind == "item"
        if (
            leads
            and following is not None
            and following.level <= block.level
            and (under is None or block.level == under)
        ):
            under = block.level
            made.append(block)
        elif under is not None and block.level >= under:
            made.append(replace(block, level=block.level + 1))
        else:
            made.append(block)
    return made


def to_markdown(blocks: Sequence[Block]) -> str:
    """Markdown that `knowledge.cleaner` reads back to the same words."""
    parts: list[str] = []
    run: list[Block] = []
    for block, following in pairwise([*blocks, Block("paragraph")]):
        if block.kind == "item":
            run.append(block)
            if following.kind != "item":
                parts.append(_list(run))
                run = []
        elif block.kind == "heading":
            parts.append("#" * block.level + " " + re.sub(r"#$", "&#35;", escaped(block.text)))
        elif block.kind == "table":
            parts.append(_table(block.rows))
        else:
            parts.append(escaped(block.text))
    return "\n\n".join(parts) + "\n"


def _list(items: list[Block]) -> str:
    lines = []
    open_items: list[tuple[int, int]] = []  # (depth, indentation of what stands below it)
    for item in items:
        while open_items and open_items[-1][0] >= item.level:
            open_items.pop()
        indent = open_items[-1][1] if open_items else 0
        mark = "- " if item.number is None else f"{item.number}. "
        lines.append(" " * indent + mark + escaped(item.text))
        open_items.append((item.level, indent + len(mark)))
    return "\n".join(lines)


def _table(rows: tuple[tuple[str, ...], ...]) -> str:
    width = max(len(row) for row in rows)
    lines = [
        "| " + " | ".join([escaped(cell).replace("|", r"\|") for cell in row] + [""] * (width - len(row))) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def escaped(text: str) -> str:
    """Plain text as Markdown that reads as that text."""
    text = re.sub(r"([\\`*\[])", r"\\\1", text)
    text = re.sub(r"(?<=\[)\^", r"\\^", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", text)
    text = re.sub(r"&(?=#?\w+;)", r"\\&", text)
    text = re.sub(r"^(\d{1,9})([.)])(?=\s|$)", r"\1\\\2", text)
    return re.sub(r"^([-+>#=~])", r"\\\1", text)
