"""The words of a text that matter for search (spaCy lemmas), and a BM25 index over them (bm25s)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt

from knowledge.light_spacy import spacy


def content_lemmas(text: str) -> list[str]:
    """Lower-case lemmas of a text's content words, in order: no stop words, no punctuation.

    Example:
        >>> content_lemmas("Does leaky gut make my joints hurt?")
        ['leaky', 'gut', 'joint', 'hurt']
    """
    return [
        token.lemma_.lower()
        for token in _lemmatiser()(text.lower())
        if not (token.is_stop or token.is_punct or token.is_space)
    ]


@lru_cache(maxsize=1)
def _lemmatiser() -> spacy.language.Language:
    language = spacy.blank("en")
    language.add_pipe("lemmatizer", config={"mode": "lookup"})
    language.initialize()
    return language


class LexicalIndex:
    """BM25 (Lucene's variant, k1 1.5, b 0.75) over one bag of words a passage."""

    def __init__(self, model: bm25s.BM25 | None, size: int) -> None:
        self._model = model
        self._size = size

    @classmethod
    def build(cls, texts: Sequence[str]) -> LexicalIndex:
        """Index texts, one a passage, in the passages' order."""
        if not texts:
            return cls(None, 0)
        model = bm25s.BM25()
        model.index([content_lemmas(text) for text in texts], show_progress=False)
        return cls(model, len(texts))

    def save(self, folder: Path) -> None:
        """Write the index as plain arrays and JSON."""
        if self._model is not None:
            self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, size: int) -> LexicalIndex:
        """Load what `save` wrote; nothing in it is unpickled."""
        if not size:
            return cls(None, 0)
        return cls(bm25s.BM25.load(str(folder), allow_pickle=False, show_progress=False), size)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """BM25 score of every passage for a query, shape (passages,), 0 where they share no word."""
        if self._model is None:
            return np.zeros(0, dtype=np.float32)
        lemmas = [lemma for lemma in content_lemmas(query) if lemma in self._model.vocab_dict]
        if not lemmas:
            return np.zeros(self._size, dtype=np.float32)
        scores: npt.NDArray[np.float32] = self._model.get_scores(lemmas).astype(np.float32)
        return scores
