"""Plain text -> blocks: a page saved or copied as text, or a text that somebody typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from knowledge.cleaner import normalise
from knowledge.importers.blocks import BULLET, NUMBER, Block, one_line
from knowledge.importers.selecting import is_prose, looks_like_title

_LONE_BULLET = re.compile(r"^(?:[•◦\u2023▪▫●○■□◆◇❖➢➤►▶✓✔✅\u00b7\u2043∙]\ufe0e?\ufe0f?|[-*\u2013+])$")
_ENDED = re.compile(r"[.!?:;…][\"'”\u2019)\]]*$")
WRAPPED = (45, 125)
"""Files whose lines are broken by hand or by a mail program are this wide, in characters."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    indent: int
    gap: int
    cells: tuple[str, ...] = ()


def plain_blocks(text: str) -> list[Block]:
    """Blocks of a plain text: paragraphs put together from their lines, lists, tables of tabs, and headings.

    A heading is a short line by itself that reads as a title and has text below it.
    """
    blocks = [_block(line) for line in _joined(_lines(text))]
    return _numbered(_headings(_bare_lists(_tables(blocks))))


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    gap = 0
    waiting = ""
    for raw in re.split(r"\r\n|[\r\n\u2028\u2029\x0b\x0c\x85]", text):
        cells = tuple(one_line(cell) for cell in raw.strip("\t ").split("\t"))
        plain = normalise(raw.expandtabs(4))
        words = one_line(plain)
        if not words or re.fullmatch(r"[=_*~#\u2013—-]{3,}", words):
            if lines and re.fullmatch(r"={3,}|-{3,}", words) and not gap:
                lines[-1] = replace(lines[-1], text=f"# {lines[-1].text}")
            gap += 1
            continue
        if _LONE_BULLET.match(words):
            waiting = words
            continue
        if waiting:
            words, waiting = f"• {words}", ""
        indent = len(plain) - len(plain.lstrip())
        lines.append(_Line(words, indent, gap, cells if len(cells) > 1 and all(cells) else ()))
        gap = 0
    return lines


def _joined(lines: list[_Line]) -> list[_Line]:
    """Lines of one paragraph put together. A line break counts when the next word would have fitted before it."""
    made: list[_Line] = []
    last_raw = ""
    for position, line in enumerate(lines):
        width = _width(lines, position)
        fresh = not made or line.gap or line.cells or _starts_item(line.text) or line.text.startswith("# ")
        if not fresh and _continues(made[-1], last_raw, line, width):
            made[-1] = replace(made[-1], text=f"{made[-1].text} {line.text}")
        else:
            made.append(line)
        last_raw = " " * line.indent + line.text
    return made


def _width(lines: list[_Line], position: int) -> int:
    """The longest line of the paragraph that a line stands in."""
    first = position
    while first and not lines[first].gap and position - first < 200:
        first -= 1
    last = position
    while last + 1 < len(lines) and not lines[last + 1].gap and last - position < 200:
        last += 1
    return max(line.indent + len(line.text) for line in lines[first : last + 1])


def _continues(above: _Line, last_raw: str, line: _Line, width: int) -> bool:
    if above.cells or above.text.startswith("# "):
        return False
    if (BULLET.match(above.text) or NUMBER.match(above.text)) and line.indent > above.indent:
        return True
    if line.text[:1].islower() and not _ENDED.search(last_raw) and len(last_raw) >= 30:
        return True
    if not WRAPPED[0] <= width <= WRAPPED[1]:
        return False
    return len(last_raw) + 1 + len(line.text.split()[0]) > width


def _starts_item(text: str) -> bool:
    return bool(BULLET.match(text) or NUMBER.match(text))


def _block(line: _Line) -> Block:
    if line.cells:
        return Block("table", rows=(line.cells,), gap=line.gap)
    marked = re.match(r"#{1,6}\s+(?=\S)", line.text)
    if marked:
        return Block(
            "heading", line.text[marked.end() :].rstrip("# "), level=max(2, len(marked[0].strip())), gap=line.gap
        )
    bullet = BULLET.match(line.text)
    if bullet:
        return Block("item", line.text[bullet.end() :], level=line.indent // 2, gap=line.gap)
    number = NUMBER.match(line.text)
    if number:
        return Block("item", line.text[number.end() :], level=line.indent // 2, number=int(number[1]), gap=line.gap)
    return Block("paragraph", line.text, gap=line.gap)


def _tables(blocks: list[Block]) -> list[Block]:
    """Lines of cells that follow one another are one table; a lone one is a line of text."""
    made: list[Block] = []
    for block in blocks:
        if block.kind != "table":
            made.append(block)
        elif made and made[-1].kind == "table" and not block.gap and len(made[-1].rows[0]) == len(block.rows[0]):
            made[-1] = replace(made[-1], rows=made[-1].rows + block.rows)
        else:
            made.append(block)
    return [
        Block("paragraph", " ".join(block.rows[0]), gap=block.gap)
        if block.kind == "table" and len(block.rows) < 2
        else block
        for block in made
    ]


def _bare_lists(blocks: list[Block]) -> list[Block]:
    """A list that lost its bullets: short unfinished lines after "... include:", up to a wider gap or running text."""
    made: list[Block] = []
    in_list = False
    gap = 0
    for position, block in enumerate(blocks):
        leads = bool(made) and made[-1].kind == "paragraph" and made[-1].text.endswith(":") and made[-1].words >= 2
        if block.kind != "paragraph":
            in_list = False
        elif leads and not in_list:
            following = blocks[position + 1] if position + 1 < len(blocks) else None
            in_list = (
                _may_be_item(block) and following is not None and _may_be_item(following) and following.gap <= block.gap
            )
            gap = following.gap if in_list and following else 0
        elif in_list and (block.gap > gap or not _may_be_item(block)):
            in_list = False
        made.append(replace(block, kind="item") if in_list else block)
    return made


def _may_be_item(block: Block) -> bool:
    return block.kind == "paragraph" and block.words <= 16 and not _ENDED.search(block.text)


def _headings(blocks: list[Block]) -> list[Block]:
    made: list[Block] = []
    for position, block in enumerate(blocks):
        below = blocks[position + 1 : position + 4]
        if block.kind == "paragraph" and _is_heading(block, below):
            made.append(replace(block, kind="heading", level=2))
        else:
            made.append(block)
    return made


def _is_heading(block: Block, below: Sequence[Block]) -> bool:
    if not looks_like_title(block.text) or not below:
        return False
    following = below[0]
    if following.kind == "paragraph" and not following.gap and block.words > 8 and block.text[-1:] != "?":
        return is_prose(following) and following.words > 2 * block.words
    if (
        following.kind in ("item", "table")
        or is_prose(following)
        or (following.words > 1 and _ENDED.search(following.text))
    ):
        return True
    return looks_like_title(following.text) and len(below) > 1


def _numbered(blocks: list[Block]) -> list[Block]:
    """A line "1. Sleep" with text below it is a heading one level down; numbered lines in a row are a list."""
    places = [
        i for i, block in enumerate(blocks) if block.kind == "item" and block.number is not None and not block.level
    ]
    made = list(blocks)
    for run in _runs(blocks, places):
        alone = [i for i in run if not _next_to_number(blocks, i)]
        titles = [i for i in run if looks_like_title(blocks[i].text)]
        if len(alone) == len(run) == len(titles) or (
            len(run) > 1 and len(alone) * 2 > len(run) and len(titles) == len(run)
        ):
            for i in run:
                if i + 1 < len(blocks):
                    made[i] = replace(blocks[i], kind="heading", level=3, number=None)
    return made


def _runs(blocks: list[Block], places: list[int]) -> list[list[int]]:
    """Numbered lines that count on from one another."""
    runs: list[list[int]] = []
    for i in places:
        if runs and (blocks[i].number or 0) == (blocks[runs[-1][-1]].number or 0) + 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _next_to_number(blocks: list[Block], position: int) -> bool:
    following = blocks[position + 1] if position + 1 < len(blocks) else None
    return following is None or (following.kind == "item" and following.number is not None)
