"""What a message asks for: one of our commands, or words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bot.telegram.phrases import COMMANDS
from bot.telegram.updates import Received

_COMMAND = re.compile(r"^/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?$", re.DOTALL)
_SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")


@dataclass(frozen=True, slots=True)
class Me:
    """Who we are on Telegram."""

    id: int
    username: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what stands behind it.

    Example:
        >>> Command.of("/start@vagus_bot leaky-gut")
        Command(name='start', at='vagus_bot', rest='leaky-gut')
    """

    name: str
    at: str = ""
    rest: str = ""

    @classmethod
    def of(cls, text: str) -> Command | None:
        """The command that a text is, or None."""
        match = _COMMAND.match(text.strip())
        return cls(match[1].lower(), match[2] or "", (match[3] or "").strip()) if match else None


def addressed(received: Received, me: Me) -> str | None:
    """The words that are meant for us; None when others in a group are talking with each other.

    In a group we are addressed by a command, by our name with an @, or by a reply to a message of ours.
    """
    if received.private:
        return received.text
    command = Command.of(received.text)
    if command is not None and (command.at or not me.username):
        return received.text if command.at.lower() == me.username.lower() else None
    named = re.compile(rf"@{re.escape(me.username)}\b", re.IGNORECASE)
    if me.username and named.search(received.text):
        return named.sub(" ", received.text).strip()
    known = command is not None and command.name in dict(COMMANDS)
    return received.text if known or received.replies_to == me.id else None


def is_slug(rest: str) -> bool:
    """Whether what stands behind /start can be an article's name, as a deep link `?start=leaky-gut` has it."""
    return _SLUG.match(rest) is not None


def passage_payload(passage_id: str) -> str:
    """What the dialogue takes for "show this passage"."""
    return f"/ask_passage{json.dumps({'passage': passage_id})}"
