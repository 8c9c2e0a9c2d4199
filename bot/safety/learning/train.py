"""Trains the classifier: `python -m bot.safety.learning.train`. An hour and a half on a quiet core; `make run` never waits for it.

First, models that never saw an author's messages judge them, for two of the authors. From those judgements come the weights of
the opinions and first thresholds. Then networks of several seeds are trained on everything and averaged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bot.safety.classifier import MODEL, Classifier, Scorer, Scores, SequenceClassifier
from bot.safety.decision import OPINIONS, Weighing, named, opinions, usual_kind
from bot.safety.learning.data import Example, load
from bot.safety.learning.export import export
from bot.safety.learning.linear import train_sequences, weigh
from bot.safety.learning.network import Network, soup, train
from bot.safety.learning.thresholds import Judged, choose
from bot.safety.rules import RuleBook, RuleMatch
from bot.safety.sequences import SequenceModel

EPOCHS = 6
RATE = 1e-4
SEEDS = (0, 1)
JUDGED = ("b", "c")
"""Authors whose messages are judged by models that never saw them."""

REFINING_EPOCHS = 2
REFINING_RATE = 4e-5

LATER = ("d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n")
"""Authors who wrote after the screen's misses were known: they teach it, but say nothing of how sure it may be."""

QUESTIONS = ("f", "g", "l")
"""Thousands of ordinary questions: the dialogue's examples, other ways to ask the articles' sections, what no article answers,
and follow-ups, alone and after what they follow. The transformer meets them last, in two more rounds over everything."""

FRAGMENTS = ("h",)
"""Names, days, numbers and single words, which only the linear model learns: they cost the transformer recall of crises."""

ENCODER = Path("knowledge/build/encoder")
CACHE = Path("var/safety-training")

Seen = tuple[Example, Scores, list[RuleMatch]]
"""A message, and what was said of it by models that never saw its author's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose thresholds, write the model."""
    parser = argparse.ArgumentParser(prog="python -m bot.safety.learning.train", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER, help="the exported encoder's folder")
    parser.add_argument("--folder", type=Path, default=MODEL, help="where the model is written")
    parser.add_argument("--cache", type=Path, default=CACHE, help="keeps trained networks for a re-run")
    options = parser.parse_args(arguments)
    examples = load()
    settings = calibrate(examples, options.encoder, options.cache)
    networks = [_refined(examples, seed, options.cache) for seed in SEEDS]
    export(soup(networks), _sequences(examples), options.folder, settings)
    say(f"wrote {options.folder}")
    return 0


def calibrate(examples: Sequence[Example], encoder: Path, cache: Path) -> dict[str, Any]:
    """Weights of the opinions and first thresholds, with and without the encoder."""
    whole, plain = unseen(examples, encoder, cache)
    return {**_weighing(whole), "without encoder": _weighing(plain)}


def unseen(examples: Sequence[Example], encoder: Path, cache: Path) -> tuple[list[Seen], list[Seen]]:
    """What models say of the judged authors' messages, none of which they were trained on: with and without the encoder."""
    rules = RuleBook()
    whole: list[Seen] = []
    plain: list[Seen] = []
    for author in JUDGED:
        others = without(examples, author)
        network = _trained(others, SEEDS[0], cache / f"without-{author}.pt")
        with tempfile.TemporaryDirectory() as folder:
            export(network, _sequences(others), Path(folder), {})
            scorers: tuple[Scorer, Scorer] = (
                Classifier.open(encoder, Path(folder)),
                SequenceClassifier.open(Path(folder)),
            )
        for example in (e for e in examples if e.author == author):
            matches = rules.matches(example.message)
            for scorer, seen in zip(scorers, (whole, plain), strict=True):
                seen.append((example, scorer.score(example.message), matches))
    return whole, plain


def without(examples: Sequence[Example], author: str) -> list[Example]:
    """What a model that is to judge an author is trained on."""
    return [example for example in examples if example.author not in (author, *LATER)]


def _weighing(seen: Sequence[Seen]) -> dict[str, Any]:
    rows = [opinions(scores, matches) for _, scores, matches in seen]
    weights, bias = weigh(np.array(rows), np.array([example.group > 0 for example, _, _ in seen]))
    weighing = Weighing(tuple(weights), bias, {}, {})
    judged = [
        Judged(
            weighing.combine(row),
            named(scores, matches)[1],
            usual_kind(example.group) if example.group else None,
            example.ordinary,
        )
        for (example, scores, matches), row in zip(seen, rows, strict=True)
    ]
    alarm, check = choose(judged)
    return {"weights": dict(zip(OPINIONS, weights, strict=True)), "bias": bias, "alarm": alarm, "check": check}


def _sequences(examples: Sequence[Example]) -> SequenceModel:
    return train_sequences([e.read for e in examples], np.array([e.group for e in examples]))


def _refined(examples: Sequence[Example], seed: int, cache: Path) -> Network:
    """A network trained on the messages written for this, then refined on those and the ordinary questions."""
    sentences = [example for example in examples if example.author not in FRAGMENTS]
    written = [example for example in sentences if example.author not in QUESTIONS]
    first = _trained(written, seed, cache / f"all-{seed}.pt")
    return _trained(sentences, seed, cache / f"refined-{seed}.pt", start=first)


def _trained(examples: Sequence[Example], seed: int, cached: Path, *, start: Network | None = None) -> Network:
    """A trained network, from the cache when it is there; one that goes on from `start` is refined only."""
    if cached.is_file():
        network = Network()
        network.load_state_dict(torch.load(cached, weights_only=True))
        return network.eval()
    epochs, rate = (EPOCHS, RATE) if start is None else (REFINING_EPOCHS, REFINING_RATE)
    network = train(
        examples,
        seed=seed,
        epochs=epochs,
        rate=rate,
        start=start,
        progress=lambda line: say(f"{cached.stem}: {line}"),
    )
    cached.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), cached)
    return network


def say(line: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
