"""Talk with the running assistant in a terminal: `python -m bot.terminal`, or `make chat`."""

from __future__ import annotations

import os
import sys
import uuid
from typing import Any

import httpx

from bot.gateway.settings import GatewaySettings
from knowledge.errors import SettingsError


def main(address: str = "") -> int:
    """Chat until an empty line or Ctrl-D.

    Args:
        address: Of the gateway; without one, this machine's at the port of `VAGUS_PORT`.
    """
    try:
        address = address or f"http://127.0.0.1:{GatewaySettings.from_env(os.environ).port}"
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with httpx.Client(base_url=address, timeout=30.0, trust_env=False) as http:
        try:
            session = http.post("/api/v1/sessions").raise_for_status().json()
        except httpx.HTTPError as error:
            print(
                f"error: {address} does not answer ({type(error).__name__}). Start it with `make run`.", file=sys.stderr
            )
            return 1
        http.headers["Authorization"] = f"Bearer {session['token']}"
        buttons = _show(session["replies"])
        while line := _prompt():
            said = (
                {"button": buttons[int(line) - 1]}
                if line.isdigit() and 0 < int(line) <= len(buttons)
                else {"text": line}
            )
            answer = http.post("/api/v1/messages", json={"client_message_id": uuid.uuid4().hex, **said})
            if answer.is_success:
                buttons = _show(answer.json()["replies"])
            else:
                print(answer.json()["error"]["message"])
    return 0


def _prompt() -> str:
    try:
        return input("\nyou> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _show(replies: list[dict[str, Any]]) -> list[str]:
    """Print replies; returns the values of their buttons, which are pressed by number."""
    buttons: list[str] = []
    for reply in replies:
        lines = [reply["notice"], reply["text"]]
        for passage in reply["passages"]:
            lines += [passage["heading"], passage["text"], f"Source: {passage['source']} {passage['url']}"]
            lines.append(f"Reviewed: {passage['reviewed_by']}, {passage['reviewed_on']}")
        lines.append(reply["disclaimer"])
        print("\n" + "\n\n".join(line for line in lines if line))
        for button in reply["buttons"]:
            if not button["value"].startswith(("tel:", "sms:", "client:")):
                buttons.append(button["value"])
                print(f"  [{len(buttons)}] {button['label']}")
            else:
                print(f"  {button['label']}")
    return buttons


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
