"""`python -m tests.telegram.mortal`: the gateway, but it kills itself (`kill -9`) at the step that a message names.

A message whose words hold the name of a step ends the process when it passes that step; once, so that it passes after
the next start.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.gateway import __main__ as gateway
from bot.gateway.conversation import Conversations
from bot.gateway.rasa_client import RasaClient
from bot.gateway.store import Store
from bot.telegram import sender
from bot.telegram.clerk import Clerk
from bot.telegram.mailbox import Mailbox

BEFORE, AFTER = "before", "after"

STEPS: dict[str, tuple[Any, str, str]] = {
    "arrived-and-not-stored": (Mailbox, "receive", BEFORE),
    "stored-and-not-acknowledged": (Mailbox, "receive", AFTER),
    "acknowledged-and-not-taken-up": (Clerk, "answer", BEFORE),
    "turn-begun-and-dialogue-not-asked": (Store, "begin_turn", AFTER),
    "dialogue-answered-and-reply-not-stored": (RasaClient, "send", AFTER),
    "reply-stored-and-not-in-the-outbox": (Store, "finish_turn", AFTER),
    "in-the-outbox-and-not-sent": (Mailbox, "answered", AFTER),
    "sent-and-not-marked": (sender, "post", AFTER),
    "sent-and-marked": (sender.Sender, "_settle", AFTER),
    "alarm-stored-and-not-sent": (Clerk, "alarm", BEFORE),
    "alarm-sent-and-not-recorded": (Clerk, "answer", BEFORE),
    "alarm-recorded-and-not-marked": (Conversations, "handle", AFTER),
}
"""The steps of an update's life, in order: what is called there, and on which side of the call the process dies."""


def main() -> int:
    """Run the gateway until a message ends it."""
    for step, (owner, name, side) in STEPS.items():
        setattr(owner, name, _deadly(getattr(owner, name), step, side))
    return gateway.main([])


def _deadly(call: Callable[..., Any], step: str, side: str) -> Callable[..., Any]:
    grave = Path(os.environ["VAGUS_VAR"]) / f"died-{step}"

    def pass_by(when: str, *seen: object) -> None:
        if when == side and step in repr(seen) and not grave.exists():
            grave.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def passed(*args: Any, **kwargs: Any) -> Any:
            pass_by(BEFORE, args, kwargs)
            result = await call(*args, **kwargs)
            pass_by(AFTER, args, kwargs)
            return result

    else:

        @functools.wraps(call)
        def passed(*args: Any, **kwargs: Any) -> Any:
            pass_by(BEFORE, args, kwargs)
            result = call(*args, **kwargs)
            pass_by(AFTER, args, kwargs)
            return result

    return passed


if __name__ == "__main__":
    sys.exit(main())
