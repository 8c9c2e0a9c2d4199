"""BM25 over lists of postings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from knowledge.lexical import ENOUGH, LexicalIndex, LexicalMatch

RARE, COMMON = 40, 6 * ENOUGH
"""Passages that hold each word."""


@pytest.fixture(scope="module")
def large() -> LexicalMatch:
    """A query of a rare and a common word on an index of seven times `ENOUGH` passages."""
    draw = np.random.default_rng(7)
    size = 7 * ENOUGH
    postings = []
    for holders, rarity in ((COMMON, 1.0), (RARE, 6.0)):
        rows = np.sort(draw.choice(size, holders, replace=False)).astype(np.int32)
        postings.append((rows, (rarity * draw.uniform(0.5, 1.5, holders)).astype(np.float32)))
    return LexicalMatch(postings, np.array([1.0, 6.0], dtype=np.float32))


def test_best_of_a_large_index_are_those_of_every_passage_scored(large: LexicalMatch) -> None:
    every = np.arange(7 * ENOUGH, dtype=np.int64)
    exact = every[np.argsort(-large.scores(every), kind="stable")[:20]]
    assert large.best(20) == exact.tolist()


def test_a_common_word_alone_still_finds_passages() -> None:
    rows = np.arange(3 * ENOUGH, dtype=np.int32)
    match = LexicalMatch([(rows, np.linspace(0, 1, len(rows), dtype=np.float32))], np.array([0.1], dtype=np.float32))
    assert match.best(3) == [3 * ENOUGH - 1, 3 * ENOUGH - 2, 3 * ENOUGH - 3]


def test_best_comes_in_the_order_of_scores() -> None:
    index = LexicalIndex.build(["beans and gas", "beans beans beans", "rice", "gas from beans and more gas"])
    match = index.match(["bean", "gas"])
    found = np.array(match.best(4), dtype=np.int64)
    assert set(found.tolist()) == {0, 1, 3}
    assert all(one >= other for one, other in pairwise(match.scores(found).tolist()))
