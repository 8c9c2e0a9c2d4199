"""The gateway's side of the Rasa server. Anything but a proper, non-empty reply is an outage."""

from __future__ import annotations

from typing import Any

import httpx


class DialogueOutage(Exception):
    """Rasa or the action server behind it did not give a usable reply."""


class RasaClient:
    """Talks to the honest REST channel of `bot.components.honest_rest`."""

    def __init__(self, base_url: str, timeout: float) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, sender: str, message: str) -> list[dict[str, Any]]:
        """Send one message, and return the dialogue's JSON messages.

        Raises:
            DialogueOutage: On a time-out, a refused connection, an error status or an empty or malformed reply.
        """
        messages = await self._post(sender, message)
        if not messages:
            raise DialogueOutage("empty reply")
        return messages

    async def tell(self, sender: str, payload: str) -> None:
        """Tell the dialogue something that needs no reply, such as a red flag.

        Raises:
            DialogueOutage: As for `send`.
        """
        await self._post(sender, payload)

    async def forget(self, sender: str) -> None:
        """Delete the dialogue's memory of a conversation.

        Raises:
            DialogueOutage: If Rasa did not confirm it.
        """
        try:
            response = await self._http.delete(f"/webhooks/vagus/conversations/{sender}")
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise DialogueOutage(type(error).__name__) from error

    async def healthy(self) -> bool:
        """Whether the Rasa server says that it is up."""
        try:
            return (await self._http.get("/webhooks/vagus/health")).is_success
        except httpx.HTTPError:
            return False

    async def _post(self, sender: str, message: str) -> list[dict[str, Any]]:
        try:
            response = await self._http.post("/webhooks/vagus/webhook", json={"sender": sender, "message": message})
            response.raise_for_status()
            messages = response.json()["messages"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:  # ValueError: no JSON, or no UTF-8
            raise DialogueOutage(type(error).__name__) from error
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise DialogueOutage("malformed reply")
        return messages
