from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import ArticleError
from knowledge.models import Source
from knowledge.reader import parse_article, read_article, read_articles
from knowledge.settings import ROOT
from tests.knowledge.content import CHAIRS, WATER, article_text, front_matter

PATH = Path("articles/kettles.md")


def parse(text: str) -> object:
    return parse_article(text, PATH)


def message_for(text: str) -> str:
    with pytest.raises(ArticleError) as caught:
        parse(text)
    return str(caught.value)


def source(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = front_matter("kettles")["sources"][0]
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def test_reader_reads_every_field() -> None:
    asks = {"Why does the kettle whistle?": ["what sings in there", "why so loud"]}
    simple = {"Why does the kettle whistle?": "Fast steam sings."}
    article = parse_article(article_text("kettles", WATER, asks=asks, simple=simple, facts=[3, "11"]), PATH)
    assert (article.slug, article.title, article.topics) == ("kettles", "About kettles", ("kettles",))
    assert article.facts == ("03", "11")
    assert article.sources == (Source("one", "A made-up handbook", 2029, "https://example.net/book"),)
    assert (article.written, article.review_by) == (date(2030, 1, 1), date(2031, 1, 1))
    assert article.asks == {"Why does the kettle whistle?": ("what sings in there", "why so loud")}
    assert article.simple == simple
    assert article.body.strip().startswith("## Does water help the kettle?")
    assert article.path == str(PATH)


def test_reader_accepts_a_byte_order_mark_and_windows_line_ends() -> None:
    text = "\ufeff" + article_text("kettles", WATER).replace("\n", "\r\n")
    assert parse_article(text, PATH).title == "About kettles"


def test_reader_keeps_a_rule_line_in_the_body() -> None:
    text = article_text("kettles", {"One?": "Above.\n\n---\n\nBelow."})
    assert "---" in parse_article(text, PATH).body


BAD_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"title": None}, "title", "missing; give the article a title"),
    ({"title": "Ab"}, "title", "three letters or more"),
    ({"title": 12345}, "title", "three letters or more"),
    ({"slug": None}, "slug", "missing; use lower-case words joined by hyphens"),
    ({"slug": "Kettles"}, "slug", "use lower-case words joined by hyphens"),
    ({"slug": "../kettles"}, "slug", "use lower-case words joined by hyphens"),
    ({"slug": "teapots"}, "slug", "is not the file's name. Rename one"),
    ({"facts": ["seven"]}, "facts.0", "two-digit numbers"),
    ({"facts": "03"}, "facts", "two-digit numbers"),
    ({"facts": [123]}, "facts.0", "two-digit numbers"),
    ({"topics": "kettles"}, "topics", "mend it"),
    ({"sources": "a book"}, "sources", "each source needs key, name, year and address"),
    ({"sources": [source(address="www.example.net")]}, "sources.0.address", "(http or https)"),
    ({"sources": [source(address="javascript:alert(1)")]}, "sources.0.address", "(http or https)"),
    ({"sources": [source(address="https://exa mple.net")]}, "sources.0.address", "(http or https)"),
    ({"sources": [source(year=None)]}, "sources.0.year", "missing; each source needs"),
    ({"sources": [source(year=20290)]}, "sources.0.year", "each source needs"),
    ({"sources": [source(year="last year")]}, "sources.0.year", "each source needs"),
    ({"sources": [source(name="X")]}, "sources.0.name", "each source needs"),
    ({"sources": [source(), source()]}, "sources", "a key stands twice. Give each source a key of its own"),
    ({"sources": [source(pages="3-4")]}, "sources.0.pages", "unknown field; remove it"),
    ({"written": None}, "written", "missing; write the date as YYYY-MM-DD"),
    ({"written": "May 2030"}, "written", "write the date as YYYY-MM-DD"),
    ({"review_by": "soon"}, "review_by", "write the date as YYYY-MM-DD"),
    ({"review_by": "2029-01-01"}, "review_by", "is not after written 2030-01-01. Move it"),
    ({"review_by": "2030-01-01"}, "review_by", "is not after written"),
    ({"asks": ["a list"]}, "asks", "map a section's heading to a list of questions"),
    ({"asks": {"One?": "just one"}}, "asks.One?", "map a section's heading to a list of questions"),
    ({"simple": {"One?": ["a", "b"]}}, "simple.One?", "map a section's heading to one short text"),
    ({"autor": "A. Person"}, "autor", "unknown field; remove it or use one of title, slug"),
]


@pytest.mark.parametrize(
    ("changes", "field", "fix"), BAD_FIELDS, ids=[f"{f}-{i}" for i, (_, f, _x) in enumerate(BAD_FIELDS)]
)
def test_reader_names_file_field_and_fix(changes: dict[str, Any], field: str, fix: str) -> None:
    message = message_for(article_text("kettles", WATER, **changes))
    assert message.startswith(f"{PATH}: ")
    assert f"{field}: " in message
    assert fix in message


def test_reader_tells_all_that_is_wrong_at_once() -> None:
    message = message_for(article_text("kettles", WATER, title=None, written="soon"))
    assert "title: " in message
    assert "written: " in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "front matter: missing. Start the file with a line of ---"),
        ("## A heading\n\nText.\n", "front matter: missing"),
        ("---\ntitle: A kettle\n", "front matter: not closed. Put a line of --- after the last field."),
        ("---\n---\n## A\n", "front matter: holds no fields. Write one `field: value` a line."),
        ("---\n- a\n- b\n---\n", "front matter: holds no fields"),
        ("---\ntitle: Kettles: a tale\n---\n", "front matter, line 2: mapping values are not allowed"),
        ("---\ntitle: Kettles: a tale\n---\n", "Quote texts that hold a colon."),
        ("---\nslug: a\ntitle: [open\n---\n", "front matter, line 4: "),
        ("---\ntitle: a\x00b\n---\n", "front matter"),
        (
            "---\nslug: a\nwritten: 2030-13-45\n---\n",
            "front matter, line 3: 2030-13-45 is no day that exists; write days as YYYY-MM-DD.",
        ),
        ("---\ntitle: !!python/object:os.system {}\n---\n", "front matter, line 2"),
    ],
)
def test_reader_explains_front_matter_that_is_no_front_matter(text: str, said: str) -> None:
    message = message_for(text)
    assert message.startswith(f"{PATH}: ")
    assert said in message


def test_reader_names_the_byte_of_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "kettles.md"
    path.write_bytes(article_text("kettles", {"Ol\u00e9?": "Text."}).encode("latin-1"))
    with pytest.raises(ArticleError, match=r"kettles\.md: not UTF-8 at byte \d+\. Save the file as UTF-8\."):
        read_article(path)


def test_reader_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match=r"gone\.md: cannot be read \(No such file or directory\)\."):
        read_article(tmp_path / "gone.md")


def test_reader_reads_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    for slug, sections in (("kettles", WATER), ("chairs", CHAIRS)):
        (tmp_path / f"{slug}.md").write_text(article_text(slug, sections), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not an article", encoding="utf-8")
    assert [article.slug for article in read_articles(tmp_path)] == ["chairs", "kettles"]


def test_reader_reads_every_shipped_article() -> None:
    articles = list(read_articles(ROOT / "knowledge" / "articles"))
    assert len(articles) >= 24
    assert all(article.sources for article in articles)
