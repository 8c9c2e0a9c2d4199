"""The two real pages of the project's shared folder: every word of the article is kept in order, and no other.

The pages are other people's writing, so nothing of them stands here but a few words that mark where the article begins,
where it ends, and which lines in between sell something.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from knowledge.cleaner import clean
from knowledge.importer import import_document
from knowledge.reader import read_article

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
PAGES = {
    "clinic-blog-gut-health-and-chronic-pain.txt": ("Chronic pain affects millions of", "Name(Required)", ()),
    "coach-blog-gut-pain-connection.txt": ("If you live with chronic", "Comments", ("Sample below.",)),
}

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"{SAMPLES} is not here; the fixtures stand in for it")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.parametrize("name", PAGES)
def test_every_word_of_the_article_is_kept_in_order_and_no_other(name: str, tmp_path: Path) -> None:
    start, end, sold = PAGES[name]
    lines = [line.strip() for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines() if line.strip()]
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    last = next(i for i, line in enumerate(lines) if i > first and line == end)
    article = [line for line in lines[first:last] if not line.startswith(sold)] if sold else lines[first:last]
    assert len(article) > 40
    result = import_document(SAMPLES / name, tmp_path, today=date(2026, 3, 1))
    draft = read_article(result.article)
    numbers = {str(number) for number in range(1, 6)}
    expected = words(draft.title) + [w for line in article for w in words(re.sub(r"^\d\. ", "", line))]
    assert [w for w in words(clean(draft).text) if w not in numbers] == [w for w in expected if w not in numbers]
    assert draft.title in lines


@pytest.mark.parametrize("name", PAGES)
def test_lists_and_headings_of_the_article_survive(name: str, tmp_path: Path) -> None:
    text = (SAMPLES / name).read_text(encoding="utf-8")
    draft = read_article(import_document(SAMPLES / name, tmp_path, today=date(2026, 3, 1)).article)
    document = clean(draft)
    bullets = [line for line in document.text.splitlines() if line.lstrip().startswith("- ")]
    assert len(document.sections) >= 9
    assert len(bullets) >= 10
    for bullet in bullets:
        assert re.search(rf"(?:\u2022|\u25aa\ufe0e)\s*{re.escape(bullet.lstrip()[2:])}", text)
    assert not re.search(r"[\u2022\u25aa\ufe0e\u00a0]", draft.body)
