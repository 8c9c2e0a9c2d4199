"""What the issue asks of the shipped articles, each promise by itself."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator

import pytest

from knowledge.builder import read_passages
from knowledge.linter import readability
from knowledge.models import Article, Passage
from knowledge.reader import read_articles
from knowledge.settings import ROOT, KnowledgeSettings

FACTS = ROOT.parent / "shared" / "facts"
SAMPLES = ROOT.parent / "shared" / "samples"
needs_facts = pytest.mark.skipif(
    not FACTS.is_dir(), reason="the facts that the articles are written from stand outside the project"
)


@pytest.fixture(scope="module")
def articles() -> list[Article]:
    return list(read_articles(KnowledgeSettings().articles))


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    return read_passages(KnowledgeSettings())


def test_every_topic_of_the_facts_has_an_article(articles: list[Article], passages: list[Passage]) -> None:
    assert len(articles) >= 24
    assert len(passages) >= 170
    assert {f"{topic:02}" for topic in range(1, 20)} <= {fact for article in articles for fact in article.facts}
    slugs = {article.slug for article in articles}
    assert {"about-this-assistant", "how-our-articles-are-reviewed", "when-to-get-help-now"} <= slugs


def test_every_section_is_short_and_easy_to_read(passages: list[Passage]) -> None:
    grades = {passage.id: readability(passage.text).grade for passage in passages}
    assert {name: grade for name, grade in grades.items() if grade > 8} == {}
    assert statistics.median(grades.values()) <= 6.5
    assert [passage.id for passage in passages if len(passage.text.split()) > 130] == []


def test_every_simpler_wording_is_shorter_and_no_harder_than_grade_eight(passages: list[Passage]) -> None:
    simple = [passage for passage in passages if passage.simple]
    assert len(simple) > len(passages) / 2
    assert [p.id for p in simple if len(p.simple) >= len(p.text) or readability(p.simple).grade > 8] == []


def test_no_two_sections_have_one_heading(passages: list[Passage]) -> None:
    counts = Counter(passage.heading.casefold() for passage in passages)
    assert {heading for heading, count in counts.items() if count > 1} == set()


def test_another_way_to_ask_belongs_to_one_section_only(passages: list[Passage]) -> None:
    counts = Counter(ask.casefold() for passage in passages for ask in passage.asks)
    assert {ask for ask, count in counts.items() if count > 1} == set()


def test_every_section_cites_a_source(passages: list[Passage]) -> None:
    assert [passage.id for passage in passages if not passage.sources] == []


@needs_facts
def test_every_source_is_one_that_the_facts_name(passages: list[Passage]) -> None:
    named = "\n".join(path.read_text(encoding="utf-8") for path in FACTS.glob("*.md"))
    assert named
    unknown = {(p.article, s.key, s.address) for p in passages for s in p.sources if s.address not in named}
    assert unknown == set()


@needs_facts
def test_no_sentence_shares_eight_words_in_a_row_with_the_facts_or_the_samples(articles: list[Article]) -> None:
    """Names and addresses of sources in the front matter are quoted as they are; all else is in our own words."""
    theirs = {run for folder in (FACTS, SAMPLES) for path in folder.iterdir() for run in runs(path.read_text("utf-8"))}
    assert len(theirs) > 10_000
    shared = {
        (article.slug, " ".join(run))
        for article in articles
        for text in (
            article.title,
            article.body,
            *article.asks,
            *article.simple,
            *article.simple.values(),
            *asks(article),
        )
        for run in runs(text)
        if run in theirs
    }
    assert shared == set()


def runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return zip(*(words[start:] for start in range(8)), strict=False)


def asks(article: Article) -> list[str]:
    return [ask for variants in article.asks.values() for ask in variants]
