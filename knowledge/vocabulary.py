"""The vocabulary: concepts, and the many ways in which patients write them.

`python -m knowledge.vocabulary [FILE]` checks the file and says how much is in it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import KnowledgeError
from knowledge.files import parse_yaml, yaml_problem

KINDS = ("condition", "symptom", "food", "treatment", "body", "test", "topic")
TERM_LISTS = ("synonyms", "abbreviations", "lay", "misspellings")
FIELDS = ("id", "kind", "label", *TERM_LISTS)


class VocabularyError(KnowledgeError):
    """The vocabulary file cannot be used as it stands."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that patients talk about.

    Attributes:
        id: Stable name, lower case with underscores.
        kind: One of `KINDS`.
        label: What a clinician calls it.
        terms: Every way to write it, lower case, the label first, none twice.
    """

    id: str
    kind: str
    label: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All concepts, in the file's order, and the fingerprint of the file they came from."""

    concepts: tuple[Concept, ...]
    fingerprint: str

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __len__(self) -> int:
        return len(self.concepts)


def load_vocabulary(path: Path) -> Vocabulary:
    """Read and check a vocabulary file.

    Args:
        path: A YAML file with a list `concepts`, each with `id`, `kind`, `label` and lists of terms.

    Returns:
        The vocabulary. Its fingerprint is the SHA-256 of the file's bytes.

    Raises:
        VocabularyError: If the file cannot be read, or an entry is wrong; names the file, the concept and the fix.

    Example:
        >>> vocabulary = load_vocabulary(Path("knowledge/vocabulary.yml"))  # doctest: +SKIP
        >>> vocabulary.concepts[0].terms[:2]  # doctest: +SKIP
        ('irritable bowel syndrome', 'irritable bowel')
    """
    try:
        raw = path.read_bytes()
        loaded = parse_yaml(raw)
    except OSError as error:
        raise VocabularyError(f"{path}: cannot be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise VocabularyError(f"{path}: not valid YAML, {yaml_problem(error)}") from error
    if not isinstance(loaded, dict) or not isinstance(loaded.get("concepts"), list):
        raise VocabularyError(f"{path}: needs one list named 'concepts'.")
    concepts = tuple(_concept(path, entry) for entry in loaded["concepts"])
    _check_unique(path, concepts)
    return Vocabulary(concepts, hashlib.sha256(raw).hexdigest())


def _concept(path: Path, entry: Any) -> Concept:
    if not isinstance(entry, dict):
        raise VocabularyError(f"{path}: {entry!r} is not a concept. Write it as {{id: ..., kind: ..., label: ...}}.")
    name = entry.get("id", "?")
    unknown = set(entry) - set(FIELDS)
    if unknown:
        known = ", ".join(FIELDS)
        raise VocabularyError(f"{path}: {name}: unknown field {', '.join(sorted(unknown))}. Known fields: {known}.")
    for field in ("id", "kind", "label"):
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            raise VocabularyError(f"{path}: {name}: {field}: missing or empty. Write a text.")
    if entry["kind"] not in KINDS:
        raise VocabularyError(f"{path}: {name}: kind: {entry['kind']!r} is unknown. Use one of {', '.join(KINDS)}.")
    terms = [
        entry["label"],
        *(term for field in TERM_LISTS for term in _terms(path, name, field, entry.get(field, []))),
    ]
    return Concept(entry["id"], entry["kind"], entry["label"], tuple(dict.fromkeys(map(_normal, terms))))


def _terms(path: Path, name: str, field: str, terms: Any) -> list[str]:
    if not isinstance(terms, list) or not all(isinstance(term, str) and term.strip() for term in terms):
        raise VocabularyError(
            f"{path}: {name}: {field}: needs a list of texts, such as [one, two]. Quote yes, no and numbers."
        )
    return terms


def _check_unique(path: Path, concepts: tuple[Concept, ...]) -> None:
    ids: set[str] = set()
    owner: dict[str, str] = {}
    for concept in concepts:
        if concept.id in ids:
            raise VocabularyError(f"{path}: {concept.id}: id used twice. Merge the two entries or rename one.")
        ids.add(concept.id)
        for term in concept.terms:
            other = owner.setdefault(term, concept.id)
            if other != concept.id:
                raise VocabularyError(
                    f"{path}: {concept.id}: term {term!r} belongs to {other} already. Keep it in one of them."
                )


def _normal(term: str) -> str:
    return " ".join(term.lower().replace("\u2019", "'").split())


def main(arguments: list[str]) -> int:
    """Check a vocabulary file; print a summary or the first problem."""
    path = Path(arguments[0]) if arguments else Path(__file__).with_name("vocabulary.yml")
    try:
        vocabulary = load_vocabulary(path)
    except VocabularyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    terms = sum(len(concept.terms) for concept in vocabulary)
    sys.stdout.write(f"{path}: {len(vocabulary)} concepts, {terms} terms\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
