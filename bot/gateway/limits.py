"""Rate limits: a token bucket for each session and each address, in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address


class RateLimit:
    """Lets `count` events a `seconds` through for each key, and refills steadily.

    A key is a session or an address; IPv6 addresses count together by their /64, all of which one home has to itself.
    The least recently seen keys are forgotten beyond `keys`, so that a flood of addresses cannot fill the memory.

    Example:
        >>> limit = RateLimit(2, 60.0, clock=lambda: 0.0)
        >>> [limit.wait("a") for _ in range(3)]
        [0.0, 0.0, 30.0]
    """

    def __init__(
        self, count: int, seconds: float, *, clock: Callable[[], float] = time.monotonic, keys: int = 50_000
    ) -> None:
        self._count = count
        self._rate = count / seconds
        self._clock = clock
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one event for `key`; returns 0, or the seconds to wait when there is none left. A count of 0 means no limit."""
        if not self._count:
            return 0.0
        key = _network(key) if ":" in key else key
        now = self._clock()
        tokens, seen = self._buckets.pop(key, (float(self._count), now))
        tokens = min(float(self._count), tokens + (now - seen) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / self._rate


def _network(key: str) -> str:
    """The /64 of an IPv6 address, or the IPv4 address that it stands for; anything else as it is."""
    try:
        address = IPv6Address(key)
    except AddressValueError:
        return key
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
