"""Measures the methods against each other: `python -m bot.safety.learning.compare`. The figures of the decision page.

Each judged author's messages are scored by models trained on other authors alone: what counts is how a method does on voices
it has not heard. The networks that `train` left in its cache are used again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from bot.safety.classifier import Classifier, Scores
from bot.safety.decision import OPINIONS, opinions
from bot.safety.learning.data import Example, load
from bot.safety.learning.export import export
from bot.safety.learning.linear import weigh
from bot.safety.learning.network import predict, train
from bot.safety.learning.train import CACHE, EPOCHS, RATE, SEEDS, sequences, trained
from bot.safety.rules import RuleBook, RuleMatch
from knowledge.encoder import SentenceEncoder

FloatArray = npt.NDArray[np.float64]
ENCODER = Path("knowledge/build/encoder")
FIRST = ("a", "b", "c")
"""Authors who wrote before the screen's misses were known."""
JUDGED = ("b", "c")
"""Those of them whose messages are judged by models that never saw them."""

Seen = tuple[Example, Scores, list[RuleMatch]]
"""A message, and what was said of it by models that never saw its author's."""
Method = Callable[[Sequence[Example], Sequence[Example]], FloatArray]
"""Trains on the first examples and scores the second."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a method."""
    parser = argparse.ArgumentParser(prog="python -m bot.safety.learning.compare", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--top-2", action="store_true", help="also fine-tune the top two layers alone (takes minutes)")
    options = parser.parse_args(arguments)
    examples = load()
    judged = [example for author in JUDGED for example in examples if example.author == author]
    found = {"linear head, frozen vectors": _held_out(examples, lambda a, b: _frozen(options.encoder, a, b))}
    if options.top_2:
        found["top two layers"] = _held_out(examples, _top_two)
    found |= _parts(examples, options.encoder, options.cache)
    for name, scores in found.items():
        sys.stdout.write(f"{name:32} {summary(judged, scores)}\n")
    return 0


def summary(examples: Sequence[Example], scores: FloatArray) -> str:
    """Area under the curve, and recall at thresholds that let a share of the benign messages alarm."""
    flags = np.array([example.group > 0 for example in examples])
    parts = [f"AUC {roc_auc_score(flags, scores):.4f}"]
    for share in (0.01, 0.02, 0.05):
        limit = np.quantile(scores[~flags], 1 - share)
        parts.append(f"recall at {share:.0%} false alarms {np.mean(scores[flags] > limit):.1%}")
    return ", ".join(parts)


def without(examples: Sequence[Example], author: str) -> list[Example]:
    """What a model that is to judge an author is trained on."""
    return [example for example in examples if example.author in FIRST and example.author != author]


def _held_out(examples: Sequence[Example], method: Method) -> FloatArray:
    """A score for each judged message, by a model that saw none of its author's."""
    return np.concatenate(
        [method(without(examples, author), [e for e in examples if e.author == author]) for author in JUDGED]
    )


def _parts(examples: Sequence[Example], encoder: Path, cache: Path) -> Mapping[str, FloatArray]:
    """The parts of the shipped screen, alone and together."""
    whole = _unseen(examples, encoder, cache)
    rows = np.array([opinions(scores, matches) for _, scores, matches in whole])
    flags = np.array([example.group > 0 for example, _, _ in whole])

    def together(*names: str) -> FloatArray:
        columns = [OPINIONS.index(name) for name in names]
        weights, bias = weigh(rows[:, columns], flags)
        scores: FloatArray = rows[:, columns] @ np.array(weights) + bias
        return scores

    return {
        "rules": together("alarm rule", "alarm rules", "check rule", "excused rule"),
        "letter and word sequences": together("sequences"),
        "all six layers": together("flag", "some group", "surest group"),
        "six layers and sequences": together("flag", "some group", "surest group", "sequences"),
        "six layers, sequences, rules": together(*OPINIONS),
    }


def _unseen(examples: Sequence[Example], encoder: Path, cache: Path) -> list[Seen]:
    """What models say of the judged authors' messages, none of which they were trained on."""
    rules = RuleBook()
    seen: list[Seen] = []
    for author in JUDGED:
        others = without(examples, author)
        network = trained(others, SEEDS[0], cache / f"without-{author}.pt")
        with tempfile.TemporaryDirectory() as folder:
            export(network, sequences(others), Path(folder), {})
            scorer = Classifier.open(encoder, Path(folder))
        for example in (e for e in examples if e.author == author):
            seen.append((example, scorer.score(example.message), rules.matches(example.message)))
    return seen


def _frozen(encoder: Path, seen: Sequence[Example], unseen_ones: Sequence[Example]) -> FloatArray:
    vectors = SentenceEncoder(encoder)
    model = LogisticRegression(C=10, max_iter=3000, class_weight="balanced")
    model.fit(vectors.encode([e.read for e in seen]), [e.group > 0 for e in seen])
    scores: FloatArray = model.decision_function(vectors.encode([e.read for e in unseen_ones]))
    return scores


def _top_two(seen: Sequence[Example], unseen_ones: Sequence[Example]) -> FloatArray:
    network = train(seen, seed=SEEDS[0], epochs=EPOCHS, rate=2 * RATE, layers=2)
    return predict(network, [e.read for e in unseen_ones])[:, 0].astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
