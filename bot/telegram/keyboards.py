"""Inline keyboards. What a button carries is signed, and at most 64 bytes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.gateway.replies import Reply
from bot.gateway.security import Signatures
from bot.telegram.letters import Keyboard

PAGE = 8
"""Buttons shown at once; longer lists are paged."""

CLIENT_ACTIONS = {"client:save": "save", "client:erase": "erase", "client:new": "new"}
"""What the web client does itself has a command here."""


@dataclass(frozen=True, slots=True)
class Action:
    """A button of the channel's own: its name, the reply it is about, and a page number."""

    name: str
    reply_id: str = ""
    page: int = 0


class Keyboards:
    """Builds keyboards, and reads what their buttons carry.

    A reply's button carries what `Signatures.button` makes of it. An action of the channel's own takes the same form
    with `~name-reply` in the place of the reply's id, signed for the person, so that it outlives their session.
    """

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures

    def of_reply(self, person: str, session_id: str, reply: Reply, page: int = 0) -> Keyboard:
        """A reply's buttons, one below the other; page buttons when there are many; thumbs below an answer."""
        rows: Keyboard = []
        for position, button in enumerate(reply.buttons):
            if button.payload in CLIENT_ACTIONS:
                rows.append([(button.label, self.action(person, CLIENT_ACTIONS[button.payload]))])
            elif not button.payload.startswith(("tel:", "sms:", "client:")):
                rows.append([(button.label, self._signatures.button(session_id, reply.id, position))])
        if len(rows) > PAGE:
            rows = rows[page * PAGE : (page + 1) * PAGE] + self._turning(person, reply.id, page, len(rows))
        if reply.kind == "answer":
            thumbs = ("\U0001f44d This helped", "up"), ("\U0001f44e Not really", "down")
            rows.append([(label, self.action(person, name, reply.id)) for label, name in thumbs])
        return rows

    def confirm_erasing(self, person: str) -> Keyboard:
        """Yes or no to erasing everything."""
        return [[("Yes, erase it all", self.action(person, "erased"))], [("No, keep it", self.action(person, "kept"))]]

    def action(self, person: str, name: str, reply_id: str = "", page: int = 0) -> str:
        """What the button of an action carries."""
        return self._signatures.button(person, f"~{name}-{reply_id}", page)

    def action_of(self, person: str, data: str) -> Action | None:
        """The action that a button names; None when it names none, was forged or is another person's."""
        named = self._signatures.button_of(person, data) if data.startswith("~") else None
        if named is None:
            return None
        name, _, reply_id = named[0].removeprefix("~").partition("-")
        return Action(name, reply_id, named[1])

    def _turning(self, person: str, reply_id: str, page: int, count: int) -> Keyboard:
        row = []
        if page > 0:
            row.append(("\u2039 Back", self.action(person, "page", reply_id, page - 1)))
        if (page + 1) * PAGE < count:
            row.append(("More \u203a", self.action(person, "page", reply_id, page + 1)))
        return [row]
