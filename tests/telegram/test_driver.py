"""The driver that plays whole conversations, tried on the fake dialogue."""

from __future__ import annotations

import pytest

from tests.telegram.driver import play
from tests.telegram.gateways import Gateway

pytestmark = pytest.mark.slow


def test_driver_tells_kinds_passages_and_headings_of_a_conversation(shared: Gateway) -> None:
    texts = ["what is sleep?", "> Next question", "crushing chest pain and my left arm is numb", "hello", "long one"]
    turns = play(shared.telegram, shared.var, texts)
    assert [turn.kinds for turn in turns] == [["answer"], ["answer"], ["emergency"], ["smalltalk"], ["answer"]]
    assert [turn.passages for turn in turns] == [["sleep"], ["next#1"], [], [], ["long"]]
    assert [turn.headings for turn in turns] == [["What is sleep?"], ["What is next#1?"], [], [], ["What is long?"]]
    assert "911" in turns[2].text
    assert "Next question" in turns[0].buttons
    assert len(turns[4].sent) > 1
