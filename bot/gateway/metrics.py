"""Counts and timings for the operator, on a port of their own on loopback. Never a patient's words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, start_http_server

logger = logging.getLogger("vagus.gateway")

REPLIES = Counter("vagus_replies", "Replies sent, by kind", ["kind"])
RED_FLAGS = Counter("vagus_red_flags", "Red flags, by kind and level", ["kind", "level"])
OUTAGES = Counter("vagus_dialogue_outages", "Messages that the dialogue could not answer")
CALLBACK_MAILS = Counter("vagus_callback_mails", "E-mails that a callback request waits, by outcome", ["outcome"])
CALLBACKS_UNTOLD = Gauge("vagus_callbacks_untold", "Callback requests that no e-mail could tell the staff of yet")
DIALOGUE_SECONDS = Histogram(
    "vagus_dialogue_seconds", "Time the dialogue took", buckets=(0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.5, 1.0, 5.0)
)


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve the metrics on loopback while the block runs; port 0 serves none, and neither does one that is taken."""
    started = None
    try:
        started = start_http_server(port, addr="127.0.0.1") if port else None
    except OSError as error:
        logger.error("no metrics, the rest works: VAGUS_METRICS_PORT: port %d cannot be used (%s)", port, error)
    try:
        yield
    finally:
        if started:
            server, thread = started
            server.shutdown()
            server.server_close()
            thread.join(timeout=2)
