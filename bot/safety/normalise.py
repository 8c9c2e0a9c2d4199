"""Brings a message into the one spelling that the rules and the classifier are written for.

People in trouble type badly: `"CANT BREATH 😵 chst so tiiight"` becomes `"cannot breathe dizzy chest so tight"`. Punctuation
turns into the boundary before each word, so that rules can look across it and negation can stop at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bot.safety.errors import SafetyDataError

LEXICON = Path(__file__).parent / "lexicon"

MAX_CHARACTERS = 8_000
"""Characters that are read at once, so that the cost stays bounded. Of a longer text both ends are read; `slices` cuts it."""

OVERLAP = 1_000
"""Characters that two slices of a text have in common, so that what a cut goes through stands whole in one of them."""

NONE, COMMA, SENTENCE = 0, 1, 2
"""What stands before a word."""

_TOKEN = re.compile(
    r"(?P<sentence>(?:[.!?;\n\r|•]|\s[-–—]{1,2}\s|—)+)|(?P<comma>[,:()\[\]\"“”…/]+)|(?P<word>[^\s.!?;,:()\[\]\"“”…/|•—]+)"
)
_NUMBER = re.compile(r"(?<=\d)[.,/:](?=\d)")
_SENTENCE_END = re.compile(r"[.!?;]\s+|\n")
_LEET = str.maketrans("013457@$!", "oieastasi")
_LEET_SIGN = re.compile(r"[a-z][013457@$!]|[013457@$!][a-z]")
_REPEAT = re.compile(r"([a-z])\1{2,}")
_SPANISH_MARK = re.compile(r"[¿¡ñáéíóú]")
_SPANISH_ONLY = frozenset(
    "que el los las una unos es esta estoy tengo tiene mi mis tu su con sin por para muy pero porque como cuando donde"
    " se le lo puedo puede hace desde ayer hoy ahora mucho mucha dolor duele siento siente quiero hay del al esposo esposa"
    " hijo hija mama papa bebe mal bien ya nada todo toda tomo tome comer despues antes".split()
)
_ENGLISH_ONLY = frozenset(
    "the and is are was were my your his her it i to of in on with that this have has had do does did not what how can for at"
    " so but be been am just feel feeling get got when why you she he they we".split()
)


_SAY_IS = frozenset(
    "it he she that what there here where who how everything something nothing somebody someone everyone one this when".split()
)

COMMON = 5_000
"""How many of the most frequent words of a language misspellings are put right to."""


@dataclass(frozen=True)
class Message:
    """A normalised message.

    Attributes:
        words: The words, lower case, without accents or punctuation, contractions written out.
        boundaries: For each word what stands before it: nothing, a comma, or the end of a sentence.
        spanish: The message reads as Spanish.
    """

    words: tuple[str, ...]
    boundaries: tuple[int, ...]
    spanish: bool

    @cached_property
    def text(self) -> str:
        """All the words, one space apart."""
        return " ".join(self.words)

    @cached_property
    def sentences(self) -> tuple[tuple[int, int], ...]:
        """First word and the word after the last, of each sentence."""
        starts = [i for i, mark in enumerate(self.boundaries) if i == 0 or mark == SENTENCE]
        return tuple(pairwise([*starts, len(self.words)]))

    def stretch(self, start: int, end: int) -> str:
        """The words from `start` up to `end`, with their commas and full stops, as the classifier reads them."""
        marks = {NONE: " ", COMMA: ", ", SENTENCE: ". "}
        return "".join(
            (marks[self.boundaries[i]] if i > start else "") + self.words[i]
            for i in range(start, min(end, len(self.words)))
        )


class Normaliser:
    """Holds the word lists. One instance serves every message."""

    def __init__(self, folder: Path = LEXICON) -> None:
        """Read the word lists.

        Raises:
            SafetyDataError: If a list is missing or damaged.
        """
        try:
            spellings = yaml.safe_load((folder / "spellings.yml").read_text(encoding="utf-8"))
            critical = dict.fromkeys(_word_list(folder / "critical.txt"))
            topic = dict.fromkeys(_word_list(folder / "topic.txt"))
            self._times = frozenset(_word_list(folder / "times.txt"))
            english = dict.fromkeys(_word_list(folder / "english.txt"))
            spanish = dict.fromkeys(_word_list(folder / "spanish.txt"))
            self._english: dict[str, str] = _plain(spellings["english"])
            self._spanish: dict[str, str] = _plain(spellings["spanish"])
            self._phrases = [(re.compile(k), v) for k, v in spellings["phrases"].items()]
            self._emoji: dict[str, str] = spellings["emoji"]
        except (OSError, KeyError, TypeError, re.error, yaml.YAMLError) as error:
            raise SafetyDataError(f"{folder}: {error}. Restore the folder from the repository.") from error
        self._known = {*english, *spanish, *critical, *topic, *self._english, *self._spanish}
        self._critical = critical
        self._spanish_words = spanish.keys() - english.keys()
        self._english_words = english.keys() - spanish.keys()
        self._near = _deletions(word for word in critical if len(word) >= 4)
        self._near_english = _deletions([word for word in english if len(word) >= 4][:COMMON])
        self._near_spanish = _deletions([word for word in spanish if len(word) >= 4][:COMMON])
        self._emoji_pattern = re.compile("|".join(re.escape(key) for key in sorted(self._emoji, key=len, reverse=True)))

    def __call__(self, text: str) -> Message:
        """Normalise one message. Never raises; an empty message has no words."""
        raw = _bounded(text)
        raw = self._emoji_pattern.sub(lambda match: f" {self._emoji[match.group()]} ", raw)
        folded, accents = _fold(raw)
        tokens, boundaries = _tokenise(folded)
        spanish = self._reads_spanish(tokens, accents)
        table = self._spanish if spanish else self._english
        words: list[str] = []
        marks: list[int] = []
        for token, mark in zip(_join_spelled_out(tokens), boundaries, strict=True):
            if not token:
                continue
            expanded = self._word(token, table, spanish=spanish).split()
            words.extend(expanded)
            marks.extend([mark] + [NONE] * (len(expanded) - 1))
        return self._with_phrases(words, marks, spanish)

    def _word(self, token: str, table: Mapping[str, str], *, spanish: bool) -> str:
        if token.endswith("'s"):
            # "it's swollen" and "wife's arm": the one is a verb, of the other only the owner is needed.
            return f"{token[:-2]} is" if token[:-2] in _SAY_IS else self._word(token[:-2], table, spanish=spanish)
        token = token.replace("'", "")
        if token in table:
            return table[token]
        if token in self._known or token.isdigit():
            return token
        for candidate in (token, *_unstretched(token), *_unleeted(token), *_with_ending(token)):
            if candidate in table:
                return table[candidate]
            if candidate in self._known:
                return candidate
        token = _REPEAT.sub(r"\1\1", token)
        return self._corrected(token, spanish=spanish) or self._split(token, table) or token

    def _corrected(self, token: str, *, spanish: bool) -> str | None:
        """The word that `token` misspells: a critical one up to two edits away, else a common one that is one edit away."""
        if len(token) < 4 or not token.isalpha():
            return None
        keys = {token} | _drop_one(token)
        found = {word for key in keys for word in self._near.get(key, ())}
        if len(token) >= 8:
            found |= {word for key in keys for shorter in _drop_one(key) for word in self._near.get(shorter, ())}
        limit = 1 if len(token) < 8 else 2
        best = _nearest(token, found)
        if best and best[0] <= limit:
            return best[-1]
        near = self._near_spanish if spanish else self._near_english
        common = [word for key in keys for word in near.get(key, ())]
        best = _nearest(token, common)
        return best[-1] if best and best[0] == 1 and best[-1][0] == token[0] else None

    def _split(self, token: str, table: Mapping[str, str]) -> str | None:
        """Two words typed as one, when one of them is critical: "chestpain", "cantbreathe"."""
        if len(token) < 7 or not token.isalpha():
            return None
        for cut in range(2, len(token) - 2):
            left, right = token[:cut], token[cut:]
            known = left in self._known and right in self._known
            if known and (left in self._critical or right in self._critical) and min(len(left), len(right)) >= 3:
                return f"{table.get(left, left)} {table.get(right, right)}"
        return None

    def names_a_time(self, message: Message) -> bool:
        """Whether a message says nothing but when: "tonight", "any time after 3 pm"; one without words does, too."""
        return all(word in self._times or word.isdigit() for word in message.words)

    def _reads_spanish(self, tokens: list[str], accents: int) -> bool:
        spanish = sum(t in _SPANISH_ONLY or (len(t) > 3 and t in self._spanish_words) for t in tokens)
        english = sum(t in _ENGLISH_ONLY or (len(t) > 3 and t in self._english_words) for t in tokens)
        return spanish + min(accents, 2) > english and spanish + accents > 0 and (spanish >= 2 or english == 0)

    def _with_phrases(self, words: list[str], marks: list[int], spanish: bool) -> Message:
        """Apply the phrase table sentence by sentence, so that boundaries stay where they are."""
        text = " ".join(words)
        if not any(pattern.search(text) for pattern, _ in self._phrases):
            return Message(tuple(words), tuple(marks), spanish)
        out_words: list[str] = []
        out_marks: list[int] = []
        starts = [i for i, mark in enumerate(marks) if i == 0 or mark != NONE]
        for start, end in pairwise([*starts, len(words)]):
            piece = " ".join(words[start:end])
            for pattern, replacement in self._phrases:
                piece = pattern.sub(replacement, piece)
            split = piece.split()
            out_words.extend(split)
            out_marks.extend(([marks[start]] + [NONE] * (len(split) - 1))[: len(split)])
        return Message(tuple(out_words), tuple(out_marks), spanish)


def slices(text: str) -> list[str]:
    """A text in pieces short enough to be read whole, each beginning within the one before, with a sentence if it can."""
    pieces = []
    while len(text) > MAX_CHARACTERS:
        pieces.append(text[:MAX_CHARACTERS])
        cut = MAX_CHARACTERS - OVERLAP
        sentence = _SENTENCE_END.search(text, cut, cut + OVERLAP // 2)
        text = text[sentence.end() if sentence else cut :]
    return [*pieces, text]


def _bounded(text: str) -> str:
    half = MAX_CHARACTERS // 2
    return text if len(text) <= MAX_CHARACTERS else f"{text[:half]} . {text[-half:]}"


def _fold(text: str) -> tuple[str, int]:
    """Lower case, compatibility forms, no accents or invisible characters; and how many Spanish marks there were."""
    lowered = unicodedata.normalize("NFKC", text).lower()
    marks = len(_SPANISH_MARK.findall(lowered))
    decomposed = unicodedata.normalize("NFKD", lowered)
    kept = "".join(c for c in decomposed if unicodedata.category(c) not in {"Mn", "Cf", "Cc"} or c in "\n\t")
    kept = (
        kept.replace("’", "'").replace("‘", "'").replace("`", "'").replace("´", "'").replace("¿", " ").replace("¡", " ")
    )
    return _NUMBER.sub(lambda match: "." if match.group() == "." else " ", kept), marks


def _tokenise(text: str) -> tuple[list[str], list[int]]:
    tokens: list[str] = []
    boundaries: list[int] = []
    pending = NONE
    # A full stop within a number is no boundary: hide it from the tokeniser.
    for match in _TOKEN.finditer(re.sub(r"(?<=\d)\.(?=\d)", "·", _shield_leet(text))):
        if match.lastgroup == "sentence":
            pending = SENTENCE
        elif match.lastgroup == "comma":
            pending = max(pending, COMMA)
        else:
            for part in re.split(r"[-–_*~+=<>&^#\\{}]+", match.group().replace("·", ".").replace("\x00", "!")):
                cleaned = part.strip("'%°").replace("$", "$")
                if re.search(r"[a-z0-9]", cleaned):
                    tokens.append(re.sub(r"[^a-z0-9.'@$!]", "", cleaned))
                    boundaries.append(pending)
                    pending = NONE
    return tokens, boundaries


def _shield_leet(text: str) -> str:
    """Keep an exclamation mark within a word ("k!ll") from ending the sentence."""
    return re.sub(r"(?<=[a-z])!(?=[a-z]{2})", "\x00", text)


def _join_spelled_out(tokens: list[str]) -> list[str]:
    """Join runs of three or more single letters: "k i l l" becomes "kill". Joined tokens leave "" behind."""
    joined = list(tokens)
    start = 0
    while start < len(tokens):
        end = start
        while end < len(tokens) and len(tokens[end]) == 1 and tokens[end].isalpha():
            end += 1
        if end - start >= 3:
            joined[start:end] = ["".join(tokens[start:end])] + [""] * (end - start - 1)
        start = max(end, start + 1)
    return joined


def _unstretched(token: str) -> Iterable[str]:
    """The token without its repeats, and with them halved: "tiiight" is "tight"."""
    if _REPEAT.search(token):
        yield _REPEAT.sub(r"\1", token)
        yield _REPEAT.sub(r"\1\1", token)


def _unleeted(token: str) -> Iterable[str]:
    """The token with digits and signs read as letters: "su1c1de" is "suicide"."""
    if len(token) >= 4 and sum(c.isalpha() for c in token) * 2 >= len(token) and _LEET_SIGN.search(token):
        yield token.translate(_LEET)
        yield token.translate(_LEET).replace("i", "l", 1)
    stripped = token.strip("@$!.")
    if stripped != token:
        yield stripped


def _with_ending(token: str) -> Iterable[str]:
    """The token with a lost last letter or without a plural one: "sweatin" is "sweating"."""
    if token.endswith("in"):
        yield token + "g"
    if token.endswith("s"):
        yield token[:-1]


def _word_list(path: Path) -> list[str]:
    """The words of a list, in its order; lines that begin with # are remarks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def _plain(table: Mapping[Any, Any]) -> dict[str, str]:
    # YAML reads a bare `no`, `y` or `n` as a truth value; they are words here.
    names = {True: "y", False: "no"}
    return {
        str(names.get(k, k) if isinstance(k, bool) else k): str(names.get(v, v) if isinstance(v, bool) else v)
        for k, v in table.items()
    }


def _drop_one(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


def _deletions(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each word under itself and under every form that lacks one letter (symmetric-delete spelling correction)."""
    near: dict[str, list[str]] = {}
    for word in words:
        for key in {word} | _drop_one(word):
            near.setdefault(key, []).append(word)
    return {key: tuple(found) for key, found in near.items()}


def _nearest(token: str, words: Iterable[str]) -> tuple[int, bool, int, str] | None:
    """The nearest of some words: fewest edits, same first letter, most like in length."""
    ranked = [(_distance(token, word), token[0] != word[0], abs(len(token) - len(word)), word) for word in set(words)]
    return min(ranked, default=None)


def _distance(left: str, right: str) -> int:
    """Damerau-Levenshtein distance (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, previous, row = row, before, [i] + [0] * len(right)
        for j, b in enumerate(right, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                row[j] = min(row[j], previous[j - 2] + 1)
    return row[-1]
