"""Markdown -> blocks: CommonMark with tables; front matter of a site generator gives the title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from knowledge.importers.blocks import Block, Imported, one_line
from knowledge.importers.selecting import looks_like_title, select

_MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\](?!:)")
_FRONT = re.compile(r"\A\s*(?:---|\+\+\+)[^\S\n]*\n(.*?\n)(?:---|\+\+\+|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)


def read_markdown(text: str) -> Imported:
    """Read a Markdown text."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    fields: dict[str, Any] = {}
    front = _FRONT.match(text)
    if front:
        fields = _fields(front[1])
        text = text[front.end() :]
    text = re.sub(r"^\[\^([^\]\s]+)\]:\s*", r"\n\n", _FOOTNOTE.sub("", text), flags=re.MULTILINE)
    blocks = list(_blocks(SyntaxTreeNode(_MARKDOWN.parse(text)).children))
    title = one_line(str(fields.get("title") or ""))
    chosen = select(blocks, title=title, whole_page=False)
    address = next((str(fields[key]) for key in ("canonical_url", "canonical", "url", "link") if fields.get(key)), "")
    published = fields.get("date") or fields.get("written")
    return Imported(
        chosen.title or title or next((b.text for b in blocks if b.kind == "heading"), ""),
        chosen.blocks,
        address if re.fullmatch(r"https?://\S+", address) else "",
        published=published.date()
        if isinstance(published, datetime)
        else published
        if isinstance(published, date)
        else None,
        dropped=chosen.dropped,
    )


def _fields(head: str) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(head)
    except yaml.YAMLError:
        found = re.search(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", head, re.MULTILINE)
        return {"title": found[1]} if found else {}
    return loaded if isinstance(loaded, dict) else {}


def _blocks(nodes: list[SyntaxTreeNode]) -> Iterator[Block]:
    for node in nodes:
        if node.type == "heading":
            text = one_line(_inline(node))
            if text:
                yield Block("heading", text, level=int(node.tag[1]))
        elif node.type in ("bullet_list", "ordered_list"):
            yield from _list(node, 0)
        elif node.type == "table":
            rows = tuple(
                tuple(one_line(_inline(cell)) for cell in row.children)
                for part in node.children
                for row in part.children
            )
            yield Block("table", rows=tuple(row for row in rows if any(row)))
        elif node.type in ("fence", "code_block"):
            for piece in re.split(r"\n\s*\n", node.content):
                if piece.strip():
                    yield Block("paragraph", one_line(piece))
        elif node.type == "html_block":
            yield from _html(node.content)
        elif node.children and node.children[0].type != "inline":
            yield from _blocks(node.children)
        else:
            yield from _paragraph(node)


def _paragraph(node: SyntaxTreeNode) -> Iterator[Block]:
    text = one_line(_inline(node))
    inline = node.children[0].children if node.children else []
    all_bold = len(inline) == 1 and inline[0].type == "strong"
    if text:
        yield Block("heading", text, level=4) if all_bold and looks_like_title(text) else Block("paragraph", text)


def _list(node: SyntaxTreeNode, level: int) -> Iterator[Block]:
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    for item in node.children:
        words: list[str] = []
        below: list[Block] = []
        for block in (b for child in item.children for b in _in_item(child, level)):
            if block.kind == "item":
                below.append(block)
            elif below:
                below.append(Block("item", block.text, level=level + 1))
            else:
                words.append(block.text)
        if words:
            yield Block("item", " ".join(words), level=level, number=number)
        yield from below
        number = number + 1 if number is not None else None


def _in_item(node: SyntaxTreeNode, level: int) -> Iterator[Block]:
    if node.type in ("bullet_list", "ordered_list"):
        yield from _list(node, level + 1)
    else:
        yield from (Block("paragraph", b.text or " ".join(" ".join(row) for row in b.rows)) for b in _blocks([node]))


def _html(content: str) -> Iterator[Block]:
    if not re.sub(r"<!--.*?-->", "", content, flags=re.DOTALL).strip():
        return
    import lxml.etree
    import lxml.html  # only a text with HTML in it needs this

    from knowledge.importers.htmlblocks import blocks_of

    element = lxml.html.fragment_fromstring(content, create_parent="div")
    lxml.etree.strip_elements(element, "script", "style", with_tail=False)
    yield from blocks_of(element)


def _inline(node: SyntaxTreeNode) -> str:
    text = ""
    for child in node.walk():
        if child.type in ("text", "code_inline"):
            text += child.content
        elif child.type in ("softbreak", "hardbreak") or (
            child.type == "html_inline" and child.content.startswith("<br")
        ):
            text += " "
    return text
