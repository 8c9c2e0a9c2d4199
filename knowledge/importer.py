"""A file -> an article draft that waits for review."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from knowledge.cleaner import clean
from knowledge.errors import ArticleError, ImportSourceError
from knowledge.importers.blocks import Imported, one_line, sections, to_markdown
from knowledge.importers.decoding import decode, is_binary
from knowledge.importers.drafts import Draft, Drafts, slug_of
from knowledge.importers.plaintext import plain_blocks
from knowledge.importers.selecting import select
from knowledge.reader import parse_article

MAX_BYTES = 50_000_000
Status = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one file.

    Attributes:
        status: Whether the draft is new, changed or the same as before.
        article: The draft.
        diff: A unified diff of the draft before and after; empty unless `status` is "updated".
        dropped: What was left out as navigation, form, footer or promotion.
    """

    status: Status
    article: Path
    diff: str = ""
    dropped: tuple[str, ...] = ()


def importable(paths: Iterable[Path]) -> list[Path]:
    """Files to import: each file as given, and for a folder every importable file below it, by name.

    Raises:
        ImportSourceError: If a path does not exist, a file is of a kind that cannot be imported, or nothing is left.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(
                p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in READERS and not _is_hidden(p, path)
            )
            if not below:
                raise ImportSourceError(f"{path}: holds nothing to import. Put {_KINDS} files there.")
            found += below
        elif not path.exists():
            raise ImportSourceError(f"{path}: no such file or folder. Check the name.")
        elif path.suffix.lower() not in READERS:
            raise ImportSourceError(
                f"{path}: cannot import {path.suffix or 'a file without an ending'}. Save it as {_KINDS}."
            )
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def import_document(
    path: Path, articles: Path, *, address: str | None = None, today: date, taken: dict[Path, Path] | None = None
) -> ImportResult:
    """Turn a file into a draft, or bring the draft of an earlier import up to date.

    The same address or the same file name leads to the same draft. An update replaces the text and keeps the front
    matter as it was edited; the ledger is not touched, so an approval holds where the passage's words are unchanged.

    Args:
        path: An HTML, Markdown, text, DOCX or PDF file.
        articles: The folder of articles.
        address: Where the document was saved from; taken from the page itself when it says so.
        today: The day of the import.
        taken: When several files are imported, the drafts of those before this one, each with its file. A second file
            that leads to the same draft is refused instead of overwriting it; this file's draft is added.

    Raises:
        ImportSourceError: If the file cannot be read, or there is no article in it. Names the file and the fix.
    """
    if address is not None and not re.fullmatch(r"https?://\S+", address):
        raise ImportSourceError(f"{path}: --address: {address!r} is not a web address. Write it as https://...")
    found = read_document(path)
    draft = Draft(
        file=path,
        title=found.title,
        body=to_markdown(sections(found.title, found.blocks)),
        address=address or found.address,
        site=found.site,
        year=(found.published or today).year,
    )
    status, article, diff = Drafts(articles, taken or {}).store(draft, today, check=_check)
    if taken is not None:
        taken[article] = path
    return ImportResult(status, article, diff, found.dropped)


def read_document(path: Path) -> Imported:
    """Read a file's article: title, blocks, and where it came from.

    Raises:
        ImportSourceError: If the file cannot be read, or there is no article in it.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ImportSourceError(
            f"{path}: cannot import {path.suffix or 'a file without an ending'}. Save it as {_KINDS}."
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ImportSourceError(
            f"{path}: cannot be read ({error.strerror}). Check the name and its permissions."
        ) from error
    if len(raw) > MAX_BYTES:
        raise ImportSourceError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB. Save only the article.")
    if not raw.strip():
        raise ImportSourceError(f"{path}: empty. Save the page again.")
    _check_kind(path, raw)
    try:
        found = reader(path, raw)
    except ImportSourceError:
        raise
    except Exception as error:  # whatever a parser of somebody else's makes of a damaged file
        raise ImportSourceError(
            f"{path}: damaged, or not what its name says ({type(error).__name__}: {error}). Save it again."
        ) from error
    if not any(block.words for block in found.blocks if block.kind != "heading"):
        raise ImportSourceError(
            f"{path}: no article text found. Save the page with its text, or paste the text into a .txt file."
        )
    title = found.title if len(found.title) >= 3 else _title_from(path)
    return Imported(title, found.blocks, found.address, found.site, found.published, found.dropped)


def _check_kind(path: Path, raw: bytes) -> None:
    """Refuse a file under the name of another kind, whose bytes would be read as words."""
    for start, ending in _STARTS.items():
        if raw.startswith(start) and path.suffix.lower() != ending:
            raise ImportSourceError(f"{path}: its name does not fit what it holds. Rename it to end in {ending}.")
    if path.suffix.lower() not in _STARTS.values() and is_binary(raw):
        raise ImportSourceError(f"{path}: holds no text (a picture or a program?). Save it as {_KINDS}.")


def _check(text: str, path: Path) -> None:
    try:
        clean(parse_article(text, path))
    except ArticleError as error:
        raise ImportSourceError(f"{path}: the draft would not be a usable article ({error}).") from error


def _title_from(path: Path) -> str:
    words = slug_of(path.stem).replace("-", " ")
    return words[:1].upper() + words[1:] if len(words) >= 3 else f"Imported {words}"


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read_text(path: Path, raw: bytes) -> Imported:
    del path
    chosen = select(plain_blocks(decode(raw)))
    return Imported(one_line(chosen.title), chosen.blocks, published=chosen.published, dropped=chosen.dropped)


def _read_html(path: Path, raw: bytes) -> Imported:
    from knowledge.importers.html import read_html  # lxml and trafilatura: only when a page is imported

    return read_html(raw, name=str(path))


def _read_markdown(path: Path, raw: bytes) -> Imported:
    from knowledge.importers.markdown import read_markdown

    del path
    return read_markdown(decode(raw))


def _read_docx(path: Path, raw: bytes) -> Imported:
    from knowledge.importers.docx import read_docx

    return read_docx(raw, name=str(path))


def _read_pdf(path: Path, raw: bytes) -> Imported:
    from knowledge.importers.pdf import read_pdf

    return read_pdf(raw, name=str(path))


READERS: dict[str, Callable[[Path, bytes], Imported]] = {
    ".txt": _read_text,
    ".text": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".xhtml": _read_html,
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".docx": _read_docx,
    ".pdf": _read_pdf,
}
_STARTS = {b"%PDF-": ".pdf", b"PK\x03\x04": ".docx"}
_KINDS = "HTML, Markdown, text, DOCX or PDF"
