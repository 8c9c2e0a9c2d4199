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
        yaml.YAMLError: If the text is not YAML, a key stands twice or a day does not exist. See `yaml_problem`.

    Example:
        >>> parse_yaml("open: 07:30-16:30")
        {'open': '07:30-16:30'}
    """
    return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 a safe loader


def yaml_problem(error: yaml.YAMLError, first_line: int = 1) -> str:
    """What is wrong with a YAML text, in which line, and what to do. `first_line`: the number of the text's first line."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"not valid YAML ({getattr(error, 'reason', error)})."
    fix = "" if isinstance(error, yaml.constructor.ConstructorError) else ". Quote texts that hold a colon"
    return f"line {error.problem_mark.line + first_line}: {error.problem}{fix}."


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

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"{node.value} is no day that exists; write days as YYYY-MM-DD"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


_UniqueKeys.add_constructor("tag:yaml.org,2002:timestamp", _UniqueKeys.construct_yaml_timestamp)
