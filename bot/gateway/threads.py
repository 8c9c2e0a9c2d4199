"""Work that is brought to its end even when who waits for it is cancelled, so that storage closes only after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; a cancellation takes effect when it is done."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call off the event loop, to its end."""
    return await to_end(asyncio.to_thread(call, *args, **kwargs))
