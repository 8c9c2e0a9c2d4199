"""Trains the classifier: `python -m bot.safety.learning.train`. Two hours on a quiet core; `make run` never waits for it.

Networks of several seeds are trained on the messages and averaged, and the linear model over letter and word sequences beside
them. `python -m tests.safety.fit` then weighs the opinions and sets the thresholds on messages of other authors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bot.safety.classifier import MODEL
from bot.safety.learning.data import Example, load
from bot.safety.learning.export import export
from bot.safety.learning.linear import train_sequences
from bot.safety.learning.network import Network, soup, train
from bot.safety.sequences import SequenceModel

EPOCHS = 6
RATE = 1e-4
SEEDS = (0, 1)
REFINING_EPOCHS = 2
REFINING_RATE = 4e-5

QUESTIONS = ("f", "g", "l")
"""Thousands of ordinary questions: the dialogue's examples, other ways to ask the articles' sections, what no article answers,
and follow-ups, alone and after what they follow. The transformer meets them last, in two more rounds over everything."""

FRAGMENTS = ("h", "z")
"""Names, days, numbers and single words, which cost the transformer recall of crises, and what has nothing to do with the clinic,
which the linear model alone mistook for red flags: only that model learns them."""

CACHE = Path("var/safety-training")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and write the model, not yet weighed."""
    parser = argparse.ArgumentParser(prog="python -m bot.safety.learning.train", description=__doc__)
    parser.add_argument("--folder", type=Path, default=MODEL, help="where the model is written")
    parser.add_argument("--cache", type=Path, default=CACHE, help="keeps trained networks for a re-run")
    options = parser.parse_args(arguments)
    examples = load()
    networks = [_refined(examples, seed, options.cache) for seed in SEEDS]
    export(soup(networks), sequences(examples), options.folder, {})
    say(f"wrote {options.folder}; now run `python -m tests.safety.fit`, without which it cannot be used")
    return 0


def sequences(examples: Sequence[Example]) -> SequenceModel:
    """The linear model over letter and word sequences."""
    return train_sequences([e.read for e in examples], np.array([e.group for e in examples]))


def _refined(examples: Sequence[Example], seed: int, cache: Path) -> Network:
    """A network trained on all but the questions, then refined on everything."""
    sentences = [example for example in examples if example.author not in FRAGMENTS]
    written = [example for example in sentences if example.author not in QUESTIONS]
    first = trained(written, seed, cache / f"all-{seed}.pt")
    return trained(sentences, seed, cache / f"refined-{seed}.pt", start=first)


def trained(examples: Sequence[Example], seed: int, cached: Path, *, start: Network | None = None) -> Network:
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
