"""What /topics lists: the articles of the index that serves, and the questions each one answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MOST = 400
"""Topics listed at most; a keyboard of fifty pages helps nobody."""


@dataclass(frozen=True, slots=True)
class Topic:
    """An article: its slug and title, and its passages as (id, heading)."""

    slug: str
    title: str
    passages: tuple[tuple[str, str], ...]


class Topics:
    """Reads the passages of the artifact that `CURRENT` names, anew when it names another."""

    def __init__(self, build: Path) -> None:
        self._build = build
        self._name = ""
        self._topics: tuple[Topic, ...] = ()

    def all(self) -> tuple[Topic, ...]:
        """Every topic by title; none where there is no index."""
        try:
            name = (self._build / "CURRENT").read_text(encoding="utf-8").strip()
            if name != self._name:
                self._topics, self._name = _read(self._build / name / "passages.jsonl"), name
        except (OSError, ValueError, KeyError, TypeError):
            return self._topics
        return self._topics

    def find(self, slug: str) -> Topic | None:
        """The topic of an article, or None."""
        return next((topic for topic in self.all() if topic.slug == slug), None)


def _read(path: Path) -> tuple[Topic, ...]:
    titles: dict[str, str] = {}
    passages: dict[str, list[tuple[str, str]]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            passage = json.loads(line)["passage"]
            slug = passage["article"]
            if slug not in titles and len(titles) >= MOST:
                continue
            titles[slug] = passage["title"]
            passages.setdefault(slug, []).append((f"{slug}#{passage['ordinal']}", passage["heading"]))
    found = [Topic(slug, title, tuple(passages[slug])) for slug, title in titles.items()]
    return tuple(sorted(found, key=lambda topic: topic.title.casefold()))
