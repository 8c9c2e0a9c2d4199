"""Signed session tokens and button values, and the secrets they are signed with."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from itsdangerous import BadSignature, Signer

from knowledge.errors import SettingsError

SESSION_ID = re.compile(r"^[A-Za-z0-9_-]{22}$")


def owner_only_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """What a secret file holds; where there is none, `make` fills one that its owner alone can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    secret = make()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    return secret


def load_secret(path: Path) -> bytes:
    """Read the signing secret, or make one.

    Raises:
        SettingsError: If the file is there but too short to be safe.
    """
    secret = owner_only_file(path, lambda: secrets.token_urlsafe(48).encode("ascii"))
    if len(secret) < 32:
        raise SettingsError(f"{path}: shorter than 32 bytes. Delete it; a new one is made at the next start.")
    return secret


class Signatures:
    """Signs what leaves the house and checks what comes back."""

    def __init__(self, secret: bytes) -> None:
        self._tokens = Signer(secret, salt="vagus.session")
        self._buttons = Signer(secret, salt="vagus.button")
        self._names = Signer(secret, salt="vagus.name")

    def new_session(self) -> tuple[str, str]:
        """A new session id (128 random bits) and its token."""
        session_id = secrets.token_urlsafe(16)
        return session_id, self._tokens.sign(session_id).decode("ascii")

    def keyed_id(self, name: str) -> str:
        """A session id that is always the same for a name, and tells nothing about it without the secret."""
        return self._names.get_signature(name).decode("ascii")[:22]

    def session_id(self, token: str) -> str | None:
        """The session id of a token, or None if the token is not one of ours."""
        try:
            session_id = self._tokens.unsign(token).decode("ascii")
        except (BadSignature, UnicodeError):
            return None
        return session_id if SESSION_ID.match(session_id) else None

    def button(self, session_id: str, reply_id: str, position: int) -> str:
        """The value of a reply's n-th button: it works in its own session only."""
        signature = self._buttons.get_signature(f"{session_id}:{reply_id}:{position}").decode("ascii")
        return f"{reply_id}.{position}.{signature[:22]}"

    def button_of(self, session_id: str, value: str) -> tuple[str, int] | None:
        """The reply id and position that a button value names, or None if it was forged or is another session's."""
        reply_id, _, rest = value.partition(".")
        position = rest.partition(".")[0]
        if not position.isascii() or not position.isdigit() or len(position) > 3:
            return None
        expected = self.button(session_id, reply_id, int(position))
        return (reply_id, int(position)) if secrets.compare_digest(expected.encode(), value.encode()) else None
