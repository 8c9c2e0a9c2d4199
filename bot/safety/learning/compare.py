"""Measures the methods against each other: `python -m bot.safety.learning.compare`. The figures of the decision page.

Each author's messages are judged by models trained on the other authors' alone: what counts is how a method does on voices
it has not heard.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from bot.safety.learning.data import Example, load
from bot.safety.learning.linear import train_sequences
from bot.safety.learning.network import predict, train
from bot.safety.learning.train import ENCODER, EPOCHS, RATE
from knowledge.encoder import SentenceEncoder

Scorer = Callable[[Sequence[Example], Sequence[Example]], npt.NDArray[np.float64]]
"""Trains on the first examples and scores the second."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a method."""
    parser = argparse.ArgumentParser(prog="python -m bot.safety.learning.compare", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--methods", nargs="+", default=None, help="some of: frozen, sequences, top-2, all-6")
    options = parser.parse_args(arguments)
    examples = load()
    for name, scorer in methods(options.encoder).items():
        if options.methods is None or name in options.methods:
            sys.stdout.write(f"{name:12} {summary(examples, held_out(examples, scorer))}\n")
            sys.stdout.flush()
    return 0


def methods(encoder: Path) -> dict[str, Scorer]:
    """The methods by name."""
    return {
        "frozen": lambda seen, unseen: _frozen(encoder, seen, unseen),
        "sequences": _sequences,
        "top-2": lambda seen, unseen: _tuned(seen, unseen, 2, 2 * RATE),
        "all-6": lambda seen, unseen: _tuned(seen, unseen, 6, RATE),
    }


def held_out(examples: Sequence[Example], scorer: Scorer) -> npt.NDArray[np.float64]:
    """A score for each example, by a model that saw none of its author's."""
    scores = np.zeros(len(examples))
    for author in sorted({example.author for example in examples}):
        unseen = [i for i, example in enumerate(examples) if example.author == author]
        seen = [example for example in examples if example.author != author]
        scores[unseen] = scorer(seen, [examples[i] for i in unseen])
    return scores


def summary(examples: Sequence[Example], scores: npt.NDArray[np.float64]) -> str:
    """Area under the curve, and recall where near-misses raise 2% and 6% false alarms."""
    flags = np.array([example.group > 0 for example in examples])
    near = np.array([example.group == 0 and not example.ordinary for example in examples])
    parts = [f"AUC {roc_auc_score(flags, scores):.4f}"]
    for share in (0.02, 0.06):
        limit = np.quantile(scores[near], 1 - share)
        parts.append(f"recall at {share:.0%} near-miss alarms {np.mean(scores[flags] > limit):.1%}")
    return ", ".join(parts)


def _frozen(encoder: Path, seen: Sequence[Example], unseen: Sequence[Example]) -> npt.NDArray[np.float64]:
    vectors = SentenceEncoder(encoder)
    model = LogisticRegression(C=10, max_iter=3000, class_weight="balanced")
    model.fit(vectors.encode([e.read for e in seen]), [e.group > 0 for e in seen])
    scores: npt.NDArray[np.float64] = model.decision_function(vectors.encode([e.read for e in unseen]))
    return scores


def _sequences(seen: Sequence[Example], unseen: Sequence[Example]) -> npt.NDArray[np.float64]:
    model = train_sequences([e.read for e in seen], np.array([e.group for e in seen]))
    return np.array([model.score(e.read) for e in unseen])


def _tuned(seen: Sequence[Example], unseen: Sequence[Example], layers: int, rate: float) -> npt.NDArray[np.float64]:
    network = train(seen, seed=0, epochs=EPOCHS, rate=rate, layers=layers)
    return predict(network, [e.read for e in unseen])[:, 0].astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
