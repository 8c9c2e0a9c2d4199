"""articles -> index artifact: reads, cleans, splits, keeps what is approved, embeds what is new, switches `CURRENT`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from knowledge.cleaner import clean
from knowledge.clinic import load_clinic
from knowledge.encoder import Vectors
from knowledge.errors import IndexArtifactError
from knowledge.files import locked, replace_text
from knowledge.index import artifact_name, current_name, load_artifact, phrases_of, switch_current, write_artifact
from knowledge.models import Passage
from knowledge.out_of_scope import OutOfScope, read_out_of_scope
from knowledge.reader import read_articles
from knowledge.settings import KnowledgeSettings
from knowledge.splitter import split
from knowledge.vetting import ContentMode, Ledger, Standing, servable, standings
from knowledge.vocabulary import load_vocabulary
from knowledge.weights import DIMENSION, export_manifest, is_exported


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did."""

    name: str
    passages: int
    phrases: int
    embedded: int
    standings: tuple[Standing, ...]


def read_passages(settings: KnowledgeSettings) -> list[Passage]:
    """Every passage of every article, in a fixed order."""
    return [passage for article in read_articles(settings.articles) for passage in split(clean(article))]


def read_standings(settings: KnowledgeSettings, today: date, mode: ContentMode | None = None) -> list[Standing]:
    """Every passage with where it stands on `today`."""
    mode = mode or load_clinic(settings.clinic).content_mode
    return standings(read_passages(settings), Ledger(settings.approvals).read(), mode=mode, today=today)


def build(
    settings: KnowledgeSettings, today: date, *, progress: Callable[[int, int], object] | None = None
) -> BuildReport:
    """Bring encoder and index up to date; does next to nothing when nothing changed. One build runs at a time.

    Args:
        settings: Where things are.
        today: The day on which approvals must hold.
        progress: Called with (texts embedded, texts to embed), from time to time.

    Raises:
        KnowledgeError: If an article, the ledger or clinic.yml cannot be used. The old index goes on serving.
    """
    with locked(settings.build / ".lock"):
        return _build(settings, today, progress)


def _build(settings: KnowledgeSettings, today: date, progress: Callable[[int, int], object] | None) -> BuildReport:
    found = read_standings(settings, today)
    passages = servable(found)
    encoder = _exported(settings)
    vocabulary = load_vocabulary(settings.vocabulary)
    unanswered = read_out_of_scope(settings.out_of_scope)
    name = artifact_name(passages, encoder, vocabulary, unanswered)
    embedded = 0
    if not _is_sound(settings.build, name):
        phrases = [phrase.text for phrase in phrases_of(passages)]
        vectors, embedded = _vectors(settings, [*phrases, *unanswered], encoder, progress)
        outside = OutOfScope(unanswered, vectors[len(phrases) :])
        write_artifact(settings.build, passages, vectors[: len(phrases)], encoder, vocabulary, outside)
    if current_name(settings.build) != name:
        _remember_previous(settings.build)
        switch_current(settings.build, name)
    _sweep(settings.build)
    return BuildReport(name, len(passages), len(phrases_of(passages)), embedded, tuple(found))


def export(settings: KnowledgeSettings) -> None:
    """Export the sentence encoder, if need be: all that training the dialogue needs of a build."""
    with locked(settings.build / ".lock"):
        _exported(settings)


def _exported(settings: KnowledgeSettings) -> str:
    """The SHA-256 of the encoder's weights; it is exported when it is not yet."""
    wanted = export_manifest()
    if not is_exported(settings.encoder, wanted):
        from knowledge.embedder import export_encoder  # torch: only an export and new texts need it

        export_encoder(settings.encoder, wanted)
    return str(wanted["weights_sha256"])


def rollback(settings: KnowledgeSettings) -> str:
    """Let the artifact before the current one serve again.

    Raises:
        IndexArtifactError: If there is none, it is damaged, or it holds a passage that a reviewer took back since.
        LedgerError: If the ledger cannot be trusted to say so.
    """
    with locked(settings.build / ".lock"):
        name = _read_previous(settings.build)
        if not name:
            raise IndexArtifactError(
                f"{settings.build / 'PREVIOUS'}: missing. There is no earlier index to go back to."
            )
        index = load_artifact(settings.build, name, encoder=None)
        latest = {decision.content_hash: decision.decision for decision in Ledger(settings.approvals).read()}
        gone = [v.passage.id for v in index.passages if latest.get(v.passage.content_hash) in ("rejected", "withdrawn")]
        if gone:
            raise IndexArtifactError(
                f"{settings.build / name}: holds {', '.join(gone)}, which a reviewer took back since. Run `make build`."
            )
        _remember_previous(settings.build)
        switch_current(settings.build, name)
    return name


def _is_sound(build_folder: Path, name: str) -> bool:
    try:
        load_artifact(build_folder, name, encoder=None)
    except IndexArtifactError:
        return False
    return True


def _vectors(
    settings: KnowledgeSettings, texts: list[str], encoder: str, progress: Callable[[int, int], object] | None
) -> tuple[Vectors, int]:
    """One row for each text; those that the current artifact has are taken from it. Returns rows and how many are new."""
    known = _known_vectors(settings.build, encoder)
    new = list(dict.fromkeys(text for text in texts if text not in known))
    if new:
        from knowledge.embedder import PassageEmbedder

        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done, len(new))

        known.update(zip(new, PassageEmbedder(settings.encoder).encode(new, progress=step), strict=True))
    rows = np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), DIMENSION)
    return rows, len(new)


def _known_vectors(build_folder: Path, encoder: str) -> dict[str, Vectors]:
    name = current_name(build_folder)
    if name is None:
        return {}
    try:
        return load_artifact(build_folder, name, encoder=encoder).vectors()
    except IndexArtifactError:
        return {}


def _remember_previous(build_folder: Path) -> None:
    name = current_name(build_folder)
    if name is not None:
        replace_text(build_folder / "PREVIOUS", name + "\n")


def _sweep(build_folder: Path) -> None:
    """Remove artifacts that neither serve nor can be rolled back to, and what a killed build left.

    Whoever calls this holds the lock, so that no other build is at work on what is removed.
    """
    kept: Iterable[str | None] = (current_name(build_folder), _read_previous(build_folder), "encoder")
    for folder in build_folder.iterdir():
        if (
            folder.is_dir()
            and folder.name not in kept
            and (folder.name.startswith(".staged-") or len(folder.name) == 32)
        ):
            shutil.rmtree(folder)


def _read_previous(build_folder: Path) -> str | None:
    previous = build_folder / "PREVIOUS"
    return previous.read_text(encoding="utf-8").strip() if previous.exists() else None
