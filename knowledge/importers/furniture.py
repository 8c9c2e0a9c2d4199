"""How to tell an article from what stands around it: menus, banners, bylines, forms, promotion, comments, footers.

General rules about wording and shape, kept in `furniture.yml`. Everything here looks at one line or one sentence.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from knowledge.files import parse_yaml

PATTERNS_FILE = Path(__file__).with_name("furniture.yml")

MAX_PITCH = 30
"""Words of a sentence from which it says something else beside the offer in it."""


@lru_cache(maxsize=4096)
def is_byline(text: str) -> bool:
    """Author, date or reading-time line."""
    return bool(_pattern("byline").search(text))


def is_navigation(text: str) -> bool:
    """A menu entry, button or label that stands for a whole line."""
    return text.casefold().strip(" |•\u00b7:»\u203a>-\u2013") in _navigation() or not re.search(r"\w", text)


@lru_cache(maxsize=4096)
def is_furniture(text: str) -> bool:
    """A line that belongs to the page and not to its article, wherever it stands."""
    return is_navigation(text) or bool(_pattern("line").search(text)) or is_byline(text) or _is_strip_of_links(text)


@lru_cache(maxsize=4096)
def is_notice(sentence: str) -> bool:
    """A sentence of a cookie banner, a newsletter box or a legal disclaimer."""
    return bool(_pattern("notice").search(sentence))


def starts_disclaimer(text: str) -> bool:
    """A paragraph that calls itself a disclaimer."""
    return bool(_pattern("disclaimer").search(text))


@lru_cache(maxsize=4096)
def is_pitch(sentence: str) -> bool:
    """A sentence that sells: order, book, call us, click here. Short ones only; a long one says something else too."""
    text = sentence.strip()
    return len(text.split()) <= MAX_PITCH and bool(_pattern("pitch").search(text))


def ends_page(text: str) -> bool:
    """A line after which nothing of the article comes: comments, a form, the footer."""
    return bool(_pattern("hard_end").search(text))


def ends_article(text: str) -> bool:
    """A heading of what usually follows an article: related posts, the author, a newsletter."""
    return text[-1:] not in ".!" and bool(_pattern("soft_end").search(text))


def is_part_of_page(names: str) -> bool:
    """Class names and ids of an element that is no part of the article."""
    return bool(_class_names().search(names))


def _is_strip_of_links(text: str) -> bool:
    """`Home | About | Contact`: short pieces between bars or bullets, two or more of them menu entries."""
    if not re.search(r"[|•\u00b7]|\s{3}", text):
        return False
    pieces = [piece.strip() for piece in re.split(r"\s*[|•\u00b7]\s*|\s{3,}", text) if piece.strip()]
    known = sum(piece.casefold() in _navigation() for piece in pieces)
    return len(pieces) > 1 and known >= 2 and known * 2 >= len(pieces)


@lru_cache(maxsize=1)
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = parse_yaml(PATTERNS_FILE.read_text(encoding="utf-8"))
    return loaded


@lru_cache(maxsize=1)
def _navigation() -> frozenset[str]:
    return frozenset(_loaded()["navigation"])


@cache
def _pattern(name: str) -> re.Pattern[str]:
    whole = "|".join(f"(?:{pattern})" for pattern in _loaded()[name])
    for part, pattern in _loaded()["parts"].items():
        whole = whole.replace(f"<{part}>", pattern)
    return re.compile(whole, re.IGNORECASE)


@lru_cache(maxsize=1)
def _class_names() -> re.Pattern[str]:
    names = "|".join(_loaded()["class_names"])
    return re.compile(rf"(?:^|[\s_-])(?:{names})(?=$|[\s_-]|\d)", re.IGNORECASE)
