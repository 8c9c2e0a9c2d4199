"""The index artifact: an immutable folder named by the hash of what went into it, and `CURRENT`, which names one.

knowledge/build/<sha>/passages.jsonl   passages with the approvals that let them be served
                      phrases.jsonl    what each vector stands for: a lead, a text, or another way to ask
                      concepts.json    which of the vocabulary's concepts each passage names
                      outside.jsonl    questions that none of the passages answers (knowledge.out_of_scope)
                      outside.npy      their vectors
                      dense.faiss      the vectors
                      lexical/         BM25
                      manifest.json    the format, the encoder, and the SHA-256 of every file above
knowledge/build/CURRENT                the name of the folder that serves
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np

from knowledge.encoder import Vectors
from knowledge.errors import IndexArtifactError
from knowledge.files import replace_text
from knowledge.language import build_language, concepts_in
from knowledge.lexical import LexicalIndex
from knowledge.models import Approval, Passage, Source, Vetted
from knowledge.out_of_scope import NOTHING, OutOfScope, fingerprint
from knowledge.vocabulary import Vocabulary

FORMAT = 3
FLAT_UP_TO = 100_000
"""Vectors up to which exact search is used; above it, HNSW."""

PhraseKind = Literal["lead", "text", "ask"]
"""`lead` is the heading with the first paragraph, `ask` another way to ask the heading's question."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One vector's text: `passage` is the position of the passage it points to."""

    passage: int
    kind: PhraseKind
    text: str


def phrases_of(passages: Sequence[Vetted]) -> list[Phrase]:
    """Every text that gets a vector, in a fixed order."""
    phrases: list[Phrase] = []
    for position, vetted in enumerate(passages):
        passage = vetted.passage
        phrases.append(Phrase(position, "lead", f"{passage.heading} {passage.text.splitlines()[0]}"))
        phrases.append(Phrase(position, "text", passage.text))
        phrases.extend(Phrase(position, "ask", ask) for ask in passage.asks)
    return phrases


class PassageIndex:
    """Passages, their vectors and their words, as loaded from one artifact."""

    def __init__(
        self,
        name: str,
        passages: Sequence[Vetted],
        phrases: Sequence[Phrase],
        dense: Any,
        lexical: LexicalIndex,
        concepts: Sequence[frozenset[str]],
        outside: OutOfScope = NOTHING,
    ) -> None:
        self.name = name
        self.passages = tuple(passages)
        self.phrases = tuple(phrases)
        self.phrase_passage = np.array([phrase.passage for phrase in phrases], dtype=np.int64)
        self.dense = dense
        self.lexical = lexical
        self.concepts = tuple(concepts)
        self.outside = outside
        self.by_id = {vetted.passage.id: position for position, vetted in enumerate(self.passages)}

    def vectors(self) -> dict[str, Vectors]:
        """Every phrase's and out-of-scope question's vector by its text, for the next build to keep."""
        known = dict(zip(self.outside.texts, self.outside.vectors, strict=True))
        if self.phrases:
            rows = self.dense.reconstruct_n(0, self.dense.ntotal)
            known.update({phrase.text: rows[row] for row, phrase in enumerate(self.phrases)})
        return known


def dense_index(vectors: Vectors) -> Any:
    """FAISS over unit vectors, by inner product: exact up to 100k vectors, HNSW above."""
    if len(vectors) <= FLAT_UP_TO:
        index: faiss.Index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = 128
        graph.hnsw.efSearch = max(256, len(vectors) // 850)  # 256 finds 0.97 of 10 at 200k vectors, but 0.76 at 2M
        index = graph
    index.add(vectors)
    return index


def artifact_name(passages: Sequence[Vetted], encoder: str, vocabulary: Vocabulary, outside: Sequence[str] = ()) -> str:
    """The hash of everything that goes into an artifact: same input, same name. `outside`: out-of-scope questions."""
    return _name(passages, encoder, vocabulary.fingerprint, fingerprint(outside))


def _name(passages: Sequence[Vetted], encoder: str, vocabulary: str, outside: str) -> str:
    content = {
        "format": FORMAT,
        "encoder": encoder,
        "vocabulary": vocabulary,
        "outside": outside,
        "passages": [_vetted_as_json(vetted) for vetted in passages],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()[:32]


def write_artifact(
    build: Path,
    passages: Sequence[Vetted],
    vectors: Vectors,
    encoder: str,
    vocabulary: Vocabulary,
    outside: OutOfScope = NOTHING,
) -> str:
    """Write an artifact whole, or not at all; an existing one of that name is kept.

    Args:
        build: Folder of artifacts.
        passages: What may be served.
        vectors: One unit row for each of `phrases_of(passages)`.
        encoder: Fingerprint of the encoder's weights.
        vocabulary: The concepts by which passages are found.
        outside: Questions that no article answers; those that one does after all are left out.

    Returns:
        The artifact's name. `CURRENT` is not touched; see `switch_current`.
    """
    name = artifact_name(passages, encoder, vocabulary, outside.texts)
    final = build / name
    if final.is_dir():
        try:
            load_artifact(build, name, encoder=None)
        except IndexArtifactError:
            shutil.rmtree(final)
        else:
            return name
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix=".staged-") as scratch:
        staged = Path(scratch) / name
        staged.mkdir()
        _write_files(staged, passages, vectors, vocabulary, outside.without_answered(vectors))
        _write_manifest(staged, passages, encoder, vocabulary, fingerprint(outside.texts))
        staged.rename(final)
    return name


def _write_files(
    folder: Path, passages: Sequence[Vetted], vectors: Vectors, vocabulary: Vocabulary, outside: OutOfScope
) -> None:
    phrases = phrases_of(passages)
    _write_lines(folder / "passages.jsonl", [_vetted_as_json(vetted) for vetted in passages])
    _write_lines(folder / "phrases.jsonl", [asdict(phrase) for phrase in phrases])
    _write_lines(folder / "outside.jsonl", [{"text": text} for text in outside.texts])
    np.save(folder / "outside.npy", outside.vectors)
    faiss.write_index(dense_index(vectors), str(folder / "dense.faiss"))
    language = build_language(vocabulary)
    concepts = [concepts_in(language(lexical_text(vetted.passage))) for vetted in passages]
    (folder / "concepts.json").write_text(json.dumps(concepts) + "\n", encoding="utf-8")
    LexicalIndex.build([lexical_text(vetted.passage) for vetted in passages]).save(folder / "lexical")


def lexical_text(passage: Passage) -> str:
    """The bag of words by which a passage is found: its title, heading and phrasings weigh as much as its text."""
    return "\n".join((passage.title, passage.heading, passage.heading, *passage.asks, passage.text))


def _write_manifest(
    folder: Path, passages: Sequence[Vetted], encoder: str, vocabulary: Vocabulary, outside: str
) -> None:
    files = {str(p.relative_to(folder)): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    manifest = {
        "format": FORMAT,
        "encoder": encoder,
        "vocabulary": vocabulary.fingerprint,
        "outside": outside,
        "passages": len(passages),
        "phrases": len(phrases_of(passages)),
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def switch_current(build: Path, name: str) -> None:
    """Make an artifact the one that serves, atomically."""
    replace_text(build / "CURRENT", name + "\n")


def current_name(build: Path) -> str | None:
    """The name of the artifact that serves, or None before the first build."""
    try:
        return (build / "CURRENT").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def load_current(build: Path, *, encoder: str | None) -> PassageIndex:
    """Load the artifact that `CURRENT` names. See `load_artifact`."""
    name = current_name(build)
    if name is None:
        raise IndexArtifactError(f"{build / 'CURRENT'}: missing. Run `make build` to build the index.")
    return load_artifact(build, name, encoder=encoder)


def load_artifact(build: Path, name: str, *, encoder: str | None) -> PassageIndex:
    """Load an artifact, after checking every file of it against the manifest.

    Args:
        build: Folder of artifacts.
        name: Which one.
        encoder: Fingerprint of the encoder that will encode the questions; None skips that check.

    Raises:
        IndexArtifactError: If a file is missing, truncated or altered, or the encoder is another. Nothing of a file is
            parsed before its hash was checked.
    """
    folder = build / name
    manifest = _checked_manifest(folder)
    if encoder is not None and manifest["encoder"] != encoder:
        raise IndexArtifactError(f"{folder}: built for another encoder than the exported one. Run `make build`.")
    contents = {file: _checked_file(folder, file, digest) for file, digest in manifest["files"].items()}
    for path in (folder / "lexical").glob("*"):  # read by bm25s itself, so none may stand there unchecked
        if str(path.relative_to(folder)) not in contents:
            raise IndexArtifactError(f"{path}: not named by the manifest. Run `make build`.")
    passages = [_vetted_from_json(row) for row in _rows(contents["passages.jsonl"])]
    phrases = [Phrase(**row) for row in _rows(contents["phrases.jsonl"])]
    outside = OutOfScope(
        tuple(row["text"] for row in _rows(contents["outside.jsonl"])),
        np.load(io.BytesIO(contents["outside.npy"]), allow_pickle=False),
    )
    dense = faiss.deserialize_index(np.frombuffer(contents["dense.faiss"], dtype=np.uint8))
    concepts = [frozenset(found) for found in json.loads(contents["concepts.json"])]
    if (len(passages), len(phrases), dense.ntotal) != (manifest["passages"], manifest["phrases"], len(phrases)):
        raise IndexArtifactError(f"{folder}: its files do not fit one another. Run `make build`.")
    if _name(passages, *(str(manifest[key]) for key in ("encoder", "vocabulary", "outside"))) != name:
        raise IndexArtifactError(
            f"{folder / 'manifest.json'}: altered (it lists not what the folder is named for). Run `make build`."
        )
    lexical = LexicalIndex.load(folder / "lexical", len(passages))
    return PassageIndex(name, passages, phrases, dense, lexical, concepts, outside)


def _rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def _checked_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise IndexArtifactError(f"{path}: missing. Run `make build`.") from error
    except ValueError as error:
        raise IndexArtifactError(f"{path}: not valid JSON. Run `make build`.") from error
    needed = {"passages.jsonl", "phrases.jsonl", "concepts.json", "outside.jsonl", "outside.npy", "dense.faiss"}
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not {"encoder", "vocabulary", "outside", "passages", "phrases", "files"} <= set(manifest)
        or not isinstance(manifest["files"], dict)
        or not needed <= set(manifest["files"])
    ):
        raise IndexArtifactError(f"{path}: not a manifest of format {FORMAT}. Run `make build`.")
    return manifest


def _checked_file(folder: Path, file: str, digest: str) -> bytes:
    path = folder / file
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise IndexArtifactError(f"{path}: missing. Run `make build`.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise IndexArtifactError(f"{path}: truncated or altered (its hash is not the manifest's). Run `make build`.")
    return content


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _vetted_as_json(vetted: Vetted) -> dict[str, Any]:
    approval = asdict(vetted.approval)
    approval["at"] = vetted.approval.at.isoformat()
    approval["expires"] = vetted.approval.expires.isoformat()
    return {"passage": asdict(vetted.passage), "approval": approval}


def _vetted_from_json(row: dict[str, Any]) -> Vetted:
    passage = dict(row["passage"])
    passage["sources"] = tuple(Source(**source) for source in passage["sources"])
    for name in ("topics", "facts", "asks"):
        passage[name] = tuple(passage[name])
    approval = dict(row["approval"])
    approval["at"] = datetime.fromisoformat(approval["at"])
    approval["expires"] = date.fromisoformat(approval["expires"])
    return Vetted(Passage(**passage), Approval(**approval))
