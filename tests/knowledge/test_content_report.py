"""The report on the articles' readability."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.content_report import as_page, draw, main, measure
from knowledge.models import Passage


def passage(number: int, text: str, *topics: str) -> Passage:
    return Passage("tea", number, f"Is <tea> number {number} warm?", text, 0, len(text), "Tea", topics=topics)


EASY = passage(1, "Tea is warm. It is nice.", "tea")
HARD = passage(
    2, "Comprehensive gastrointestinal evaluation necessitates multidisciplinary consideration.", "tea", "tests"
)
LONG = passage(3, "Tea is warm now. " * 40)


def test_report_counts_what_is_too_hard_and_too_long() -> None:
    report = measure([EASY, HARD, LONG])
    assert [m.passage.id for m in report.over_grade] == ["tea#2"]
    assert [m.passage.id for m in report.too_long] == ["tea#3"]
    assert report.topics == {"tea": 2, "tests": 1, "(none)": 1}
    assert report.summary.startswith("1 articles, 3 passages, median grade")


def test_page_holds_the_picture_and_escapes_headings() -> None:
    report = measure([EASY, HARD])
    picture = draw(report)
    page = as_page(report, picture)
    assert picture.startswith(b"\x89PNG")
    assert "data:image/png;base64," in page
    assert "Is &lt;tea&gt; number 2 warm?" in page
    assert "http" not in page


def test_report_of_no_passages_is_still_a_page() -> None:
    report = measure([])
    assert "0 passages" in as_page(report, draw(report))


def test_main_writes_the_report_for_the_shipped_articles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main({}, tmp_path) == 0
    assert (tmp_path / "content.png").stat().st_size > 5_000
    assert "passages, median grade" in capsys.readouterr().out
    assert "over grade 8" in (tmp_path / "content.html").read_text(encoding="utf-8")


def test_main_names_an_article_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.md").write_text("no front matter", encoding="utf-8")
    assert main({"VAGUS_ARTICLES": str(tmp_path)}, tmp_path / "out") == 1
    assert "broken.md" in capsys.readouterr().err
