"""Where a draft is kept, so that importing a page again finds the draft of the first time."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import yaml

from knowledge.errors import ImportSourceError

NO_ADDRESS = "https://no-address.invalid/"
"""The source address of a draft whose document did not say where it came from. `check` asks for the real one."""

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's is ten times faster, where it is built in
REVIEW_AFTER = timedelta(days=365)
_COMMENT = re.compile(
    r"^# imported (?P<digest>[0-9a-f]{16}) from (?P<file>.*?)(?: at (?P<address>https?://\S+))?$", re.MULTILINE
)
_GENERIC = frozenset(
    ("index", "default", "home", "page", "untitled", "document", "download", "article", "post", "blog", "save")
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an import makes of a file."""

    file: Path
    title: str
    body: str
    address: str
    site: str
    year: int

    @property
    def digest(self) -> str:
        """A fingerprint of the imported text."""
        return hashlib.sha256(f"{self.title}\n{self.body}".encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The file's name; with its folder's where the name says nothing, such as index.html."""
        if self.file.stem.casefold() in _GENERIC and self.file.resolve().parent.name:
            return f"{self.file.resolve().parent.name}/{self.file.name}"
        return self.file.name


def slug_of(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, at most 60 characters.

    Example:
        >>> slug_of("Crohn\u2019s & Colitis: What Helps?")
        'crohns-colitis-what-helps'
    """
    plain = unicodedata.normalize("NFKD", unquote(text)).encode("ascii", "ignore").decode().lower().replace("'", "")
    words = re.findall(r"[a-z0-9]+", plain)
    slug = ""
    for word in words:
        if slug and len(slug) + 1 + len(word) > 60:
            break
        slug = f"{slug}-{word}" if slug else word[:60]
    return slug or "article-" + hashlib.sha256(text.encode()).hexdigest()[:8]


class Drafts:
    """The folder of articles, as the importer sees it. `taken`: drafts of this import, each with its file."""

    def __init__(self, folder: Path, taken: Mapping[Path, Path]) -> None:
        self.folder = folder
        self._taken = taken

    def store(
        self, draft: Draft, today: date, *, check: Callable[[str, Path], None]
    ) -> tuple[Literal["created", "updated", "unchanged"], Path, str]:
        """Write the draft, or update the one that an earlier import of the same document left.

        Args:
            draft: What was imported.
            today: The day of the import.
            check: Called with the draft's text and path before anything is written; raises if it is not usable.

        Returns:
            What was done, the draft's path, and a unified diff when an earlier draft changed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._place(draft)
        if self._taken.get(path, draft.file) != draft.file:
            raise ImportSourceError(
                f"{draft.file}: leads to the same draft as {self._taken[path]}, by its address or its name. Rename it, "
                "or import it by itself with --address."
            )
        if not path.exists():
            text = f"---\n{_front_matter(draft, path.stem, today)}---\n\n{draft.body}"
            check(text, path)
            _write(path, text)
            _known(self.folder, refresh=False)[_identity(draft)] = path.name
            _remember(self.folder)
            return "created", path, ""
        try:
            before = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ImportSourceError(
                f"{draft.file}: its draft {path} is not UTF-8 at byte {error.start}. Save the draft as UTF-8 first."
            ) from error
        after = _updated(before, draft)
        if after == before:
            return "unchanged", path, ""
        check(after, path)
        _write(path, after)
        _remember(self.folder)
        return "updated", path, _difference(before, after, path)

    def _place(self, draft: Draft) -> Path:
        known = _known(self.folder)
        for identity in (_identity(draft), f"name {draft.name}"):
            name = known.get(identity)
            if name and self._is_of(self.folder / name, draft):
                return self.folder / name
        base = slug_of(draft.name.replace("/", " ").removesuffix(draft.file.suffix))
        if draft.address and draft.file.stem.casefold() in _GENERIC:
            base = slug_of(urlsplit(draft.address).path.rstrip("/").rsplit("/", 1)[-1].split(".")[0] or draft.title)
        slug, number = base, 2
        while (self.folder / f"{slug}.md").exists():
            slug, number = f"{base}-{number}", number + 1
        return self.folder / f"{slug}.md"

    @staticmethod
    def _is_of(path: Path, draft: Draft) -> bool:
        """Whether a file is the draft of this document: the same address, or the same name and no other address."""
        try:
            found = _COMMENT.search(path.read_text(encoding="utf-8", errors="replace")[:2000])
        except OSError:
            return False
        if not found:
            return False
        if draft.address and found["address"]:
            return _plain(found["address"]) == _plain(draft.address)
        return found["file"] == draft.name


def _identity(draft: Draft) -> str:
    return f"address {_plain(draft.address)}" if draft.address else f"name {draft.name}"


def _plain(address: str) -> str:
    """An address without what does not tell pages apart."""
    parts = urlsplit(address)
    query = f"?{parts.query}" if parts.query and not parts.query.startswith(("utm_", "fbclid")) else ""
    return parts.netloc.lower().removeprefix("www.") + parts.path.rstrip("/") + query


_CACHE: dict[Path, tuple[int, dict[str, str]]] = {}


def _known(folder: Path, *, refresh: bool = True) -> dict[str, str]:
    """Which draft belongs to which document, by reading the first lines of each; read again when the folder changed."""
    key = folder.resolve()
    stamp = folder.stat().st_mtime_ns
    if key in _CACHE and (not refresh or _CACHE[key][0] == stamp):
        return _CACHE[key][1]
    known: dict[str, str] = {}
    for path in sorted(folder.glob("*.md")):
        with path.open(encoding="utf-8", errors="replace") as file:
            found = _COMMENT.search(file.read(2000))
        if found:
            known.setdefault(f"name {found['file']}", path.name)
            if found["address"]:
                known.setdefault(f"address {_plain(found['address'])}", path.name)
    _CACHE[key] = (stamp, known)
    return known


def _remember(folder: Path) -> None:
    """After our own write, what we know of the folder is still right."""
    key = folder.resolve()
    _CACHE[key] = (folder.stat().st_mtime_ns, _CACHE[key][1])


def _comment(draft: Draft) -> str:
    where = f" at {draft.address}" if draft.address else ""
    return f"# imported {draft.digest} from {draft.name}{where}"


def _front_matter(draft: Draft, slug: str, today: date) -> str:
    fields = {
        "title": draft.title,
        "slug": slug,
        "topics": [],
        "facts": [],
        "sources": [
            {
                "key": "origin",
                "name": f"{draft.site}, {draft.title}" if draft.site and draft.site not in draft.title else draft.title,
                "year": draft.year,
                "address": draft.address or NO_ADDRESS + quote(draft.name),
            }
        ],
        "written": today,
        "review_by": today + REVIEW_AFTER,
    }
    return f"{_comment(draft)}\n" + yaml.dump(fields, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1000)


def _updated(before: str, draft: Draft) -> str:
    """The draft with its new text. Front matter stays, but for other wordings of headings that are gone."""
    found = re.match(r"\ufeff?---\s*\n(.*?\n)---[^\S\n]*\n", before, re.DOTALL)
    if not found:
        raise ImportSourceError(f"{draft.file}: its draft has lost its front matter. Mend or delete the draft first.")
    head = found[1]
    stamp = _COMMENT.search(head)
    if stamp and stamp["digest"] == draft.digest:
        return before
    head = _COMMENT.sub(lambda _: _comment(draft), head, count=1)
    headings = set(re.findall(r"^#{2,6} (.+)$", draft.body, re.MULTILINE))
    return f"---\n{_without_lost_headings(head, headings)}---\n\n{draft.body}"


def _without_lost_headings(head: str, headings: set[str]) -> str:
    """Front matter without the `asks` and `simple` of headings that the new text does not have."""
    try:
        tree = yaml.compose(head, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return head
    if not isinstance(tree, yaml.MappingNode):
        return head
    lines = head.splitlines(keepends=True)
    gone: set[int] = set()
    for key, value in tree.value:
        if key.value not in ("asks", "simple") or not isinstance(value, yaml.MappingNode) or value.flow_style:
            continue
        starts = [entry.start_mark.line for entry, _ in value.value]
        ends = [*starts[1:], _end_line(value, lines)]
        lost = [i for i, (entry, _) in enumerate(value.value) if entry.value not in headings]
        for i in lost:
            gone.update(range(starts[i], ends[i]))
        if lost and len(lost) == len(starts):
            gone.add(key.start_mark.line)
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def _end_line(value: yaml.MappingNode, lines: list[str]) -> int:
    end = value.end_mark.line
    return end if value.end_mark.column == 0 or end >= len(lines) else end + 1


def _difference(before: str, after: str, path: Path) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path.name} (before)", f"{path.name} (now)", lineterm="", n=1
    )
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    """Write beside the file and swap, so that a stopped import leaves no half draft."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.chmod(name, 0o644)
    os.replace(name, path)
