"""The shared table of conversations: reads it, and holds what a channel gives to it.

Each file under `conversations/` lists conversations, each a list of turns. A turn does one thing:

    say: TEXT          write it (with `times: N`, that often in a row)
    press: LABEL       press the latest button of that label; a number means that button of the latest reply
    forge: VALUE       press a button that was never offered
    save: true         save for the appointment; `text` is looked for in the page
    erase: true        erase the chat, with the channel's own confirmation
    filed: FIELDS      the staff find a new callback request with these fields; `nothing`: they find no new one

and says what must come back, on every channel:

    kind, kinds        the kinds of all replies, in order; a list inside the list names alternatives
    article            where the first passage is from (a list names alternatives)
    passage            the first passage's id
    passages           how many passages
    same               the passages are those of the turn so many back (-1: the one before)
    text, never        fragments that the patient reads, or must not read (case does not matter)
    buttons            labels that are offered
    telegram           what Telegram gives instead, where a channel must differ
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "conversations"
DOES = {"say", "press", "forge", "save", "erase", "filed"}
EXPECTS = {"kind", "kinds", "article", "passage", "passages", "same", "text", "never", "buttons", "telegram"}


@dataclass(frozen=True)
class Heard:
    """What came back: kinds and passage ids as the gateway recorded them, and what the patient reads."""

    kinds: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    text: str = ""
    buttons: list[str] = field(default_factory=list)


def conversations() -> dict[str, list[dict[str, Any]]]:
    """Every conversation's turns by its name.

    Raises:
        ValueError: If a name stands twice or a turn has a key that nothing reads.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            name, turns = f"{path.stem}: {entry['conversation']}", entry["turns"]
            if name in found:
                raise ValueError(f"{path.name}: {name!r} stands twice")
            for turn in turns:
                if len(DOES & set(turn)) != 1 or set(turn) - DOES - EXPECTS - {"times"}:
                    raise ValueError(f"{path.name}: {name!r}: cannot read the turn {turn}")
            found[name] = turns
    return found


def misses(expected: dict[str, Any], heard: Heard, before: list[Heard]) -> list[str]:
    """What is not as the table says, one line each."""
    said = heard.text.casefold()
    wanted = [expected["kind"]] if "kind" in expected else expected.get("kinds")
    found = []
    if wanted is not None and not _kinds_fit(wanted, heard.kinds):
        found.append(f"kinds {heard.kinds}, not {wanted}")
    if "article" in expected and (heard.passages or [""])[0].split("#")[0] not in listed(expected["article"]):
        found.append(f"passages {heard.passages}, not of {expected['article']}")
    if "passage" in expected and heard.passages[:1] != [expected["passage"]]:
        found.append(f"passages {heard.passages}, not {expected['passage']}")
    if "passages" in expected and len(heard.passages) != expected["passages"]:
        found.append(f"{len(heard.passages)} passages, not {expected['passages']}")
    if "same" in expected and heard.passages != before[expected["same"]].passages:
        found.append(f"passages {heard.passages}, not {before[expected['same']].passages}")
    found += [f"no {part!r}" for part in listed(expected.get("text", [])) if part.casefold() not in said]
    found += [f"{part!r} was said" for part in listed(expected.get("never", [])) if part.casefold() in said]
    found += [f"no button {label!r}" for label in expected.get("buttons", []) if label not in heard.buttons]
    return found


def listed(value: Any) -> list[Any]:
    """A value as a list; a list stays as it is."""
    return value if isinstance(value, list) else [value]


def _kinds_fit(wanted: list[Any], kinds: list[str]) -> bool:
    return len(wanted) == len(kinds) and all(
        kind in listed(allowed) for allowed, kind in zip(wanted, kinds, strict=True)
    )
