"""A PDF with text -> its article: lines become paragraphs again, larger or bold lines headings."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import pypdf
from pypdf.errors import PyPdfError

from knowledge.errors import ImportSourceError
from knowledge.importers.blocks import Block, Imported, one_line
from knowledge.importers.selecting import looks_like_title, select

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of each flaw of a file; ours says what matters

MAX_PAGES = 500
LETTER = 0.5
"""Width of an average letter, in parts of the type's size."""
APART = 2.0
"""Sizes of type between two pieces of a line from which they are cells of a table."""
ROOM = 0.75
"""Share of the longest line below which a line surely had room for one more word."""
_BULLET = re.compile(r"^(?:[•◦\u2023▪▫●○■□◆➢➤►▶✓✔\u00b7\u2043∙\uf0b7\uf0a7]\s*|[-*\u2013]\s+)(?=\S)")
_NUMBER = re.compile(r"^(\d{1,2})[.)]\s+(?=\S)")
_KEEPS_HYPHEN = frozenset(
    (
        "long",
        "short",
        "low",
        "high",
        "well",
        "self",
        "non",
        "anti",
        "full",
        "part",
        "half",
        "gut",
        "brain",
        "evidence",
        "plant",
    )
)
"""First parts of words that are written with a hyphen anyway."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    x: float
    y: float
    size: float
    bold: bool
    page: int
    cells: tuple[tuple[float, str], ...] = ()
    """Where pieces that stand well apart begin, and their words; empty for a line in one piece."""


def read_pdf(raw: bytes, *, name: str) -> Imported:
    """Read a PDF's text.

    Raises:
        ImportSourceError: If it cannot be opened, is locked, or is a scan without text.
    """
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ImportSourceError(f"{name}: locked with a password. Save a copy without one.")
        if len(reader.pages) > MAX_PAGES:
            raise ImportSourceError(f"{name}: more than {MAX_PAGES} pages. Save only the article's.")
        lines = [line for number, page in enumerate(reader.pages) for line in _page_lines(page, number)]
        title, published = _facts(reader)
    except PyPdfError as error:
        raise ImportSourceError(
            f"{name}: not a PDF that can be read ({type(error).__name__}: {error}). Save it again."
        ) from error
    if sum(len(line.text) for line in lines) < 20:
        raise ImportSourceError(
            f"{name}: a scan without text. Run text recognition (OCR) on it, or paste the text into a .txt file."
        )
    blocks = list(_blocks(_without_margins(lines, len(reader.pages))))
    chosen = select(blocks, title="", whole_page=False)
    return Imported(chosen.title or title, chosen.blocks, published=published, dropped=chosen.dropped)


def _facts(reader: pypdf.PdfReader) -> tuple[str, date | None]:
    meta = reader.metadata
    if meta is None:
        return "", None
    title = one_line(str(meta.title or ""))
    if re.search(r"\.(?:docx?|pdf|indd)$|^untitled|^microsoft word", title, re.IGNORECASE):
        title = ""
    try:
        created = meta.creation_date
    except (ValueError, TypeError):
        created = None
    return title, created.date() if created else None


def _page_lines(page: Any, number: int) -> list[_Line]:
    """The lines of a page in reading order, with place, size and weight."""
    parts: list[_Line] = []

    def visit(text: str, matrix: list[float], place: list[float], font: dict[str, Any] | None, size: float) -> None:
        if not text.strip():
            if parts and text and "\n" not in text:
                parts[-1] = replace(parts[-1], text=parts[-1].text + " ")
            return
        scale = abs(place[3] * matrix[3]) or abs(place[1] * matrix[1]) or 1.0
        x, y = place[4] * matrix[0] + matrix[4], place[5] * matrix[3] + matrix[5]
        bold = bool(font) and bool(
            re.search(r"bold|black|heavy|semibold", str((font or {}).get("/BaseFont", "")), re.IGNORECASE)
        )
        parts.append(_Line(text, x, y, round(size * scale, 1), bold, number))

    page.extract_text(visitor_text=visit)
    lines: list[list[_Line]] = []
    for part in parts:
        above = lines[-1][-1] if lines else None
        if above and abs(above.y - part.y) < max(2.0, part.size * 0.35) and part.x >= lines[-1][0].x:
            lines[-1].append(part)
        else:
            lines.append([part])
    return [made for made in map(_line, lines) if made.text]


def _line(parts: list[_Line]) -> _Line:
    """The pieces of a line put together."""
    cells = [(parts[0].x, parts[0].text)]
    for before, part in pairwise(parts):
        start, words = cells[-1]
        end = before.x + len(before.text.rstrip()) * before.size * LETTER
        if part.x - end > APART * part.size and not re.fullmatch(r"\W*|\d{1,2}[.)]", words.strip()):
            cells.append((part.x, part.text))
        else:
            cells[-1] = (start, words.replace("\n", " ") + part.text)
    found = tuple((start, one_line(words)) for start, words in cells)
    return replace(
        parts[0],
        text=" ".join(words for _, words in found).strip(),
        bold=all(part.bold for part in parts),
        size=max(part.size for part in parts),
        cells=found if len(found) > 1 else (),
    )


def _without_margins(lines: list[_Line], pages: int) -> list[_Line]:
    """Without page numbers and lines that return on most pages."""
    seen: Counter[str] = Counter()
    for page in range(pages):
        seen.update({re.sub(r"\d+", "#", line.text) for line in lines if line.page == page})
    edges = {id(line) for page in range(pages) for line in _edges([line for line in lines if line.page == page])}

    body = _body_size(lines)
    spacing = _usual_spacing(lines, body)

    def is_margin(line: _Line) -> bool:
        if re.fullmatch(r"(?:page\s*)?\d{1,3}(?:\s*(?:/|of)\s*\d{1,3})?", line.text, re.IGNORECASE):
            return id(line) in edges
        often = seen[re.sub(r"\d+", "#", line.text)] >= max(2, pages * 0.3)
        return (
            often
            and id(line) in edges
            and line.size <= body * 1.05
            and (line.size < body - 0.4 or _is_apart(line, lines, spacing))
        )

    return [line for line in lines if not is_margin(line)]


def _is_apart(line: _Line, lines: list[_Line], spacing: float) -> bool:
    """It stands well away from the other lines of its page."""
    gaps = [abs(other.y - line.y) for other in lines if other.page == line.page and other is not line]
    return min(gaps, default=spacing * 9) > spacing * 1.6


def _edges(lines: list[_Line]) -> list[_Line]:
    ordered = sorted(lines, key=lambda line: -line.y)
    return ordered[:2] + ordered[-2:]


def _blocks(lines: list[_Line]) -> Iterator[Block]:
    if not lines:
        return
    body = _body_size(lines)
    spacing = _usual_spacing(lines, body)
    large = sorted({line.size for line in lines if line.size > body * 1.12}, reverse=True)
    words = Counter(word.lower() for line in lines for word in re.findall(r"[\w-]+", line.text))
    width = max(len(line.text) for line in lines if line.size == body)
    groups: list[list[_Line]] = []
    for line in lines:
        if groups and (_is_row_below(groups[-1], line) or _joins(groups[-1], line, body, spacing, width)):
            groups[-1].append(line)
        else:
            groups.append([line])
    left = min(line.x for line in lines)
    for group in groups:
        if len(group) > 1 and group[0].cells:
            yield Block("table", rows=tuple(tuple(words for _, words in line.cells) for line in group))
        else:
            yield _block(group, body, large, words, left)


def _is_row_below(group: list[_Line], line: _Line) -> bool:
    """Its pieces begin where those of the row above do."""
    above = [start for start, _ in group[-1].cells]
    own = [start for start, _ in line.cells]
    return len(own) == len(above) > 1 and all(abs(a - b) < line.size for a, b in zip(own, above, strict=True))


def _body_size(lines: list[_Line]) -> float:
    """The size that most of the text is set in."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0]


def _usual_spacing(lines: list[_Line], body: float) -> float:
    steps: Counter[float] = Counter()
    for above, below in pairwise(lines):
        if above.page == below.page and above.size == below.size == body and above.y > below.y:
            steps[round(above.y - below.y, 0)] += 1
    return steps.most_common(1)[0][0] if steps else body * 1.3


def _joins(group: list[_Line], line: _Line, body: float, spacing: float, width: int) -> bool:
    above = group[-1]
    if (len(group) > 1 and above.cells) or line.cells:
        return False
    is_item = _BULLET.match(group[0].text) or _NUMBER.match(group[0].text)
    if is_item and not line.text[:1].islower() and len(f"{above.text} {line.text.split()[0]}") < width * ROOM:
        return False  # the line above had room for its first word
    if _BULLET.match(line.text) or (_NUMBER.match(line.text) and not re.search(r"[a-z,]$", above.text)):
        return False
    if abs(line.size - above.size) > 0.6 or _stands_out(line, body) != _stands_out(above, body):
        return False
    ended = bool(re.search(r"[.!?:][\"'”\u2019)\]]*$", above.text))
    if above.page != line.page or line.y >= above.y:
        return not ended and (line.text[:1].islower() or not _stands_out(line, body))
    if _stands_out(line, body):
        return above.y - line.y <= above.size * 1.6
    if above.y - line.y > spacing * 1.3 + 0.5:
        return False
    if ended and len(above.text) < max(len(entry.text) for entry in group) * 0.75:
        return line.text[:1].islower()
    return not (_BULLET.match(group[0].text) and line.x < group[0].x - 1)


def _stands_out(line: _Line, body: float) -> bool:
    return line.size > body * 1.12 or line.bold


def _block(group: list[_Line], body: float, large: list[float], words: Counter[str], left: float) -> Block:
    text = group[0].text
    for line in group[1:]:
        text = _stitched(text, line.text, words)
    first = group[0]
    if all(_stands_out(line, body) for line in group) and looks_like_title(text) and not _BULLET.match(text):
        return Block("heading", text, level=1 + large.index(first.size) if first.size in large else len(large) + 2)
    bullet = _BULLET.match(text)
    if bullet:
        return Block("item", text[bullet.end() :], level=min(4, round(max(0.0, first.x - left) / 18)))
    number = _NUMBER.match(text)
    if number:
        return Block("item", text[number.end() :], number=int(number[1]))
    return Block("paragraph", text)


def _stitched(text: str, line: str, words: Counter[str]) -> str:
    """Two lines as one; a word that was divided between them is whole again."""
    divided = re.search(r"([A-Za-z]+)-$", text)
    following = re.match(r"[a-z]+", line)
    if not divided or not following:
        return f"{text} {line}"
    whole, kept = (divided[1] + following[0]).lower(), f"{divided[1]}-{following[0]}".lower()
    if words[kept] or (not words[whole] and divided[1].lower() in _KEEPS_HYPHEN):
        return text + line
    return text[:-1] + line
