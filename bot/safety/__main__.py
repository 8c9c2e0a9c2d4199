"""Audits: `python -m bot.safety < messages.jsonl > verdicts.jsonl`.

Each line in is `{"text": "...", "previous": ["...", ...]}` (`previous` optional: the patient's earlier turns, oldest first).
Each line out is `{"kind", "level", "group", "evidence", "spanish"}`, the first four null where there is no red flag.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from bot.safety.flags import RedFlag
from bot.safety.screen import SafetyScreen


def main(arguments: list[str] | None = None, source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> int:
    """Read JSON lines, write verdicts. Returns the exit code: 0, or 2 when a line is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m bot.safety", description=__doc__)
    parser.add_argument(
        "--encoder", type=Path, default=Path("knowledge/build/encoder"), help="the exported encoder's folder"
    )
    parser.add_argument("--rules-only", action="store_true", help="leave the classifier off")
    options = parser.parse_args(arguments)
    screen = SafetyScreen.load(None if options.rules_only else options.encoder)
    try:
        for text, previous in _messages(source):
            flag = screen.screen(text, previous=previous)
            sink.write(json.dumps(verdict(flag), ensure_ascii=False) + "\n")
            sink.flush()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def verdict(flag: RedFlag | None) -> dict[str, Any]:
    """A flag as a line of the audit."""
    if flag is None:
        return {"kind": None, "level": None, "group": None, "evidence": None, "spanish": False}
    return {
        "kind": flag.kind,
        "level": flag.level,
        "group": flag.group,
        "evidence": flag.evidence,
        "spanish": flag.spanish,
    }


def _messages(source: Iterable[str]) -> Iterable[tuple[str, list[str]]]:
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: not JSON ({error})") from error
        text = data.get("text") if isinstance(data, dict) else None
        previous = data.get("previous") or [] if isinstance(data, dict) else []
        if not isinstance(text, str) or not isinstance(previous, list) or not all(isinstance(p, str) for p in previous):
            raise ValueError(f'line {number}: want {{"text": "...", "previous": ["...", ...]}}')
        yield text, previous


if __name__ == "__main__":
    sys.exit(main())
