"""What a reviewer should know before approving a passage. Errors keep it from approval; warnings are shown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import textstat
import yaml

from knowledge.cleaner import clean
from knowledge.encoder import SentenceEncoder
from knowledge.errors import ArticleError, EncoderError, KnowledgeError
from knowledge.files import parse_yaml
from knowledge.models import Article, Passage, Source
from knowledge.reader import read_article
from knowledge.settings import KnowledgeSettings
from knowledge.splitter import MAX_WORDS, split
from knowledge.vocabulary import load_vocabulary

Level = Literal["error", "warning"]

MAX_GRADE = 8.0
"""Flesch-Kincaid grade of a passage; DESIGN's limit."""
MAX_SMOG = 10.0
"""SMOG grade that is worth a second look. SMOG wants 30 sentences and reads high on short passages."""
SMOG_SENTENCES = 6
"""Sentences below which a SMOG grade says nothing."""
MAX_SENTENCE = 25
"""Words in a sentence."""
NEAR = 0.8
"""Cosine of the openings of two passages from which the whole of them is compared."""
OPENING = 32
"""Words of a passage's opening, its heading included."""
ALIKE = 0.9
"""Cosine of two passages' vectors from which they say the same."""
SHARED = 0.5
"""Share of eight-word runs in common from which two passages repeat each other."""
SOON = timedelta(days=60)

RULES_FILE = Path(__file__).with_name("lint_rules.yml")


class LintRulesError(KnowledgeError):
    """The linter's own rules cannot be used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend or to weigh.

    Attributes:
        level: "error" keeps a passage from approval, "warning" is for the reviewer to judge.
        rule: The rule's name.
        place: A passage id, an article's slug, or an article's file.
        message: What was found and what to do.
        heading: The passage's, for people to find it by.
    """

    level: Level
    rule: str
    place: str
    message: str
    heading: str = ""

    def __str__(self) -> str:
        """`level: file, passage and its heading: message (rule)`."""
        slug, _, ordinal = self.place.partition("#")
        passage = f" #{ordinal} {self.heading!r}" if ordinal else ""
        return f"{self.level}: {slug}.md{passage}: {self.message} ({self.rule})"

    def as_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Readability:
    """How hard a text is to read.

    Attributes:
        grade: Flesch-Kincaid grade, US school years.
        smog: SMOG grade.
        words: Number of words.
    """

    grade: float
    smog: float
    words: int


def lint(settings: KnowledgeSettings, today: date) -> list[Finding]:
    """Check every article.

    Args:
        settings: Where articles, vocabulary and encoder are. Without an exported encoder, passages that say the same
            in other words are not looked for; those that repeat each other's words are.
        today: The day that review dates are held against.

    Returns:
        Findings in the order of the articles, then what concerns several of them.

    Raises:
        LintRulesError: If the rules file is wrong.
    """
    findings: list[Finding] = []
    passages: list[Passage] = []
    known = _vocabulary(settings)
    seen: dict[str, Path] = {}
    for path in sorted(settings.articles.glob("*.md")):
        try:
            article = read_article(path)
            own = split(clean(article))
        except ArticleError as error:
            findings.append(Finding("error", "article", path.stem, str(error).removeprefix(f"{path}: ")))
            continue
        seen[article.slug] = path
        passages += own
        findings += _article_findings(article, today, known)
        for passage in own:
            findings += passage_findings(passage)
    return findings + _duplicates(passages, settings.encoder)


def blocking(settings: KnowledgeSettings, findings: Sequence[Finding]) -> set[str]:
    """Ids of the passages that cannot be approved: an error of their own, or one of their article's."""
    places = {finding.place for finding in findings if finding.level == "error"}
    blocked = {place for place in places if "#" in place}
    for slug in places - blocked:
        try:
            blocked |= {passage.id for passage in split(clean(read_article(settings.articles / f"{slug}.md")))}
        except ArticleError:
            continue  # an article that cannot be read has no passage to approve
    return blocked


def passage_findings(passage: Passage) -> list[Finding]:
    """What is wrong with one passage by itself: readability, length, wording and claims."""
    found: list[tuple[str, Finding]] = []
    for field, text in (("", passage.text), ("simple: ", passage.simple)):
        if text:
            found += [(field, finding) for finding in (*_readability_findings(text), *_wording_findings(text))]
    if "?" not in passage.heading:  # a question says what patients ask, not what we say
        found += [("heading: ", finding) for finding in _wording_findings(passage.heading)]
    placed = (replace(f, place=passage.id, message=field + f.message, heading=passage.heading) for field, f in found)
    return list(dict.fromkeys(placed))


def readability(text: str) -> Readability:
    """Flesch-Kincaid and SMOG of a passage. Each item of a list counts as a sentence.

    Flesch-Kincaid (Kincaid and others 1975) and SMOG (McLaughlin 1969), both as textstat computes them.

    Example:
        >>> readability("The cat sat on the mat. It was warm.").grade < 3
        True
    """
    prose = as_sentences(text)
    return Readability(
        float(textstat.flesch_kincaid_grade(prose)), float(textstat.smog_index(prose)), len(text.split())
    )


def as_sentences(text: str) -> str:
    """Text with list marks taken off and each line ended, as a person would read it out."""
    lines = [re.sub(r"^\s*(?:- |\d+\. )", "", line).strip() for line in text.splitlines()]
    return " ".join(
        re.sub(r"[:;,]$", "", line) + ("" if re.search(r"[.!?][\"')\u2019\u201d]*$", line) else ".")
        for line in lines
        if line
    )


def _readability_findings(text: str) -> Iterator[Finding]:
    measured = readability(text)
    if measured.grade > MAX_GRADE:
        message = f"reading grade {measured.grade:.1f} is over {MAX_GRADE:.0f}; shorten sentences and words"
        yield Finding("error", "grade", "", message)
    if measured.smog > MAX_SMOG and len(_sentences(text)) >= SMOG_SENTENCES:
        message = f"SMOG grade {measured.smog:.1f} is over {MAX_SMOG:.0f}; use fewer words of three syllables and more"
        yield Finding("warning", "smog", "", message)
    if measured.words > MAX_WORDS:
        yield Finding(
            "error", "length", "", f"{measured.words} words, more than {MAX_WORDS}; split it into two questions"
        )
    for sentence in _sentences(text):
        if len(sentence.split()) > MAX_SENTENCE:
            message = (
                f"a sentence of {len(sentence.split())} words, {_quoted(sentence)}; aim at {MAX_SENTENCE} or fewer"
            )
            yield Finding("warning", "sentence", "", message)


def _sentences(text: str) -> list[str]:
    """Sentences and list items in order, straight quotes."""
    return [sentence for sentence, _ in _with_lead_in(text)]


def _with_lead_in(text: str) -> list[tuple[str, str]]:
    """Sentences and list items, each with its context: a list item with the line that leads into its list."""
    plain = text.replace("\u2019", "'").replace("\u2018", "'").replace("\u201c", '"').replace("\u201d", '"')
    made: list[tuple[str, str]] = []
    lead_in = ""
    for raw in plain.splitlines():
        line = re.sub(r"^\s*(?:- |\d+\. )", "", raw).strip()
        is_item = line != raw.strip()
        parts = [part for part in _BETWEEN.split(line) if part]
        made += [(part, f"{lead_in} {part}" if is_item else part) for part in parts]
        if parts and not is_item:
            lead_in = parts[-1]
    return made


_BETWEEN = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')]))\s+(?=[\"'(]?[A-Z0-9])")


def _quoted(sentence: str) -> str:
    return f'"{sentence[:48].rstrip()}..."' if len(sentence) > 50 else f'"{sentence}"'


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    level: Level
    message: str
    pattern: re.Pattern[str]
    excuses: tuple[re.Pattern[str], ...]


def _wording_findings(text: str) -> Iterator[Finding]:
    sentences = _with_lead_in(text)
    for rule in _rules():
        for sentence, context in sentences:
            match = rule.pattern.search(sentence)
            if match and not any(excuse.search(context) for excuse in rule.excuses):
                yield Finding(rule.level, rule.name, "", f'"{match[0].strip()}" in {_quoted(sentence)}: {rule.message}')


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    try:
        loaded: Any = parse_yaml(RULES_FILE.read_text(encoding="utf-8"))
        excuses = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in loaded["excuses"].items()}
        return tuple(_rule(entry, excuses) for entry in loaded["rules"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, re.error) as error:
        raise LintRulesError(
            f"{RULES_FILE}: {error!r}. Mend the entry; see the notes at the top of the file."
        ) from error


def _rule(entry: dict[str, Any], excuses: dict[str, re.Pattern[str]]) -> _Rule:
    flags = 0 if entry.get("case") else re.IGNORECASE
    clears = [excuses[name] for name in entry["not"]]
    if "clears" in entry:
        clears.append(re.compile(entry["clears"], re.IGNORECASE))
    pattern = re.compile("|".join(f"(?:{pattern})" for pattern in entry["patterns"]), flags)
    return _Rule(entry["name"], entry["level"], entry["message"], pattern, tuple(clears))


def _article_findings(article: Article, today: date, known: frozenset[str] | None) -> Iterator[Finding]:
    if not article.sources:
        yield Finding("error", "source", article.slug, "sources: none; name at least one with its year and address")
    for source in article.sources:
        yield from _source_findings(article, source, today)
    cited = set(re.findall(r"\[\^([a-z0-9-]+)\]", article.body))
    for source in article.sources:
        if cited and source.key not in cited:
            message = f"sources: {source.key} is cited by no section; cite it as [^{source.key}] or take it out"
            yield Finding("warning", "source", article.slug, message)
    if article.review_by < today:
        yield Finding(
            "error",
            "stale",
            article.slug,
            f"review_by: {article.review_by} has passed; review the article and set a new date",
        )
    elif article.review_by < today + SOON:
        yield Finding("warning", "stale", article.slug, f"review_by: {article.review_by} is near; plan the review")
    if not article.topics:
        yield Finding("warning", "topic", article.slug, "topics: none; name what the article is about")
    if known is not None:
        yield from _vocabulary_findings(article, known)


def _source_findings(article: Article, source: Source, today: date) -> Iterator[Finding]:
    host = urlsplit(source.address).hostname or ""
    if (
        host.endswith((".invalid", ".test", ".example", ".localhost"))
        or "." not in host
        or host.removeprefix("www.") in ("example.com", "example.org")
    ):
        message = f"sources: {source.key}: address: {source.address} leads nowhere; write where the text was published"
        yield Finding("error", "source", article.slug, message)
    if source.year > today.year:
        yield Finding(
            "warning",
            "source",
            article.slug,
            f"sources: {source.key}: year: {source.year} is in the future; correct it",
        )
    if re.fullmatch(r"(?:untitled|unknown|source|todo|tbd|n/?a|\W*)", source.name.strip(), re.IGNORECASE):
        yield Finding(
            "error",
            "source",
            article.slug,
            f"sources: {source.key}: name: {source.name!r} says nothing; write who published what",
        )


def _vocabulary(settings: KnowledgeSettings) -> frozenset[str] | None:
    """Ids and terms of the vocabulary, lower case; None when there is no such file."""
    if not settings.vocabulary.exists():
        return None
    concepts = load_vocabulary(settings.vocabulary)
    return frozenset(name for concept in concepts for name in (concept.id, *concept.terms))


def _vocabulary_findings(article: Article, known: frozenset[str]) -> Iterator[Finding]:
    for topic in article.topics:
        plain = topic.lower().replace("_", " ").replace("-", " ")
        if not {topic.lower(), plain, plain.replace(" ", "_"), plain.removesuffix("s"), f"{plain}s"} & known:
            message = f"topics: {topic!r} is not in the vocabulary; add it with the words that patients use"
            yield Finding("warning", "vocabulary", article.slug, message)


def _duplicates(passages: Sequence[Passage], encoder: Path) -> list[Finding]:
    pairs = {pair: "repeats the words of" for pair in _repeats(passages)}
    for pair in _alike(passages, encoder):
        pairs.setdefault(pair, "says much the same as")
    return [
        Finding(
            "warning",
            "duplicate",
            passages[right].id,
            f"{how} {passages[left].id} {passages[left].heading!r}; keep one of them",
            passages[right].heading,
        )
        for (left, right), how in sorted(pairs.items())
    ]


def _repeats(passages: Sequence[Passage]) -> set[tuple[int, int]]:
    """Pairs that share at least half of the shorter one's runs of eight words, or a heading."""
    runs = []
    for passage in passages:
        words = re.findall(r"\w+", passage.text.lower())
        runs.append({" ".join(words[i : i + 8]) for i in range(max(1, len(words) - 7))})
    holders: dict[str, list[int]] = defaultdict(list)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for position, own in enumerate(runs):
        for run in own:
            for other in holders[run][:20]:
                shared[other, position] += 1
            holders[run].append(position)
    return {pair for pair, count in shared.items() if count >= SHARED * min(len(runs[pair[0]]), len(runs[pair[1]]))}


def _alike(passages: Sequence[Passage], encoder: Path) -> set[tuple[int, int]]:
    """Pairs that mean the same: found by how they open, which is quick to encode, and confirmed by their whole text."""
    if len(passages) < 2:
        return set()
    try:
        model = SentenceEncoder(encoder)
    except EncoderError:
        return set()
    openings = model.encode([" ".join(f"{p.heading} {p.text}".split()[:OPENING]) for p in passages])
    near: list[tuple[int, int]] = []
    for start in range(0, len(passages), 512):
        close = openings[start : start + 512] @ openings.T
        near += [(int(start + i), int(j)) for i, j in np.argwhere(close >= NEAR) if start + i < j]
    rows = {position: row for row, position in enumerate(sorted({i for pair in near for i in pair}))}
    whole = model.encode([passages[position].text for position in rows])
    return {(i, j) for i, j in near if float(whole[rows[i]] @ whole[rows[j]]) >= ALIKE}
