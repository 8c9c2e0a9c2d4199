"""Importing files into drafts: what is created, what is kept, what is refused."""

from __future__ import annotations

import random
import shutil
from datetime import date
from pathlib import Path

import pytest

from knowledge import importer
from knowledge.cleaner import clean
from knowledge.errors import ImportSourceError
from knowledge.importer import MAX_BYTES, import_document, importable
from knowledge.importers.blocks import Imported
from knowledge.importers.decoding import is_binary
from knowledge.importers.drafts import NO_ADDRESS, slug_of
from knowledge.reader import read_article
from knowledge.splitter import split

TODAY = date(2026, 3, 1)
FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED = sorted(FIXTURES.glob("*.expected.md"))

PAGE = """Soft Light in the Evening

Bright lamps can keep you awake. A soft one is kinder.

What Can I Change?

Try one of these:

• Turn the lamp to the wall
• Use a warm bulb

Small steps count.
"""


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    return tmp_path / "articles"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def body_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("---\n", 2)[2].lstrip("\n")


def test_the_fixtures_are_found() -> None:
    assert len(EXPECTED) >= 6


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.name)
def test_a_saved_page_becomes_exactly_its_article(expected: Path, articles: Path) -> None:
    name = expected.name.removesuffix(".expected.md")
    source = next(path for path in FIXTURES.glob(f"{name}.*") if path.suffix != ".md")
    result = import_document(source, articles, today=TODAY)
    assert result.status == "created"
    assert body_of(result.article) == expected.read_text(encoding="utf-8")


def test_a_draft_is_an_article_that_can_be_split_into_passages(tmp_path: Path, articles: Path) -> None:
    result = import_document(write(tmp_path, "soft-light.txt", PAGE), articles, today=TODAY)
    article = read_article(result.article)
    assert (article.slug, article.title, article.topics) == ("soft-light", "Soft Light in the Evening", ())
    assert (article.written, article.review_by) == (TODAY, date(2027, 3, 1))
    assert [(s.key, s.address) for s in article.sources] == [("origin", NO_ADDRESS + "soft-light.txt")]
    passages = split(clean(article))
    assert [p.heading for p in passages] == ["Soft Light in the Evening", "What Can I Change?"]
    assert passages[1].text == "Try one of these:\n- Turn the lamp to the wall\n- Use a warm bulb\n\nSmall steps count."


def test_importing_the_same_page_again_changes_nothing(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "soft-light.txt", PAGE)
    first = import_document(page, articles, today=TODAY)
    before = first.article.read_bytes()
    again = import_document(page, articles, today=date(2026, 9, 9))
    assert (again.status, again.article, again.diff) == ("unchanged", first.article, "")
    assert first.article.read_bytes() == before


def test_a_changed_page_updates_its_draft_and_shows_the_difference(tmp_path: Path, articles: Path) -> None:
    first = import_document(write(tmp_path, "soft-light.txt", PAGE), articles, today=TODAY)
    old = {p.heading: p.content_hash for p in split(clean(read_article(first.article)))}
    changed = write(tmp_path / "elsewhere", "soft-light.txt", PAGE.replace("Small steps count.", "Tiny steps count."))
    result = import_document(changed, articles, today=TODAY)
    assert (result.status, result.article) == ("updated", first.article)
    assert "-Small steps count." in result.diff
    assert "+Tiny steps count." in result.diff
    new = {p.heading: p.content_hash for p in split(clean(read_article(first.article)))}
    assert new["Soft Light in the Evening"] == old["Soft Light in the Evening"]
    assert new["What Can I Change?"] != old["What Can I Change?"]


def test_an_update_keeps_front_matter_that_was_edited_by_hand(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "soft-light.txt", PAGE)
    draft = import_document(page, articles, today=TODAY).article
    text = draft.read_text(encoding="utf-8")
    text = text.replace("topics: []", "topics: [sleep]").replace(
        NO_ADDRESS + "soft-light.txt", "https://example.net/light"
    )
    text = text.replace("key: origin", "key: lamp-2020").replace("review_by: 2027-03-01", "review_by: 2026-12-24")
    asks = (
        'asks:\n  "What Can I Change?":\n  - which bulb\n  "Soft Light in the Evening":\n  - lamps\n'
        'simple:\n  "What Can I Change?": Dim it.\n'
    )
    text = text.replace("\n---\n\n", f"\n{asks}---\n\n")
    draft.write_text(text, encoding="utf-8")
    page.write_text(PAGE.replace("kinder", "gentler"), encoding="utf-8")
    assert import_document(page, articles, today=date(2026, 5, 5)).status == "updated"
    article = read_article(draft)
    assert article.topics == ("sleep",)
    assert [(s.key, s.address) for s in article.sources] == [("lamp-2020", "https://example.net/light")]
    assert article.review_by == date(2026, 12, 24)
    assert article.asks == {"What Can I Change?": ("which bulb",), "Soft Light in the Evening": ("lamps",)}
    assert article.simple == {"What Can I Change?": "Dim it."}


def test_an_update_drops_only_the_wordings_of_headings_that_are_gone(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "soft-light.txt", PAGE)
    draft = import_document(page, articles, today=TODAY).article
    asks = (
        'asks:\n  "What Can I Change?":\n  - which bulb\n  - what lamp\n  "Soft Light in the Evening":\n  - lamps\n'
        'simple:\n  "What Can I Change?": |\n    Dim it.\n    Rest.\n'
    )
    draft.write_text(draft.read_text(encoding="utf-8").replace("\n---\n\n", f"\n{asks}---\n\n"), encoding="utf-8")
    page.write_text(PAGE.replace("What Can I Change?", "Which Lamp Is Best?"), encoding="utf-8")
    result = import_document(page, articles, today=TODAY)
    article = read_article(draft)
    clean(article)
    assert article.asks == {"Soft Light in the Evening": ("lamps",)}
    assert article.simple == {}
    assert "-  - which bulb" in result.diff


def test_a_page_that_did_not_change_leaves_a_draft_that_was_edited_alone(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "soft-light.txt", PAGE)
    draft = import_document(page, articles, today=TODAY).article
    edited = draft.read_text(encoding="utf-8").replace("Small steps count.", "Small steps can help.")
    draft.write_text(edited, encoding="utf-8")
    assert import_document(page, articles, today=TODAY).status == "unchanged"
    assert draft.read_text(encoding="utf-8") == edited


def test_the_same_address_leads_to_the_same_draft_whatever_the_file_is_called(tmp_path: Path, articles: Path) -> None:
    first = import_document(
        write(tmp_path, "one.txt", PAGE), articles, address="https://example.net/light/", today=TODAY
    )
    changed = write(tmp_path, "two.txt", PAGE.replace("kinder", "better"))
    again = import_document(changed, articles, address="https://www.example.net/light?utm_source=mail", today=TODAY)
    assert (again.status, again.article) == ("updated", first.article)
    assert read_article(first.article).sources[0].address == "https://example.net/light/"


def test_the_same_file_name_with_another_address_is_another_article(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "light.txt", PAGE)
    first = import_document(page, articles, address="https://example.net/a", today=TODAY)
    second = import_document(page, articles, address="https://example.net/b", today=TODAY)
    assert (first.article.name, second.article.name) == ("light.md", "light-2.md")
    assert second.status == "created"


def test_an_import_never_overwrites_an_article_that_was_written_by_hand(tmp_path: Path, articles: Path) -> None:
    own = write(articles, "soft-light.md", "---\ntitle: Our own\nslug: soft-light\n---\n\n## Ours\n\nWritten here.\n")
    before = own.read_bytes()
    result = import_document(write(tmp_path, "soft-light.txt", PAGE), articles, today=TODAY)
    assert result.article.name == "soft-light-2.md"
    assert own.read_bytes() == before


def test_pages_called_index_are_told_apart_by_their_folder(tmp_path: Path, articles: Path) -> None:
    one = import_document(write(tmp_path / "tea", "index.txt", PAGE), articles, today=TODAY)
    two = import_document(write(tmp_path / "naps", "index.txt", PAGE.replace("Soft", "Low")), articles, today=TODAY)
    assert {one.article.name, two.article.name} == {"tea-index.md", "naps-index.md"}


def test_an_address_that_is_none_is_refused(tmp_path: Path, articles: Path) -> None:
    with pytest.raises(ImportSourceError, match=r"soft\.txt: --address: 'example' is not a web address"):
        import_document(write(tmp_path, "soft.txt", PAGE), articles, address="example", today=TODAY)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.html", b"  \n \n", "empty"),
        ("menu.txt", b"Home\n\nAbout\n\nContact\n", "no article text"),
        ("shell.html", b"<html><body><nav><a>Home</a></nav><div id='app'></div></body></html>", "no article text"),
        ("not.docx", b"this is no zip", "not a Word document"),
        ("old.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "old .doc"),
        ("not.pdf", b"%PDF-1.4 broken", "not a PDF that can be read"),
    ],
)
def test_a_file_without_an_article_is_refused_with_the_reason(
    tmp_path: Path, articles: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportSourceError, match=words) as refused:
        import_document(path, articles, today=TODAY)
    assert str(path) in str(refused.value)
    assert not list(articles.glob("*")) if articles.exists() else True


@pytest.mark.parametrize(
    ("name", "start", "ending"),
    [("page.html", b"%PDF-1.7\n", ".pdf"), ("notes.txt", b"PK\x03\x04", ".docx"), ("a.pdf", b"PK\x03\x04", ".docx")],
)
def test_a_file_under_the_name_of_another_kind_is_refused(
    tmp_path: Path, articles: Path, name: str, start: bytes, ending: str
) -> None:
    (tmp_path / name).write_bytes(start + b"A pillow can be too high. Words of no article.")
    with pytest.raises(ImportSourceError, match=rf"{name}: its name does not fit .* Rename it to end in \{ending}"):
        import_document(tmp_path / name, articles, today=TODAY)


@pytest.mark.parametrize("name", ["photo.html", "photo.txt", "photo.md"])
def test_a_picture_under_the_name_of_a_text_is_refused(tmp_path: Path, articles: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000))
    with pytest.raises(ImportSourceError, match=rf"{name}: holds no text"):
        import_document(tmp_path / name, articles, today=TODAY)
    assert not articles.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-32", "shift_jis", "cp1251", "iso2022_jp"])
def test_a_text_in_any_encoding_is_not_taken_for_a_picture(encoding: str) -> None:
    words = {"cp1251": "Сон и боль. ", "cp1252": "Café, naïve. ", "utf-8": "Café \U0001f642 ", "utf-16": "Sleep. "}
    assert not is_binary((words.get(encoding, "痛みと眠り。 ") * 50).encode(encoding))


def test_a_parser_that_fails_in_its_own_way_is_reported_with_the_file(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, raw: bytes) -> Imported:
        raise RecursionError("too deep")

    monkeypatch.setitem(importer.READERS, ".html", fails)
    with pytest.raises(ImportSourceError, match=r"soft\.html: damaged.*RecursionError: too deep.*Save it again"):
        import_document(write(tmp_path, "soft.html", PAGE), articles, today=TODAY)


def test_two_files_of_one_import_never_share_a_draft(tmp_path: Path, articles: Path) -> None:
    one, two = (
        write(tmp_path / "a", "light.txt", PAGE),
        write(tmp_path / "b", "light.txt", PAGE.replace("kind", "mild")),
    )
    taken: dict[Path, Path] = {}
    first = import_document(one, articles, today=TODAY, taken=taken)
    before = first.article.read_bytes()
    with pytest.raises(ImportSourceError, match=rf"{two}: leads to the same draft as {one}.*Rename it"):
        import_document(two, articles, today=TODAY, taken=taken)
    assert first.article.read_bytes() == before
    assert import_document(one, articles, today=TODAY, taken=taken).status == "unchanged"


def test_a_draft_that_was_saved_in_another_encoding_is_named(tmp_path: Path, articles: Path) -> None:
    draft = import_document(write(tmp_path, "light.txt", PAGE), articles, today=TODAY).article
    draft.write_bytes(draft.read_bytes() + "café\n".encode("cp1252"))
    changed = write(tmp_path, "light.txt", PAGE.replace("kinder", "better"))
    with pytest.raises(ImportSourceError, match=r"light\.txt: its draft .*light\.md is not UTF-8 at byte \d+"):
        import_document(changed, articles, today=TODAY)


def test_a_title_in_a_script_without_capitals_is_kept(tmp_path: Path, articles: Path) -> None:
    page = write(tmp_path, "kissen.txt", "כריות רכות\n\nכרית יכולה להיות גבוהה מדי. נסו אחת נמוכה יותר בלילה.\n")
    assert body_of(import_document(page, articles, today=TODAY).article).startswith("## כריות רכות\n")


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path, articles: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImportSourceError, match="larger than 50 MB"):
        import_document(path, articles, today=TODAY)


def test_importable_takes_files_and_folders_by_name(tmp_path: Path) -> None:
    a, b = write(tmp_path / "in", "b.txt", PAGE), write(tmp_path / "in" / "deep", "a.HTML", "<p>x</p>")
    write(tmp_path / "in", "picture.png", "x")
    write(tmp_path / "in" / ".git", "c.txt", PAGE)
    assert importable([tmp_path / "in", a]) == [a, b]


@pytest.mark.parametrize(
    ("name", "words"), [("gone.txt", "no such file"), ("song.mp3", r"cannot import \.mp3"), ("none", "holds nothing")]
)
def test_importable_refuses_what_it_cannot_import(tmp_path: Path, name: str, words: str) -> None:
    write(tmp_path, "song.mp3", "x")
    (tmp_path / "none").mkdir()
    with pytest.raises(ImportSourceError, match=words):
        importable([tmp_path / name])


def test_a_thousand_small_files_cost_little_beyond_parsing(tmp_path: Path, articles: Path) -> None:
    for number in range(300):
        write(tmp_path / "in", f"page-{number}.txt", PAGE.replace("Soft", f"Lamp {number}"))
    results = [import_document(path, articles, today=TODAY) for path in importable([tmp_path / "in"])]
    assert [result.status for result in results] == ["created"] * 300
    assert len({result.article for result in results}) == 300
    shutil.rmtree(articles)


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Crohn\u2019s & Colitis: What Helps?", "crohns-colitis-what-helps"),
        ("Caf\u00e9%20au lait", "cafe-au-lait"),
        ("x" * 90, "x" * 60),
    ],
)
def test_slugs_are_short_plain_words(text: str, slug: str) -> None:
    assert slug_of(text) == slug


def test_slug_of_a_name_without_latin_letters_is_still_a_slug() -> None:
    assert slug_of("\u75bc\u75db").startswith("article-")
