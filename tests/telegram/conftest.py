"""One polling gateway for most tests; the ones that break it start their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.telegram.gateways import Gateway, close, make

_CHATS = itertools.count(5_000)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A polling gateway that lives as long as the session."""
    gateway = make(tmp_path_factory.mktemp("telegram"))
    try:
        gateway.start()
        yield gateway
    finally:
        close(gateway)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways of the test's own."""
    made: list[Gateway] = []

    def start(*, started: bool = True, **environment: str) -> Gateway:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(make(folder, **environment))
        if started:
            made[-1].start()
        return made[-1]

    yield start
    for gateway in made:
        close(gateway)


@pytest.fixture
def chat() -> int:
    """A chat that no other test uses."""
    return next(_CHATS)
