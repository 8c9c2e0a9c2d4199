"""BM25 over lists of postings."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.lexical import BLOCK, LexicalIndex, LexicalMatch

SIZE = 400 * BLOCK - 5
"""Passages; the last block is not full."""


@pytest.mark.parametrize("count", [1, 20, 500, 2 * SIZE])
@pytest.mark.parametrize("steps", [4, 1_000_000], ids=["many equal scores", "different scores"])
def test_best_are_those_of_every_passage_scored(count: int, steps: int) -> None:
    draw = np.random.default_rng(7)
    totals = [0.0] * SIZE
    postings = []
    for holders, rarity in ((SIZE // 2, 1.0), (40, 6.0)):
        rows = np.sort(draw.choice(SIZE, holders, replace=False)).astype(np.int32)
        values = (rarity * draw.integers(1, steps + 1, holders) / steps).astype(np.float32)
        postings.append((rows, values))
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            totals[row] += value
    expected = [row for row in sorted(range(SIZE), key=lambda row: (-np.float32(totals[row]), row)) if totals[row] > 0]
    assert LexicalMatch(postings, np.ones(2, dtype=np.float32), SIZE).best(count) == expected[:count]


def test_common_words_of_a_large_index_decide_among_what_rarer_ones_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.lexical.ENOUGH", SIZE // 2)
    draw = np.random.default_rng(7)
    rare = np.sort(draw.choice(SIZE, 300, replace=False)).astype(np.int32)
    common = np.arange(SIZE, dtype=np.int32)
    values = draw.uniform(0.5, 1.0, SIZE).astype(np.float32)
    match = LexicalMatch([(common, values), (rare, np.full(300, 6, np.float32))], np.ones(2, dtype=np.float32), SIZE)
    assert match.best(20) == rare[np.argsort(-values[rare], kind="stable")[:20]].tolist()


def test_a_common_word_alone_still_finds_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.lexical.ENOUGH", SIZE // 2)
    rows = np.arange(SIZE, dtype=np.int32)
    match = LexicalMatch([(rows, np.linspace(0, 1, SIZE, dtype=np.float32))], np.ones(1, dtype=np.float32), SIZE)
    assert match.best(3) == [SIZE - 1, SIZE - 2, SIZE - 3]


def test_best_comes_in_the_order_of_scores() -> None:
    index = LexicalIndex.build(["beans and gas", "beans beans beans", "rice", "gas from beans and more gas"])
    assert index.match(["bean"]).best(4) == [1, 0, 3]
    assert set(index.match(["bean", "gas"]).best(4)) == {0, 1, 3}
