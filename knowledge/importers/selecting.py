"""From a page's blocks to its article: where it starts and ends, and what does not belong in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from knowledge.importers.blocks import Block, nest_lead_ins
from knowledge.importers.furniture import (
    ends_article,
    ends_page,
    is_byline,
    is_furniture,
    is_navigation,
    is_notice,
    is_pitch,
    starts_disclaimer,
)

_END = re.compile(r"[.!?:;…][\"'”\u2019)\]*]*$")
_SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"\u201d\u2019)]))\s+(?=[\"\u201c\u2018(]?[A-Z0-9])")
_SITE_NAME = re.compile(
    r"\b(?:clinic|clinics|center|centre|practice|healthcare|wellness|medical|medicine|hospital|associates|llc|inc|institute|specialists|group|blog)\b\W*$",
    re.IGNORECASE,
)
LATE = 0.6
"""A "related posts" heading ends the article once this share of the page's prose stands before it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The article of a page."""

    title: str
    blocks: tuple[Block, ...]
    dropped: tuple[str, ...]
    published: date | None = None


def select(blocks: Sequence[Block], *, title: str = "", whole_page: bool = True) -> Selection:
    """Keep an article's own blocks, in order.

    Args:
        blocks: What a file holds.
        title: The title where the format names it; found among the first lines otherwise.
        whole_page: The blocks may begin with menus and banners. False for a document, whose first line is its own.
    """
    dropped: list[str] = []
    start, found_title = _start(blocks, title) if whole_page else _document_start(blocks, title)
    dropped += [block.text for block in blocks[:start] if block.text and not _same(block.text, found_title)]
    kept = _body(list(blocks[start:]), dropped, whole_page=whole_page)
    kept = (
        [block for block in kept if not (block.kind == "heading" and _same(block.text, found_title))] if kept else kept
    )
    return Selection(found_title, tuple(nest_lead_ins(kept)), tuple(dropped), _published(dropped))


def _published(dropped: Sequence[str]) -> date | None:
    """The date of the first byline that has a year."""
    years = (re.search(r"\b(?:19|20)\d\d\b", text) for text in dropped if is_byline(text))
    year = next((int(found[0]) for found in years if found), None)
    return date(year, 1, 1) if year else None


def is_prose(block: Block) -> bool:
    """A paragraph that reads as running text."""
    if block.kind != "paragraph":
        return False
    return (block.words >= 6 and bool(_END.search(block.text))) or block.words >= 25


def is_statement(block: Block) -> bool:
    """A paragraph, however short, that ends as a sentence does and is neither furniture nor a banner."""
    if block.kind != "paragraph" or block.words < 2 or not _END.search(block.text):
        return False
    return not is_furniture(block.text) and not _is_all_notice(block.text)


def looks_like_title(text: str) -> bool:
    """Short, begins with a capital or a number, and does not end as a sentence does.

    Example:
        >>> looks_like_title("Why Sleep Matters"), looks_like_title("Sleep matters a lot.")
        (True, False)
    """
    words = text.split()
    if not words or len(text) > 110 or len(words) > 16 or not _opens_as_title(text):
        return False
    if text[-1] in ".,;:!…" or not re.search(r"[^\W\d_]{2}", text):
        return False
    long = [word for word in words if len(word) > 3 and word[0].isalpha()]
    capitals = sum(word[0].isupper() for word in long)
    return len(words) <= 11 or text[-1] == "?" or capitals * 10 >= len(long) * 6


def _opens_as_title(text: str) -> bool:
    """With a capital or a number; a script that has no capitals may open as it likes."""
    first = re.sub(r"^[\"“\u2018'(¿]", "", text)[:1]
    return first.isdigit() or (first.isalpha() and not first.islower())


def _same(left: str, right: str) -> bool:
    return re.sub(r"\W+", "", left).casefold() == re.sub(r"\W+", "", right).casefold() != ""


def _document_start(blocks: Sequence[Block], title: str) -> tuple[int, str]:
    """A document's title is what its file says, else a heading before everything else."""
    first = next((i for i, block in enumerate(blocks) if block.text or block.rows), 0)
    if title and blocks and not _same(blocks[first].text, title):
        return first, title
    if blocks and (blocks[first].kind == "heading" or _same(blocks[first].text, title)):
        following = blocks[first + 1] if first + 1 < len(blocks) else None
        if _same(blocks[first].text, title) or _tops(blocks, first) or (following and following.kind == "heading"):
            return first + 1, blocks[first].text
    return first, title


def _tops(blocks: Sequence[Block], first: int) -> bool:
    """No other heading of the document is as high as its first."""
    levels = [block.level for block in blocks[first + 1 :] if block.kind == "heading"]
    return not levels or blocks[first].level < min(levels)


def _start(blocks: Sequence[Block], title: str) -> tuple[int, str]:
    """Where the article begins after menus and banners, and its title."""
    prose = next((i for i, block in enumerate(blocks) if is_prose(block) and not _is_all_notice(block.text)), None)
    if prose is None:
        prose = next((i for i, block in enumerate(blocks) if is_statement(block)), len(blocks))
    if title:
        places = [i for i in range(min(prose + 1, len(blocks))) if _same(blocks[i].text, title)]
        return _skip_front(blocks, places[-1] + 1 if places else 0, prose), title
    candidates = [i for i in range(prose) if _may_be_title(blocks[i])]
    byline = max((i for i in range(prose) if is_byline(blocks[i].text)), default=None)
    if byline is not None:
        before = [i for i in candidates if i < byline]
        if before:
            return _skip_front(blocks, byline + 1, prose), blocks[_best(blocks, before, last=True)].text
    run = _run_up_to(blocks, candidates, prose)
    if not run:
        return prose, ""
    at = _best(blocks, run, last=False)
    return _skip_front(blocks, at + 1, prose), blocks[at].text


def _skip_front(blocks: Sequence[Block], after: int, prose: int) -> int:
    """Past the captions and buttons below the title; the headings and lists right before the text are kept."""
    start = next((i for i in range(after, prose) if is_statement(blocks[i])), prose)
    while start > after:
        block = blocks[start - 1]
        keep = block.kind in ("item", "heading", "table") or looks_like_title(block.text)
        if not keep or is_furniture(block.text) or ends_page(block.text):
            break
        start -= 1
    return start


def _may_be_title(block: Block) -> bool:
    if block.kind not in ("heading", "paragraph") or is_furniture(block.text) or is_notice(block.text):
        return False
    words = block.text.split()
    return (looks_like_title(block.text) and (len(words) >= 2 or block.kind == "heading")) or (
        len(words) >= 3 and len(block.text) < 160 and block.text[-1:] in "!?…" and block.text[0].isupper()
    )


def _run_up_to(blocks: Sequence[Block], candidates: list[int], prose: int) -> list[int]:
    """The candidates right before the text; lower-case captions between them do not count."""
    run: list[int] = []
    for i in range(prose - 1, -1, -1):
        if i in candidates:
            run.insert(0, i)
        elif (blocks[i].kind == "item" or is_furniture(blocks[i].text) or is_prose(blocks[i])) and run:
            break
    return run


def _best(blocks: Sequence[Block], places: list[int], *, last: bool) -> int:
    """The likeliest title: a top heading, else one that a breadcrumb repeats, else one that is no site's name."""
    top = [i for i in places if blocks[i].kind == "heading" and blocks[i].level == 1]
    if top:
        return top[-1]
    head = [block.text for block in blocks[: places[-1]]]
    for i in reversed(places):
        wanted = blocks[i].text.casefold()
        if any(wanted in line.casefold() and len(line) > len(wanted) and len(line) < len(wanted) + 80 for line in head):
            return i
    named = [i for i in places if not _SITE_NAME.search(blocks[i].text)] or places
    return named[-1] if last else named[0]


def _is_all_notice(text: str) -> bool:
    parts = sentences_of(text)
    found = sum(is_notice(part) or is_pitch(part) or is_furniture(part) for part in parts)
    return starts_disclaimer(text) or found * 2 >= len(parts)


def sentences_of(text: str) -> list[str]:
    """A paragraph cut after each full stop, question or exclamation mark; joined by spaces it is whole again."""
    return [part for part in _SENTENCE.split(text) if part]


def _body(blocks: list[Block], dropped: list[str], *, whole_page: bool) -> list[Block]:
    end = _end(blocks, whole_page=whole_page)
    dropped += [block.text for block in blocks[end:] if block.text]
    kept: list[Block] = []
    skipping = False
    for position, block in enumerate(blocks[:end]):
        if block.kind == "table":
            kept.append(block)
            continue
        led = block.kind == "item" and bool(kept) and (kept[-1].kind == "item" or kept[-1].text.endswith(":"))
        if skipping and (is_statement(block) or _heads_text(blocks, position, end)):
            skipping = False
        elif (
            not led
            and block.kind != "item"
            and ends_article(block.text)
            and not _has_prose_below(blocks, position, end)
        ):
            skipping = True
        if skipping or (is_furniture(block.text) and not led) or _is_menu_item(blocks, position):
            dropped.append(block.text)
            continue
        shorter = _without_sales(block, dropped)
        if shorter is not None:
            kept.append(shorter)
    return _without_tail(kept, dropped) if whole_page else kept


def _heads_text(blocks: list[Block], position: int, end: int) -> bool:
    """A heading with running text right below it."""
    following = blocks[position + 1] if position + 1 < end else None
    heads = blocks[position].kind == "heading" and not ends_article(blocks[position].text)
    return heads and following is not None and is_statement(following)


def _has_prose_below(blocks: list[Block], position: int, end: int) -> bool:
    """Whether a heading that could be a page's own, such as "About the clinic", has the article's text below it."""
    block = blocks[position]
    if block.kind != "heading" or position + 1 >= end or not block.text.endswith("?"):
        return False
    return is_prose(blocks[position + 1])


def _is_button(blocks: list[Block], position: int, end: int) -> bool:
    """A button between two sections, such as "Book now": a label by itself, and right below it a heading with its text."""
    label = blocks[position]
    return (
        label.kind == "paragraph"
        and is_navigation(label.text)
        and position + 1 < end
        and _heads_text(blocks, position + 1, end)
    )


def _is_menu_item(blocks: list[Block], position: int) -> bool:
    """An item of a list that is mostly menu entries."""
    if blocks[position].kind != "item":
        return False
    first = position
    while first and blocks[first - 1].kind == "item":
        first -= 1
    last = position
    while last + 1 < len(blocks) and blocks[last + 1].kind == "item":
        last += 1
    if first and blocks[first - 1].text.endswith(":") and is_prose(replace(blocks[first - 1], kind="paragraph")):
        return False
    if last - first > 200:
        return False
    items = blocks[first : last + 1]
    return sum(is_navigation(item.text) or is_furniture(item.text) for item in items) * 2 > len(items)


def _without_sales(block: Block, dropped: list[str]) -> Block | None:
    """The block without sentences that sell or that belong to a banner; None when nothing else is in it."""
    if block.kind == "heading":
        if is_notice(block.text) or (is_pitch(block.text) and block.text[-1:] != "?"):
            dropped.append(block.text)
            return None
        return block
    parts = sentences_of(block.text)
    if block.kind == "paragraph" and _is_banner(block.text, parts):
        dropped.append(block.text)
        return None
    kept = [part for part in parts if not is_pitch(part) and not is_notice(part)]
    if len(kept) == len(parts):
        return block
    if all(part.endswith("?") and len(part.split()) <= 10 for part in kept):
        kept = []  # only the question that leads into the offer is left
    dropped.extend(part for part in parts if part not in kept)
    return replace(block, text=" ".join(kept)) if kept else None


def _is_banner(text: str, parts: list[str]) -> bool:
    return starts_disclaimer(text) or sum(map(is_notice, parts)) * 2 >= len(parts)


def _end(blocks: list[Block], *, whole_page: bool) -> int:
    """Where comments, related posts or the footer begin."""
    total = sum(block.words for block in blocks if is_prose(block)) or 1
    seen = 0
    hard = len(blocks)
    for position, block in enumerate(blocks):
        if seen and block.kind != "table" and _ends_here(block, blocks, position):
            hard = position
            break
        seen += block.words if is_prose(block) else 0
    if not whole_page:
        return hard
    total = sum(block.words for block in blocks[:hard] if is_prose(block)) or 1
    seen = 0
    for position, block in enumerate(blocks[:hard]):
        late = seen >= total * LATE and block.kind in ("heading", "paragraph")
        ends = late and ends_article(block.text)
        if ends and not (_has_prose_below(blocks, position, hard) or _is_button(blocks, position, hard)):
            return position
        seen += block.words if is_prose(block) else 0
    return hard


def _ends_here(block: Block, blocks: list[Block], position: int) -> bool:
    if block.kind == "item" and position and blocks[position - 1].text.endswith(":"):
        return False
    return ends_page(block.text)


def _without_tail(blocks: list[Block], dropped: list[str]) -> list[Block]:
    """Drop what trails after the last running text: names, addresses, captions. A list at the end stays."""
    end = len(blocks)
    while end and not is_prose(blocks[end - 1]) and blocks[end - 1].kind not in ("table", "item"):
        if _END.search(blocks[end - 1].text) and not is_furniture(blocks[end - 1].text):
            break
        end -= 1
    dropped += [block.text for block in blocks[end:] if block.text]
    return blocks[:end]
