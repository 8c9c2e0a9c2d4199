"""Reads an article's file: YAML front matter, then the body in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from knowledge.errors import ArticleError
from knowledge.files import parse_yaml, yaml_problem
from knowledge.models import Article, Source

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def _two_digits(value: object) -> object:
    """YAML reads `03` as the number 3; people write both."""
    return f"{value:02d}" if isinstance(value, int) else value


class _SourceFields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str = Field(pattern=SLUG)
    name: str = Field(min_length=3)
    year: int = Field(ge=1900, le=2100)
    address: str = Field(pattern=r"^https?://\S+$")


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = Field(min_length=3)
    slug: str = Field(pattern=SLUG)
    topics: list[str] = []
    facts: list[Annotated[str, BeforeValidator(_two_digits), Field(pattern=r"^\d\d$")]] = []
    sources: list[_SourceFields] = []
    written: date
    review_by: date
    asks: dict[str, list[str]] = {}
    simple: dict[str, str] = {}


_FIXES = {
    "title": "give the article a title of three letters or more",
    "slug": "use lower-case words joined by hyphens, the same as the file's name",
    "facts": 'list the two-digit numbers of the fact files, such as ["03", "11"]',
    "sources": "each source needs key, name, year and address (http or https)",
    "written": "write the date as YYYY-MM-DD",
    "review_by": "write the date as YYYY-MM-DD",
    "asks": "map a section's heading to a list of questions",
    "simple": "map a section's heading to one short text",
}


def read_article(path: Path) -> Article:
    """Read one article.

    Raises:
        ArticleError: If the file cannot be read or its front matter is not what an article needs. The message names
            the file, the field and the fix.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArticleError(f"{path}: not UTF-8 at byte {error.start}. Save the file as UTF-8.") from error
    except OSError as error:
        raise ArticleError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse_article(text, path)


def read_articles(folder: Path) -> Iterator[Article]:
    """Read every `*.md` of a folder, in the order of their names.

    Raises:
        ArticleError: At the first article that cannot be used, or if two articles share a slug.
    """
    seen: dict[str, Path] = {}
    for path in sorted(folder.glob("*.md")):
        article = read_article(path)
        if article.slug in seen:
            raise ArticleError(f"{path}: slug: {article.slug!r} is taken by {seen[article.slug]}. Choose another.")
        seen[article.slug] = path
        yield article


def parse_article(text: str, path: Path) -> Article:
    """Parse an article's text; `path` is used in messages and kept as provenance. See `read_article`."""
    head, body = _split_front_matter(text, path)
    fields = _validated(head, path)
    if fields.slug != path.stem:
        raise ArticleError(f"{path}: slug: {fields.slug!r} is not the file's name. Rename one to match the other.")
    if fields.review_by <= fields.written:
        raise ArticleError(f"{path}: review_by: {fields.review_by} is not after written {fields.written}. Move it.")
    keys = [source.key for source in fields.sources]
    if len(set(keys)) < len(keys):
        raise ArticleError(f"{path}: sources: a key stands twice. Give each source a key of its own.")
    return Article(
        slug=fields.slug,
        title=fields.title,
        topics=tuple(fields.topics),
        facts=tuple(fields.facts),
        sources=tuple(Source(s.key, s.name, s.year, s.address) for s in fields.sources),
        written=fields.written,
        review_by=fields.review_by,
        body=body,
        asks={heading: tuple(asks) for heading, asks in fields.asks.items()},
        simple=dict(fields.simple),
        path=str(path),
    )


def _split_front_matter(text: str, path: Path) -> tuple[str, str]:
    lines = text.lstrip("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        raise ArticleError(
            f"{path}: front matter: missing. Start the file with a line of ---, the fields, and another ---."
        )
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    raise ArticleError(f"{path}: front matter: not closed. Put a line of --- after the last field.")


def _validated(head: str, path: Path) -> _FrontMatter:
    try:
        loaded: Any = parse_yaml(head)
    except yaml.YAMLError as error:
        raise ArticleError(f"{path}: front matter, {yaml_problem(error, first_line=2)}") from error
    if not isinstance(loaded, dict):
        raise ArticleError(f"{path}: front matter: holds no fields. Write one `field: value` a line.")
    try:
        return _FrontMatter.model_validate(loaded)
    except ValidationError as error:
        raise ArticleError(f"{path}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        place = ".".join(str(step) for step in problem["loc"])
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(_FrontMatter.model_fields)
            parts.append(f"{place}: unknown field; remove it or use one of {allowed}")
        elif problem["type"] == "missing":
            parts.append(f"{place}: missing; {_FIXES.get(name, 'add it')}")
        else:
            parts.append(f"{place}: {problem['msg']}; {_FIXES.get(name, 'mend it')}")
    return ". ".join(parts) + "."
