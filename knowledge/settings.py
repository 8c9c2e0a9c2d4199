"""Where things are. One frozen object, built once from the environment; nothing else in `knowledge` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """Folders and files of the knowledge base.

    Attributes:
        articles: Folder of `*.md` articles.
        approvals: The append-only ledger.
        vocabulary: Concepts and their plain-language names.
        out_of_scope: Questions that no article answers.
        clinic: The clinic's own facts; its `content_mode` decides which approvals count.
        build: Where index artifacts and the exported encoder are written.
    """

    articles: Path = ROOT / "knowledge" / "articles"
    approvals: Path = ROOT / "knowledge" / "approvals.jsonl"
    vocabulary: Path = ROOT / "knowledge" / "vocabulary.yml"
    out_of_scope: Path = ROOT / "knowledge" / "out_of_scope.txt"
    clinic: Path = ROOT / "bot" / "clinic.yml"
    build: Path = ROOT / "knowledge" / "build"

    @property
    def encoder(self) -> Path:
        """Folder of the exported encoder."""
        return self.build / "encoder"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> KnowledgeSettings:
        """Defaults, each changed by `VAGUS_` and its name: `VAGUS_ARTICLES`, `VAGUS_BUILD`, and so on.

        Example:
            >>> KnowledgeSettings.from_env({"VAGUS_BUILD": "/srv/vagus"}).encoder
            PosixPath('/srv/vagus/encoder')
        """
        default = cls()
        return cls(
            articles=Path(environ.get("VAGUS_ARTICLES", default.articles)),
            approvals=Path(environ.get("VAGUS_APPROVALS", default.approvals)),
            vocabulary=Path(environ.get("VAGUS_VOCABULARY", default.vocabulary)),
            out_of_scope=Path(environ.get("VAGUS_OUT_OF_SCOPE", default.out_of_scope)),
            clinic=Path(environ.get("VAGUS_CLINIC", default.clinic)),
            build=Path(environ.get("VAGUS_BUILD", default.build)),
        )
