"""`python -m bot.web` prints the integrity line that pins widget.js on a clinic's page."""

from __future__ import annotations

import argparse
import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

LAUNCHER = Path(__file__).with_name("widget.js")


def integrity(content: bytes) -> str:
    """The subresource integrity value of a file's bytes.

    Example:
        >>> integrity(b"")[:14]
        'sha384-OLBgp1G'
    """
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")


def script_tag(host: str, content: bytes) -> str:
    """The tag that loads the launcher from `host` and nothing but these bytes."""
    src = f"{host.rstrip('/')}/widget.js"
    return f'<script src="{src}" integrity="{integrity(content)}" crossorigin="anonymous" defer></script>'


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the integrity attribute, or the whole tag when the host is given."""
    parser = argparse.ArgumentParser(prog="python -m bot.web", description=__doc__)
    parser.add_argument("--host", help="address of the gateway, such as https://chat.clinic.example")
    host = parser.parse_args(arguments).host
    content = LAUNCHER.read_bytes()
    print(script_tag(host, content) if host else f'integrity="{integrity(content)}"')


if __name__ == "__main__":
    main()
