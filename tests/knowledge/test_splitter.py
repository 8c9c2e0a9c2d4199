from __future__ import annotations

from pathlib import Path
from typing import Any

from knowledge.cleaner import clean
from knowledge.models import Document, Passage
from knowledge.reader import parse_article
from knowledge.splitter import MAX_WORDS, sentence_spans, split
from tests.knowledge.content import article_text


def document(sections: dict[str, str], **changes: Any) -> Document:
    return clean(parse_article(article_text("kettles", sections, **changes), Path("articles/kettles.md")))


def sentences(count: int, words: int) -> str:
    return " ".join(f"Sentence {number} has " + "word " * (words - 4) + "end." for number in range(count))


def word_count(passage: Passage) -> int:
    return len(passage.text.split())


def test_splitter_makes_one_passage_of_a_section() -> None:
    found = document({"One?": "A line.\n\nAnother.", "Two?": "B."})
    assert [(p.id, p.heading, p.text) for p in split(found)] == [
        ("kettles#1", "One?", "A line.\n\nAnother."),
        ("kettles#2", "Two?", "B."),
    ]


def test_splitter_parts_a_long_section_between_sentences_and_repeats_its_heading() -> None:
    found = document({"One?": sentences(12, 20)})
    passages = split(found)
    assert len(passages) > 1
    assert {passage.heading for passage in passages} == {"One?"}
    assert [passage.ordinal for passage in passages] == list(range(1, len(passages) + 1))
    for passage in passages:
        assert word_count(passage) <= MAX_WORDS
        assert passage.text.startswith("Sentence")
        assert passage.text.endswith("end.")


def test_splitter_keeps_list_with_its_lead_in() -> None:
    items = "\n".join("- " + "thing " * 12 for _ in range(8))
    found = document({"One?": f"{sentences(5, 20)}\n\nBring these:\n\n{items}"})
    last = split(found)[-1]
    assert "Bring these:" in last.text
    assert last.text.count("- thing") == 8


def test_splitter_leaves_a_single_sentence_whole_however_long() -> None:
    found = document({"One?": "word " * 200 + "end."})
    assert [word_count(passage) for passage in split(found)] == [201]


def test_splitter_offsets_slice_back_to_the_passage() -> None:
    found = document({"One?": sentences(12, 20), "Two?": "Short.\n\n- a\n- b"})
    passages = split(found)
    assert len(passages) > 2
    for passage in passages:
        assert found.text[passage.start : passage.end] == passage.text


def test_splitter_gives_a_passage_its_sections_own_sources_questions_and_wording() -> None:
    sources = [
        {"key": key, "name": f"Book {key}", "year": 2029, "address": "https://example.net/"} for key in ("one", "two")
    ]
    found = document(
        {"One?": "A.[^two]", "Two?": "B."}, sources=sources, asks={"One?": ["uno"]}, simple={"Two?": "b"}, topics=["k"]
    )
    first, second = split(found)
    assert [source.key for source in first.sources] == ["two"]
    assert [source.key for source in second.sources] == ["one", "two"]
    assert (first.asks, second.asks) == (("uno",), ())
    assert (first.simple, second.simple) == ("", "b")
    assert first.topics == ("k",)
    assert first.title == "About kettles"


def test_splitter_does_not_part_abbreviations_numbers_or_initials() -> None:
    text = "See Dr. Lee about C. diff, e.g. at 3.5 p.m. or so. Then rest."
    spans = sentence_spans(text, 0, len(text))
    assert [text[start:end] for start, end in spans] == [
        "See Dr. Lee about C. diff, e.g. at 3.5 p.m. or so.",
        "Then rest.",
    ]


def test_passage_hash_covers_every_word_that_is_shown_and_nothing_else() -> None:
    def hash_of(sections: dict[str, str], **changes: Any) -> str:
        return split(document(sections, **changes))[0].content_hash

    base = hash_of({"One?": "A b."})
    assert hash_of({"One?": "A c."}) != base
    assert hash_of({"One!": "A b."}) != base
    assert hash_of({"One?": "A b."}, simple={"One?": "a"}) != base
    assert hash_of({"One?": "A b."}, asks={"One?": ["uno"]}, title="Another title") == base
    assert hash_of({"One?": "A  *b*.\u200b"}) == base


def test_passage_hash_cannot_be_kept_by_moving_words_between_heading_and_text() -> None:
    assert (
        split(document({"One two": "three"}))[0].content_hash != split(document({"One": "two three"}))[0].content_hash
    )
