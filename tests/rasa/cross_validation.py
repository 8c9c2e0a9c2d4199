"""Five-fold cross-validation of the intent classifier, with config.yml's own components, in about two minutes.

`rasa test nlu --cross-validation` evaluates one message at a time, training folds included; on our data that takes more than an
hour. This runs the same featurizers and the same classifier in batches. Run it under the Rasa environment:

    .venv-rasa/bin/python -m tests.rasa.cross_validation [--errors] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["LOG_LEVEL"] = "ERROR"

import numpy as np
import yaml
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.constants import INTENT, TEXT
from sklearn.metrics import classification_report, f1_score
from sklearn.model_selection import StratifiedKFold

from bot.components.dense_classifier import DenseLogisticRegressionClassifier
from bot.components.hashed_words import HashedWordsFeaturizer
from bot.components.sentence_encoder import DEFAULT_FOLDER, SentenceEncoderFeaturizer
from knowledge.encoder import SentenceEncoder

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 5


def load(path: str) -> list[Any]:
    """Training examples with text and intent."""
    importer = TrainingDataImporter.load_from_dict(training_data_paths=[path])
    return [m for m in importer.get_nlu_data().intent_examples if m.get(TEXT)]


def featurize(messages: list[Any]) -> None:
    """Add the features that config.yml asks for."""
    kinds = {SentenceEncoderFeaturizer: (SentenceEncoder(DEFAULT_FOLDER),), HashedWordsFeaturizer: ()}
    for kind, more in kinds.items():
        config = {**kind.get_default_config(), **component(kind.__name__), FEATURIZER_CLASS_ALIAS: kind.__name__}
        kind(config, kind.__name__, *more).process(messages)


def component(name: str) -> dict[str, Any]:
    """A component's settings in config.yml."""
    pipeline = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    return {k: v for entry in pipeline if entry["name"].endswith(f".{name}") for k, v in entry.items() if k != "name"}


def classifier() -> DenseLogisticRegressionClassifier:
    """An untrained classifier."""
    config = {
        **DenseLogisticRegressionClassifier.get_default_config(),
        **component("DenseLogisticRegressionClassifier"),
    }
    return DenseLogisticRegressionClassifier(config, "classifier", None, None)


def main(arguments: list[str]) -> int:
    """Cross-validate, and test on the separately written file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="list every miss")
    parser.add_argument("--json", type=Path, help="write the report to a file")
    options = parser.parse_args(arguments)
    data, apart = load(str(ROOT / "bot/data/nlu")), load(str(ROOT / "tests/rasa/nlu_test.yml"))
    featurize(data + apart)
    matrix, names = classifier()._create_X(data), np.array([m.get(INTENT) for m in data])
    predicted, started = np.empty(len(names), dtype=object), time.monotonic()
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=42).split(matrix, names):
        predicted[test] = classifier().clf.fit(matrix[train], names[train]).predict(matrix[test])
    seconds = (time.monotonic() - started) / FOLDS
    whole = classifier().clf.fit(matrix, names)
    truth, guess = [m.get(INTENT) for m in apart], whole.predict(classifier()._create_X(apart))
    report = classification_report(names, predicted, output_dict=True, zero_division=0)
    result = {
        "examples": len(names),
        "intents": len(set(names)),
        "macro_f1_5_fold": round(float(f1_score(names, predicted, average="macro")), 4),
        "macro_f1_apart": round(float(f1_score(truth, guess, average="macro")), 4),
        "fit_seconds": round(seconds, 1),
        "by_intent": {k: round(v["f1-score"], 3) for k, v in sorted(report.items()) if k in set(names)},
        "confused": [
            [*pair, n] for pair, n in Counter(zip(names, predicted, strict=True)).most_common() if pair[0] != pair[1]
        ][:15],
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.errors:
        for message, name, other in zip([*data, *apart], [*names, *truth], [*predicted, *guess], strict=True):
            if name != other:
                sys.stdout.write(f"{name} -> {other}: {message.get(TEXT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
