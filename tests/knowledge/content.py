"""A small knowledge base of made-up articles, and an embedder that needs no model."""

from __future__ import annotations

import functools
import json
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from knowledge.builder import read_passages
from knowledge.encoder import Vectors
from knowledge.models import Passage
from knowledge.reviewing import Reviewer, decide
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger
from knowledge.weights import export_manifest

TODAY = date(2030, 5, 6)
NOW = datetime(2030, 5, 6, 15, 0, tzinfo=UTC)
CLINICIAN = Reviewer("Robin Example", "NP")
SAMPLE = Reviewer("Sample approval (not a clinician)", "", sample=True)
FINGERPRINT = "f" * 64
DIMENSION = 384

WATER = {
    "Does water help the kettle?": "Yes. A kettle works best when it holds water. Fill it to the line.\n\n"
    "Good times to fill it:\n- in the morning\n- before guests come",
    "Why does the kettle whistle?": "Steam leaves through a small hole. The hole sings when the steam is fast.",
}
CHAIRS = {"How many legs does a chair need?": "Most chairs have four legs. Three legs stand well on uneven ground."}
CONCEPTS = [
    {"id": "kettle", "kind": "topic", "label": "kettle", "synonyms": ["tea maker"]},
    {"id": "chair", "kind": "topic", "label": "chair", "misspellings": ["chiar"]},
]
CLINIC: dict[str, Any] = {
    "name": "Riverside Rooms",
    "phone": "+1 312-555-0177",
    "time_zone": "America/New_York",
    "hours": {
        "monday": {"open": "07:30", "close": "16:30", "lunch": {"open": "12:00", "close": "13:00"}},
        "tuesday": {"open": "07:30", "close": "16:30"},
        "friday": {"open": "07:30", "close": "12:00"},
    },
    "holidays": {"country": "US", "subdivision": "NY"},
    "safety_sign_off": {"by": "Robin Example, NP", "signed_on": "2030-01-02"},
}


def front_matter(slug: str, /, **changes: Any) -> dict[str, Any]:
    """The fields of a good article; a change to None removes a field."""
    fields = {
        "title": f"About {slug}",
        "slug": slug,
        "topics": [slug],
        "facts": ["01"],
        "sources": [{"key": "one", "name": "A made-up handbook", "year": 2029, "address": "https://example.net/book"}],
        "written": "2030-01-01",
        "review_by": "2031-01-01",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def article_text(slug: str, sections: Mapping[str, str], /, **changes: Any) -> str:
    """An article's file."""
    head = yaml.safe_dump(front_matter(slug, **changes), sort_keys=False, allow_unicode=True)
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections.items())
    return f"---\n{head}---\n\n{body}\n"


def write_article(settings: KnowledgeSettings, slug: str, sections: Mapping[str, str], **changes: Any) -> Path:
    """Write an article to the knowledge base."""
    path = settings.articles / f"{slug}.md"
    path.write_text(article_text(slug, sections, **changes), encoding="utf-8")
    return path


def edit(path: Path, before: str, after: str) -> None:
    """Replace one wording in a file; it must stand there exactly once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def write_clinic(path: Path, **changes: Any) -> Path:
    """Write a good clinic.yml; a change to None removes a field."""
    fields = {name: value for name, value in {**CLINIC, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def knowledge_base(folder: Path, *, mode: str = "demo") -> KnowledgeSettings:
    """Two articles of three passages, none of them approved yet."""
    settings = KnowledgeSettings(
        articles=folder / "articles",
        approvals=folder / "approvals.jsonl",
        vocabulary=folder / "vocabulary.yml",
        out_of_scope=folder / "out_of_scope.txt",
        clinic=write_clinic(folder / "clinic.yml", content_mode=mode),
        build=folder / "build",
    )
    settings.vocabulary.write_text(yaml.safe_dump({"concepts": CONCEPTS}), encoding="utf-8")
    settings.out_of_scope.touch()
    settings.articles.mkdir()
    write_article(settings, "kettles", WATER)
    write_article(settings, "chairs", CHAIRS)
    return settings


def approve(
    settings: KnowledgeSettings,
    *,
    only: Callable[[Passage], bool] = lambda passage: True,
    reviewer: Reviewer = CLINICIAN,
    decision: Any = "approved",
    expires: date | None = None,
    now: datetime = NOW,
) -> int:
    """Record a decision on the present wording of passages."""
    chosen = [passage for passage in read_passages(settings) if only(passage)]
    assert chosen
    return Ledger(settings.approvals).append(
        decide(passage, decision, reviewer, now=now, expires=expires) for passage in chosen
    )


def word_vectors(texts: Iterable[str]) -> Vectors:
    """Unit vectors that count words by a hash of their letters: the same in every process."""
    rows = []
    for text in texts:
        row = np.zeros(DIMENSION, dtype=np.float32)
        for word in text.lower().split():
            row[sum(position * ord(letter) for position, letter in enumerate(word, start=1)) % DIMENSION] += 1.0
        rows.append(row / max(float(np.linalg.norm(row)), 1e-9))
    return np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSION)


def real_encoder() -> Path:
    """The exported encoder; the test fails with the remedy where there is none."""
    folder = KnowledgeSettings().encoder
    if not (folder / "encoder.json").is_file():
        pytest.fail(f"{folder}: no exported encoder. Run `make build` first (`make test` does).")
    return folder


@functools.cache
def real_manifest() -> dict[str, Any]:
    """What an export for this machine must say; made once, because it hashes 90 MB of weights."""
    return export_manifest()


class FakeEmbedder:
    """Stands in for `knowledge.embedder` at build time, and remembers what it was asked to embed."""

    def __init__(self, encode: Callable[[Sequence[str]], Vectors] = word_vectors) -> None:
        self.embedded: list[str] = []
        self._encode = encode

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
        """Take the place of the module that imports torch."""
        outer = self

        class PassageEmbedder:
            def __init__(self, encoder: Path) -> None:
                assert (encoder / "encoder.json").is_file()

            def encode(self, texts: Sequence[str], *, progress: Callable[[int], object] | None = None) -> Vectors:
                outer.embedded += texts
                if progress:
                    progress(len(texts))
                return outer._encode(texts)

        def export_encoder(folder: Path, manifest: Mapping[str, Any]) -> None:
            write_fake_export(folder, manifest)

        module = types.ModuleType("knowledge.embedder")
        vars(module).update(PassageEmbedder=PassageEmbedder, export_encoder=export_encoder)
        monkeypatch.setitem(sys.modules, "knowledge.embedder", module)
        return self

    def taken(self) -> list[str]:
        """What was embedded since the last call."""
        texts, self.embedded = self.embedded, []
        return texts


def fake_manifest() -> dict[str, Any]:
    """What the export of no real encoder says."""
    return {"model_id": "words", "dimension": DIMENSION, "precision": "fp32", "weights_sha256": FINGERPRINT}


def write_fake_export(folder: Path, manifest: Mapping[str, Any]) -> None:
    """An export that nothing can encode with, but which a build takes for up to date."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "encoder.json").write_text(json.dumps(manifest), encoding="utf-8")
    for file in ("model.fp32.onnx", "tokenizer.json"):
        (folder / file).write_bytes(b"no model")
