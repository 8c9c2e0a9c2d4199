"""Understands a patient's question before it is searched: typos, lay words, concepts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from knowledge.language import concepts_in, content_lemmas
from knowledge.light_spacy import spacy
from knowledge.vocabulary import Vocabulary

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_STRETCHED = re.compile(r"(\w)\1{2,}")
SHORTEST_MENDED = 4
"""Words shorter than this are left as they are: too many short words differ by one letter."""

_OPENS_FOLLOW_UP = re.compile(
    r"^(ok(ay)?|so|and|but|or|then|also|well|yes|yeah|no|hmm+|oh|sure|right|great|thanks|thank you|unrelated|by the way)\b[\s,.]*"
)
_POINTS_BACK = re.compile(
    r"\b(it|its|it's|that|this|they|them|those|these|one|ones|there|then|same|else|instead|either|too|the first|the other)\b"
)
_ASKS_SHORT = re.compile(
    r"^(why|how come|how so|really|since when|says who|like what|such as|for example|examples?|what about|how about|"
    r"which ones?|how (much|many|long|often|soon|fast)|when|where|who|tell me more|more|what if|any|side effects)\b"
)
_NEXT_QUESTION = re.compile(
    r"(?<=[?])\s+|\s+(?:and|also|plus)\s+(?=(?:what|how|why|is|are|can|could|does|do|should|when|which|who|will)\b)",
    re.IGNORECASE,
)
SHORTEST_PART = 3
"""Words that a part of a message must have to be a question of its own."""
LONGEST_FOLLOW_UP = 14
"""Words: a longer question stands alone."""
COMMON = 5
"""How often the articles must use a word for a short typo to be taken for it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read.

    Attributes:
        text: What the patient wrote.
        mended: The same with typos mended, lower case.
        concepts: Ids of the vocabulary's concepts in it, in order of appearance.
        lemmas: Lemmas of its content words, in order.
        unknown: Content words that neither the articles nor the vocabulary know, in order.
    """

    text: str
    mended: str
    concepts: tuple[str, ...]
    lemmas: tuple[str, ...]
    unknown: tuple[str, ...]


class QuestionReader:
    """Reads questions against a vocabulary and the words of the articles.

    Example:
        >>> reader.read("best diat for colitus").mended  # doctest: +SKIP
        'best diet for colitis'
    """

    def __init__(self, vocabulary: Vocabulary, language: spacy.language.Language, article_words: Iterable[str]) -> None:
        """Take what is known.

        Args:
            vocabulary: The concepts.
            language: The pipeline of `knowledge.language` over the same vocabulary.
            article_words: Every word of the passages' headings and texts, as often as it stands there.
        """
        self._language = language
        self._labels = {concept.id: concept.label.lower() for concept in vocabulary}
        counts = Counter(word.lower() for word in article_words)
        for concept in vocabulary:
            counts.update(dict.fromkeys(_WORD.findall(concept.label.lower()), COMMON))
        self._counts = {word: count for word, count in counts.items() if len(word) >= SHORTEST_MENDED}
        self._mendable = sorted(self._counts)
        written = {word for concept in vocabulary for term in concept.terms for word in _WORD.findall(term.lower())}
        self._domain = counts.keys() | written
        self._english = _EnglishWords()
        self._mend_word = lru_cache(maxsize=4096)(self._mend_word_uncached)

    def subject(self, previous: Sequence[str]) -> str:
        """What earlier questions were about: the names of the concepts last mentioned, or else the last question."""
        for text in reversed(previous):
            concepts = self.read(text).concepts
            if concepts:
                return " ".join(self._labels[concept] for concept in concepts)
        return previous[-1] if previous else ""

    def read(self, text: str) -> Question:
        """Read one question."""
        mended = _WORD.sub(lambda match: self._mend_word(match[0]), _plain(text).lower())
        document = self._language(mended)
        unknown = tuple(
            token.lower_
            for token in document
            if token.is_alpha
            and not token.is_stop
            and token.lower_ not in self._domain
            and token.lemma_ not in self._domain
        )
        return Question(text, mended, concepts_in(document), content_lemmas(document), unknown)

    def _mend_word_uncached(self, word: str) -> str:
        if len(word) < SHORTEST_MENDED or "'" in word or self._is_word(word):
            return word
        allowed = 1 if len(word) < 7 else 2
        found = process.extract(word, self._mendable, scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=8)
        likely = [
            (distance, -self._counts[candidate], candidate)
            for candidate, distance, _ in found
            if candidate[0] == word[0] and (len(word) > 5 or self._counts[candidate] >= COMMON)
        ]
        return min(likely)[2] if likely else word

    def _is_word(self, word: str) -> bool:
        return word in self._domain or word in self._english or word in self._language.tokenizer.rules


def points_back(question: Question) -> bool:
    """Whether a question can only be understood from what came before: it points back, or is an opening without a subject.

    Example:
        >>> points_back(Question("why is that?", "why is that?", (), (), ()))
        True
    """
    bare = _OPENS_FOLLOW_UP.sub("", question.mended.strip())
    words = bare.split()
    if question.unknown or len(question.concepts) >= 2 or len(words) > LONGEST_FOLLOW_UP:
        return False
    return (len(words) <= 2 and not question.concepts) or bool(_POINTS_BACK.search(bare) or _ASKS_SHORT.match(bare))


def parts_of(text: str) -> list[str]:
    """The questions in a message that asks several, at most three; one part when it asks one.

    Example:
        >>> parts_of("what is leaky gut? and how do i sleep with pain")
        ['what is leaky gut?', 'how do i sleep with pain']
    """
    found = [_OPENS_FOLLOW_UP.sub("", part.strip()) for part in _NEXT_QUESTION.split(text.strip())]
    parts = [part for part in found if len(part.split()) >= SHORTEST_PART]
    return parts[:3] if len(parts) > 1 else [text]


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, in order."""
    return _WORD.findall(_plain(text).lower())


def _plain(text: str) -> str:
    """Straight apostrophes, and letters that were held down let go: `painnnn` becomes `pain`."""
    return _STRETCHED.sub(r"\1", text.replace("\u2019", "'"))


class _EnglishWords:
    """Whether a word is English, although no article uses it, by spaCy's lemma tables: then it is no typo."""

    def __init__(self) -> None:
        lookups = spacy.lookups.load_lookups("en", ["lemma_lookup", "lemma_index"])
        self._inflected = lookups.get_table("lemma_lookup")
        index = lookups.get_table("lemma_index")
        self._base = frozenset(word for part in ("adj", "adv", "noun", "verb") for word in index[part])

    def __contains__(self, word: str) -> bool:
        return word in self._base or word in self._inflected
