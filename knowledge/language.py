"""Our spaCy pipeline: sentences, lemmas, and the vocabulary's concepts as entities.

spaCy's statistical English models are not on PyPI and are not needed: a blank English pipeline with a sentencizer, the
lookups lemmatizer and an entity ruler does all that `knowledge` and Rasa ask of it. A pipeline saved by one spaCy does
not load in an older one, so each interpreter saves its own from the same vocabulary.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from knowledge.light_spacy import spacy
from knowledge.vocabulary import Concept, Vocabulary, load_vocabulary

MANIFEST = "vocabulary.json"
PIPELINE = 2
"""Raise this when `build_language` changes, so that saved pipelines are built again."""


def build_language(vocabulary: Vocabulary) -> spacy.language.Language:
    """Build the pipeline in memory (about a quarter of a second).

    Args:
        vocabulary: The concepts to recognise. An entity's label is the concept's kind, its `ent_id_` the concept's id.

    Returns:
        A pipeline of sentencizer, lemmatizer and entity ruler.

    Example:
        >>> language = build_language(load_vocabulary(Path("knowledge/vocabulary.yml")))  # doctest: +SKIP
        >>> [(e.text, e.label_, e.ent_id_) for e in language("Is my leeky gut from stress?").ents]  # doctest: +SKIP
        [('leeky gut', 'condition', 'leaky_gut'), ('stress', 'topic', 'stress')]
    """
    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    language.add_pipe("lemmatizer", config={"mode": "lookup"})
    language.initialize()
    ruler = language.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    patterns = [
        {"label": concept.kind, "pattern": written, "id": concept.id}
        for concept in vocabulary
        for written in _written_forms(concept)
    ]
    with language.select_pipes(enable=[]):
        ruler.add_patterns(patterns)
    return language


def concepts_in(document: spacy.tokens.Doc) -> tuple[str, ...]:
    """Ids of the concepts that a text names, each once, in order of appearance.

    Example:
        >>> concepts_in(language("does coffee make my IBS worse"))  # doctest: +SKIP
        ('caffeine', 'ibs')
    """
    return tuple(dict.fromkeys(entity.ent_id_ for entity in document.ents))


def content_lemmas(document: spacy.tokens.Doc) -> tuple[str, ...]:
    """Lower-case lemmas of a text's content words, in order: no stop words, no punctuation.

    Example:
        >>> content_lemmas(language("does leaky gut make my joints hurt?"))  # doctest: +SKIP
        ('leaky', 'gut', 'joint', 'hurt')
    """
    return tuple(token.lemma_.lower() for token in document if not (token.is_stop or token.is_punct or token.is_space))


def language_folder(build: Path) -> Path:
    """Where the running interpreter keeps its saved pipeline: `<build>/language/3.10` and the like."""
    return build / "language" / f"{sys.version_info.major}.{sys.version_info.minor}"


def saved_language(vocabulary_file: Path, build: Path) -> Path:
    """The folder of an up-to-date saved pipeline; builds it first when the vocabulary or spaCy changed.

    Args:
        vocabulary_file: The vocabulary.
        build: The build folder.

    Returns:
        A folder that `spacy.load` reads.

    Raises:
        VocabularyError: If the vocabulary is wrong.
    """
    vocabulary = load_vocabulary(vocabulary_file)
    folder = language_folder(build)
    manifest = {"vocabulary": vocabulary.fingerprint, "spacy": spacy.__version__, "pipeline": PIPELINE}
    if _manifest_of(folder) != manifest:
        _save(build_language(vocabulary), folder, manifest)
    return folder


def _written_forms(concept: Concept) -> list[str]:
    """A concept's terms, with their plural in -s and with a typographic apostrophe."""
    forms = list(concept.terms)
    forms += [f"{term}s" for term in concept.terms if len(term) > 3 and term[-1].isalpha() and term[-1] != "s"]
    forms += [form.replace("'", "\u2019") for form in forms if "'" in form]
    return list(dict.fromkeys(forms))


def _manifest_of(folder: Path) -> object:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _save(language: spacy.language.Language, folder: Path, manifest: dict[str, object]) -> None:
    """Write beside the folder and swap, so that a killed build leaves either the old pipeline or the new one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    language.to_disk(fresh)
    (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    fresh.chmod(0o755)
    if folder.exists():
        old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-old-"))
        os.replace(folder, old / folder.name)
        os.replace(fresh, folder)
        shutil.rmtree(old)
    else:
        os.replace(fresh, folder)
