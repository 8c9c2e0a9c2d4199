"""Files that survive a crash and two processes at once, and YAML in which nothing is silently overwritten."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster, where it is built in


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; another process that wants it waits. The lock ends with the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_text(path: Path, text: str) -> None:
    """Give a file another text, durably: a reader or a crash finds the old text or the new one, never a part."""
    staged = path.with_name(f".{path.name}.new")
    with staged.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def parse_yaml(text: str | bytes) -> Any:
    """YAML's plain values. A key that stands twice in one mapping is an error; PyYAML would keep the last.

    Raises:
        yaml.YAMLError: If the text is not YAML, or a key stands twice; names the key and the line.
        ValueError: For a day that does not exist, such as 2026-02-30.

    Example:
        >>> parse_yaml("open: 07:30-16:30")
        {'open': '07:30-16:30'}
    """
    return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 a safe loader


class _UniqueKeys(_SafeLoader):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for name in (name for name, _ in node.value if name.tag != "tag:yaml.org,2002:merge"):
            key = self.construct_object(name, deep=True)
            if isinstance(key, Hashable):
                if key in seen:
                    problem = f"the key {key!r} stands twice; keep one"
                    raise yaml.constructor.ConstructorError(None, None, problem, name.start_mark)
                seen.add(key)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made
