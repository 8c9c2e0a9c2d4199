"""Document -> Passages. A section is a passage; one that is too long is split between spaCy's sentences."""

from __future__ import annotations

import re
from functools import lru_cache

from knowledge.light_spacy import spacy
from knowledge.models import Document, Passage, Section

MAX_WORDS = 130
_LIST_ITEM = re.compile(r"^\s*(?:- |\d+\. )")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|St|vs|e\.g|i\.e|approx)\.$")

Span = tuple[int, int]


def split(document: Document, *, max_words: int = MAX_WORDS) -> list[Passage]:
    """Split a document into passages, in order.

    Nothing is lost, doubled or reordered: joined, the passages of a section hold exactly its words. A list is never
    parted from the line that leads into it, even where that makes a passage longer than `max_words` words.

    Returns:
        Passages whose `start` and `end` slice their text out of `document.text`.
    """
    passages: list[Passage] = []
    for section in document.sections:
        for start, end in _spans(document.text, section, max_words):
            passages.append(_passage(document, section, len(passages) + 1, start, end))
    return passages


def _passage(document: Document, section: Section, ordinal: int, start: int, end: int) -> Passage:
    article = document.article
    cited = tuple(source for source in article.sources if source.key in section.cites)
    return Passage(
        article=article.slug,
        ordinal=ordinal,
        heading=section.heading,
        text=document.text[start:end],
        start=start,
        end=end,
        title=article.title,
        topics=article.topics,
        facts=article.facts,
        sources=cited or article.sources,
        asks=article.asks.get(section.heading, ()),
        simple=article.simple.get(section.heading, ""),
    )


def _spans(text: str, section: Section, max_words: int) -> list[Span]:
    if _words(text, (section.start, section.end)) <= max_words:
        return [(section.start, section.end)]
    spans: list[Span] = []
    for unit in _units(text, section):
        if spans and _words(text, (spans[-1][0], unit[1])) <= max_words:
            spans[-1] = (spans[-1][0], unit[1])
        else:
            spans.append(unit)
    return spans


def _words(text: str, span: Span) -> int:
    return len(text[span[0] : span[1]].split())


def _units(text: str, section: Section) -> list[Span]:
    """The smallest stretches that may stand alone: sentences, and lists with their lead-in."""
    units: list[Span] = []
    blocks = _line_blocks(text, section)
    for position, (start, end, is_list) in enumerate(blocks):
        if is_list and position:
            units[-1] = (units[-1][0], end)
        elif is_list:
            units.append((start, end))
        else:
            units.extend(sentence_spans(text, start, end))
    return units


def _line_blocks(text: str, section: Section) -> list[tuple[int, int, bool]]:
    """Paragraphs and whole lists of a section, as (start, end, is_list)."""
    blocks: list[tuple[int, int, bool]] = []
    position = section.start
    open_block = False
    for line in text[section.start : section.end].splitlines(keepends=True):
        start, end = position, position + len(line.rstrip())
        position += len(line)
        if not line.strip():
            open_block = False
            continue
        in_list = bool(_LIST_ITEM.match(line)) or (open_block and blocks[-1][2] and line.startswith(" "))
        joins = bool(blocks) and blocks[-1][2] == in_list and (open_block or in_list)
        if joins:
            blocks[-1] = (blocks[-1][0], end, in_list)
        else:
            blocks.append((start, end, in_list))
        open_block = True
    return blocks


def sentence_spans(text: str, start: int, end: int) -> list[Span]:
    """SpaCy's sentences of `text[start:end]` as spans of `text`, without the white space around them.

    A boundary that spaCy sees inside a word, after an abbreviation or before a small letter is none.
    """
    spans: list[Span] = []
    for sentence in _sentencizer()(text[start:end]).sents:
        raw = sentence.text
        left = start + sentence.start_char + len(raw) - len(raw.lstrip())
        right = start + sentence.start_char + len(raw.rstrip())
        if left >= right:
            continue
        if spans and _runs_on(text, spans[-1], left):
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    return spans


def _runs_on(text: str, before: Span, left: int) -> bool:
    if before[1] == left or text[left].islower():
        return True
    return bool(_ABBREVIATION.search(text[before[0] : before[1]]))


@lru_cache(maxsize=1)
def _sentencizer() -> spacy.language.Language:
    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    language.max_length = 10_000_000
    return language
