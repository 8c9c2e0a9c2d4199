"""The words of `bot/domain/responses/`, for replies that an action fills in or adds to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SCHEMA = 1
KINDS = (
    "answer emergency crisis poison urgent no_answer redirect clinic callback menu smalltalk outage".split()  # docs/chat-api.md
)

Reply = dict[str, Any]


class WordingError(Exception):
    """A response file cannot be used as it stands."""


class Wording:
    """Replies by name, `utter_` left out.

    Example:
        >>> wording = Wording.load(Path("bot/domain/responses"))  # doctest: +SKIP
        >>> wording.reply("hours", hours="Open now until 4:30 PM.", phone="(212) 555-0142")["kind"]  # doctest: +SKIP
        'clinic'
    """

    def __init__(self, replies: Mapping[str, Reply]) -> None:
        self._replies = replies

    @classmethod
    def load(cls, folder: Path) -> Wording:
        """Read every response of a folder.

        Raises:
            WordingError: If a file has no responses, or a response is not one `custom` payload of a known kind.
        """
        files = sorted(folder.glob("*.yml"))
        if not files:
            raise WordingError(f"{folder}: holds no *.yml. The wording belongs there.")
        replies: dict[str, Reply] = {}
        for path in files:
            loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
            for name, variations in (loaded or {}).get("responses", {}).items():
                replies[name.removeprefix("utter_")] = _checked(path, name, variations)
        return cls(replies)

    def __contains__(self, name: str) -> bool:
        return name in self._replies

    def reply(self, name: str, *, buttons: list[dict[str, str]] | None = None, **values: str) -> Reply:
        """A reply by name.

        Args:
            name: The response's name without `utter_`.
            buttons: Buttons to put before the wording's own.
            **values: What to fill the placeholders `{like_this}` with.

        Raises:
            KeyError: If there is no such response, or a placeholder has no value.
        """
        template = self._replies[name]
        own = [_filled(button, values) for button in template.get("buttons", [])]
        return {
            "schema": SCHEMA,
            "kind": template["kind"],
            "text": template["text"].strip().format_map(values),
            "passages": [],
            "disclaimer": None,
            "notice": None,
            "buttons": [*(buttons or []), *own],
        }


def _filled(button: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """A button with its placeholders filled in; a Rasa payload keeps its braces."""
    payload = button["payload"]
    return {
        "label": button["label"].format_map(values),
        "payload": payload if payload.startswith("/") else payload.format_map(values),
    }


def _checked(path: Path, name: str, variations: Any) -> Reply:
    if not isinstance(variations, list) or len(variations) != 1 or set(variations[0]) != {"custom"}:
        raise WordingError(f"{path}: {name}: needs exactly one variation with one `custom` payload.")
    reply: Reply = variations[0]["custom"]
    if reply.get("kind") not in KINDS or not isinstance(reply.get("text"), str) or reply.get("schema") != SCHEMA:
        raise WordingError(f"{path}: {name}: needs schema {SCHEMA}, a text, and a kind out of {', '.join(KINDS)}.")
    return reply
