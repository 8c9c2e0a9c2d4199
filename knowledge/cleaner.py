"""Article -> Document: Markdown becomes the plain text that patients read, paragraphs and lists kept."""

from __future__ import annotations

import re
import unicodedata

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from knowledge.errors import ArticleError
from knowledge.models import Article, Document, Section

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_CITE = re.compile(r"\[\^([a-z0-9-]+)\]")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


def clean(article: Article) -> Document:
    """Turn an article's Markdown into plain text with its sections.

    Headings of level two and deeper start a section; citations (`[^key]`) are taken out of the text and kept with
    their section. Each section's offsets slice its text out of the document's.

    Raises:
        ArticleError: If text stands before the first heading, a section is empty, or a citation has no source.
    """
    known = {source.key for source in article.sources}
    parts: list[str] = []
    sections: list[Section] = []
    length = 0
    for heading, markdown in _sections(article):
        cites = tuple(dict.fromkeys(_CITE.findall(markdown)))
        for key in cites:
            if key not in known:
                raise ArticleError(
                    f"{article.path}: section {heading!r}: cites [^{key}], which `sources` lacks. Add it."
                )
        text = to_plain_text(_CITE.sub("", markdown))
        if not text:
            raise ArticleError(f"{article.path}: section {heading!r}: has no text. Write it or remove the heading.")
        start = length + len(heading) + 1
        sections.append(Section(heading=heading, start=start, end=start + len(text), cites=cites))
        parts.append(f"{heading}\n{text}\n\n")
        length += len(parts[-1])
    _check_headings(article, [section.heading for section in sections])
    return Document(article=article, text="".join(parts), sections=tuple(sections))


def to_plain_text(markdown: str) -> str:
    r"""Markdown to plain text: inline marks dropped, blank lines between blocks, `- ` and `1. ` for list items.

    Example:
        >>> to_plain_text("Try *one*:\n\n* rest\n* walk")
        'Try one:\n- rest\n- walk'
    """
    tree = SyntaxTreeNode(_MARKDOWN.parse(normalise(markdown)))
    return _blocks(tree.children).strip()


def normalise(text: str) -> str:
    """NFC, straight spaces, no invisible characters; words and line breaks stay."""
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    return re.sub(r"[^\S\n]", " ", text)


def _sections(article: Article) -> list[tuple[str, str]]:
    found: list[tuple[str, list[str]]] = []
    fenced = False
    for line in normalise(article.body).splitlines():
        fenced ^= line.lstrip().startswith("```")
        match = None if fenced else re.match(r"#{1,6}\s+(.+?)\s*#*$", line)
        if match:
            found.append((to_plain_text(match[1]), []))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            raise ArticleError(
                f"{article.path}: text before the first heading: {line[:40]!r}. Put it under a ## heading."
            )
    if not found:
        raise ArticleError(f"{article.path}: no section. Start each section with `## ` and its question.")
    return [(heading, "\n".join(lines)) for heading, lines in found]


def _check_headings(article: Article, headings: list[str]) -> None:
    twice = sorted({heading for heading in headings if headings.count(heading) > 1})
    if twice:
        raise ArticleError(f"{article.path}: heading {twice[0]!r} stands twice. Word one of them differently.")
    for name, mapped in (("asks", article.asks), ("simple", article.simple)):
        for heading in mapped:
            if heading not in headings:
                raise ArticleError(
                    f"{article.path}: {name}: {heading!r} is no heading of this article. Copy one exactly."
                )


def _blocks(nodes: list[SyntaxTreeNode], separator: str = "\n\n") -> str:
    """Blocks joined by blank lines; a list stays tight to the line that leads into it."""
    text = ""
    for node in nodes:
        block = _block(node)
        if not block:
            continue
        is_list = node.type in ("bullet_list", "ordered_list")
        tight = is_list and text.rstrip().endswith(":")
        text += ("\n" if tight else separator) + block if text else block
    return text


def _block(node: SyntaxTreeNode) -> str:
    if node.type in ("bullet_list", "ordered_list"):
        first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
        items = []
        for number, item in enumerate(node.children, start=first):
            mark = f"{number}. " if node.type == "ordered_list" else "- "
            items.append(mark + _blocks(item.children, "\n").replace("\n", "\n  "))
        return "\n".join(items)
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join("- " + ": ".join(filter(None, (_inline(cell) for cell in row.children))) for row in rows)
    if node.type in ("fence", "code_block"):
        return node.content.strip()
    if node.children and node.children[0].type != "inline":
        return _blocks(node.children)
    return _inline(node)


def _inline(node: SyntaxTreeNode) -> str:
    text = ""
    for child in node.walk():
        if child.type in ("text", "code_inline"):
            text += child.content
        elif child.type in ("softbreak", "hardbreak"):
            text += " " if child.type == "softbreak" else "\n"
    return re.sub(r" +", " ", text).strip()
