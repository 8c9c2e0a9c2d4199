"""A saved web page -> its article.

trafilatura says which part of the page is the article; the blocks themselves are read from the page, so that headings,
nested lists with their lead-in and tables keep their shape and no short sentence between them is lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import lxml.html
import trafilatura
from lxml import etree

from knowledge.errors import ImportSourceError
from knowledge.importers.blocks import Block, Imported, one_line, typed_lists
from knowledge.importers.decoding import decode
from knowledge.importers.furniture import is_part_of_page
from knowledge.importers.htmlblocks import BLOCKS, blocks_of
from knowledge.importers.selecting import select

Element = Any

_CODE = frozenset("script style noscript template svg canvas iframe object embed link meta".split())
_GONE = frozenset("nav footer aside form select option input textarea dialog audio video picture map".split())
_ROLES = frozenset(
    (
        "navigation",
        "banner",
        "contentinfo",
        "search",
        "complementary",
        "dialog",
        "alertdialog",
        "form",
        "menu",
        "menubar",
        "toolbar",
    )
)
_ARTICLE = re.compile(
    r"(?:^|[\s_-])(?:entry-content|post-content|article-content|article-body|post-body|blog-item-content|single-content|page-content|post__content|richtext|rich-content|td-post-content)(?=$|\s)",
    re.IGNORECASE,
)
_KEEPS_BUTTON = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt"))
"""An accordion's question is a button inside its heading."""
_NEVER_BY_NAME = frozenset(
    ("article", "main", "li", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "table", "strong", "em", "b", "i")
)
"""These hold text of the article whatever they are called."""
_PART_P = re.compile(r"\b(?:comment|breadcrumb|wp-caption-text|screen-reader-text)")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f])|0*(?:[0-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
"""Control characters, as they are or as a reference; lxml stops at them."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read_html(raw: bytes, *, name: str) -> Imported:
    """Read the article of a saved page.

    Args:
        raw: The page's bytes.
        name: The file's name for messages.

    Raises:
        ImportSourceError: If the file holds no page.
    """
    text = decode(raw, declared=True)
    page = _parsed(text, name)
    _drop_permalinks(page)
    found = _facts(page, text)
    body = page.find("body") if page.find("body") is not None else page
    _remove_code(body)
    everything = [block.text for block in blocks_of(body)]
    _prune(body)
    container = _container(body, _article_texts(body))
    blocks = typed_lists(_unfolded(list(blocks_of(container))))
    title = found.title or _first_heading(blocks) or _first_heading(list(blocks_of(body)))
    chosen = select(blocks, title=title, whole_page=True)
    return Imported(
        title or chosen.title,
        chosen.blocks,
        found.address,
        found.site,
        found.published or chosen.published,
        (*_outside(everything, blocks, title), *chosen.dropped),
    )


def _remove_code(body: Element) -> None:
    """Take out what no reader of the page sees: comments, scripts, styles."""
    for node in list(body.iter()):
        if node.getparent() is not None and (not isinstance(node.tag, str) or node.tag in _CODE):
            _remove(node)


def _outside(everything: list[str], blocks: list[Block], title: str) -> Iterator[str]:
    """The texts of a page that are not among the blocks of its article."""
    inside = {_key(title), *(_key(block.text) for block in blocks)}
    return (text for text in everything if _key(text) and _key(text) not in inside)


def _parsed(text: str, name: str) -> Element:
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    text = _CONTROL.sub("", re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    text = re.sub(r"""\b(src|srcset|href)=(["'])data:[^"']*\2""", "", text)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", errors="replace"), parser=parser)
    except etree.ParserError as error:
        raise ImportSourceError(f"{name}: holds no page. Save it again as a complete web page.") from error


def _drop_permalinks(page: Element) -> None:
    """Take out the sign by which a heading links to itself."""
    for link in page.iter("a"):
        if link.text_content().strip() in ("#", "\u00b6", "\u00a7", "\U0001f517"):
            link.clear(keep_tail=True)


def _facts(page: Element, text: str) -> Imported:
    """Title, address, site and date as the page's head gives them."""
    meta: dict[str, str] = {}
    for node in page.iter("meta"):
        key = (node.get("property") or node.get("name") or node.get("itemprop") or "").lower()
        if key and node.get("content"):
            meta.setdefault(key, one_line(node.get("content")))
    canonical = next(
        (n.get("href") or "" for n in page.iter("link") if (n.get("rel") or "").lower() == "canonical"), ""
    )
    saved = re.search(r"<!--\s*saved from url=\(\d+\)(\S+)", text[:5000])
    addresses = [canonical, meta.get("og:url", ""), saved[1] if saved else ""]
    address = next((a for a in addresses if re.fullmatch(r"https?://\S+", a)), "")
    site = meta.get("og:site_name", "") or (urlsplit(address).netloc.removeprefix("www.") if address else "")
    return Imported(_title(page, meta, site), (), address, site, _published(page, meta))


def _title(page: Element, meta: dict[str, str], site: str) -> str:
    tops = [one_line(node.text_content()) for node in page.iter("h1")]
    head = next((one_line(node.text_content()) for node in page.iter("title")), "")
    named = meta.get("og:title", "") or meta.get("twitter:title", "") or head
    matching = [top for top in tops if _key(top) not in ("", _key(site)) and _key(top) in _key(f"{named} {head}")]
    if matching:
        return max(matching, key=len)
    useful = [top for top in tops if len(top.split()) > 1 and _key(top) != _key(site)]
    if len(useful) == 1 and not named:
        return useful[0]
    pieces = re.split(r"\s+[|\u2013—»\u00b7-]\s+", named)
    pieces = [piece for piece in pieces if piece and _key(piece) != _key(site)]
    if len(pieces) > 1 and named != meta.get("og:title"):
        return pieces[0]
    return " - ".join(pieces) if len(pieces) == 1 else (named or (useful[0] if useful else ""))


def _key(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _published(page: Element, meta: dict[str, str]) -> date | None:
    times = [node.get("datetime") or "" for node in page.iter("time")]
    for value in (
        meta.get("article:published_time", ""),
        meta.get("datepublished", ""),
        meta.get("date", ""),
        *times[:1],
    ):
        found = re.match(r"(\d{4})-(\d\d)-(\d\d)", value)
        if found:
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                continue
    return None


def _first_heading(blocks: list[Block]) -> str:
    return next((block.text for block in blocks if block.kind == "heading"), "")


def _prune(body: Element) -> None:
    """Take out what is not text of the article, by the meaning of its tag, role or name."""
    total = _prose(body) or 1
    for node in list(body.iter()):
        if node is body or node.getparent() is None:
            continue
        if _is_gone(node) and not _prose(node) * 2 > total:
            _remove(node)


def _is_gone(node: Element) -> bool:
    tag = node.tag
    if tag in _GONE:
        return True
    if tag == "button":
        return not any(ancestor.tag in _KEEPS_BUTTON for ancestor in node.iterancestors())
    if tag == "header":
        return node.find(".//h1") is None or node.get("role") == "banner"
    if node.get("hidden") is not None or _HIDDEN.search(node.get("style") or ""):
        return True
    if (node.get("role") or "").lower() in _ROLES or (node.get("aria-modal") or "") == "true":
        return True
    if tag == "p":
        return bool(_PART_P.search(node.get("class") or ""))
    if tag in _NEVER_BY_NAME:
        return False
    names = f"{node.get('class') or ''} {node.get('id') or ''}"
    return is_part_of_page(names) and not _ARTICLE.search(names)


def _prose(node: Element) -> int:
    """Words in paragraphs and list items."""
    if node.tag in ("p", "li"):
        return len(node.text_content().split())
    return sum(len(p.text_content().split()) for p in node.iter("p", "li"))


def _remove(node: Element) -> None:
    parent = node.getparent()
    if node.tail:
        before = node.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + node.tail
        else:
            parent.text = (parent.text or "") + node.tail
    parent.remove(node)


def _article_texts(body: Element) -> set[str]:
    """The paragraphs, items and headings that trafilatura takes for the article's."""
    page = lxml.html.fromstring(etree.tostring(body, encoding="unicode", method="html"))
    found = trafilatura.bare_extraction(
        page, favor_recall=True, include_comments=False, include_tables=True, with_metadata=False
    )
    tree = getattr(found, "body", None)
    if tree is None:
        return set()
    return {key for node in tree.iter("p", "item", "head", "cell", "quote") if (key := _key("".join(node.itertext())))}


def _container(body: Element, wanted: set[str]) -> Element:
    """The smallest part of the page that holds nearly all of the article, widened to the element made for it."""
    marked = [node for node in _leaves(body) if _key(node.text_content()) in wanted]
    if not marked:
        return _named(body)
    weight: Counter[Element] = Counter()
    total = 0
    for node in marked:
        words = len(node.text_content().split())
        total += words
        for ancestor in (node, *node.iterancestors()):
            weight[ancestor] += words
            if ancestor is body:
                break
    smallest = body
    for node in body.iter():
        if isinstance(node.tag, str) and weight[node] >= total * 0.85:
            smallest = node
    for node in (smallest, *smallest.iterancestors()):
        if (
            node.tag in ("article", "main")
            or node.get("role") == "main"
            or _ARTICLE.search(f"{node.get('class') or ''} {node.get('itemprop') or ''}")
        ):
            return node
        if node is body:
            break
    return smallest


def _named(body: Element) -> Element:
    for path in (".//article", ".//main", ".//*[@role='main']"):
        nodes = body.findall(path)
        if len(nodes) == 1:
            return nodes[0]
    return body


def _leaves(body: Element) -> Iterator[Element]:
    """Elements with text and no block inside."""
    for node in body.iter():
        if (
            isinstance(node.tag, str)
            and node.tag in BLOCKS
            and not any(isinstance(c.tag, str) and c.tag in BLOCKS for c in node.iterdescendants())
        ):
            yield node


def _unfolded(blocks: list[Block]) -> list[Block]:
    return [block for block in blocks if block.text or block.rows]
