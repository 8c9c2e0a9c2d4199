"""Five-fold cross-validation of the intent classifier, with config.yml's own components, in about two minutes.

`rasa test nlu --cross-validation` evaluates one message at a time, training folds included; on our data that takes more than an
hour. This runs the same featurizers and the same classifier in batches. Run it under the Rasa environment:

    make eval-dialogue
    .venv-rasa/bin/python -m tests.rasa.cross_validation [--errors] [--report FOLDER]

The report is `dialogue.json`, `dialogue-errors.txt` (cross-validation only: the separate file is not for learning from) and
`dialogue-confusion.png`. It fails below the bars.
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
from sklearn.metrics import classification_report, confusion_matrix, f1_score
from sklearn.model_selection import StratifiedKFold

from bot.components.dense_classifier import DenseLogisticRegressionClassifier
from bot.components.hashed_words import HashedWordsFeaturizer
from bot.components.sentence_encoder import DEFAULT_FOLDER, SentenceEncoderFeaturizer
from knowledge.encoder import SentenceEncoder

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 5
BARS = {"macro_f1_5_fold": 0.93, "macro_f1_apart": 0.90}


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
    parser.add_argument("--errors", action="store_true", help="list every miss of the cross-validation")
    parser.add_argument("--report", type=Path, help="write the report and the confusion picture to this folder")
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
    errors = [
        f"{name} -> {other}: {message.get(TEXT)}"
        for message, name, other in zip(data, names, predicted, strict=True)
        if name != other
    ]
    shown = {key: value for key, value in result.items() if key != "by_intent"}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    if options.errors:
        sys.stdout.write("\n".join(errors) + "\n")
    if options.report:
        (options.report / "dialogue.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (options.report / "dialogue-errors.txt").write_text("\n".join(errors) + "\n", encoding="utf-8")
        picture(names, predicted, options.report / "dialogue-confusion.png")
    low = [key for key, bar in BARS.items() if result[key] < bar]
    if low:
        sys.stderr.write("below the bar: " + ", ".join(f"{key} {result[key]} < {BARS[key]}" for key in low) + "\n")
    return 1 if low else 0


def picture(names: Any, predicted: Any, path: Path) -> None:
    """The confusion matrix of the cross-validation, one row an intent, dark where messages go astray."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    labels = sorted(set(names))
    share = confusion_matrix(names, predicted, labels=labels, normalize="true")
    figure, axes = pyplot.subplots(figsize=(15, 14))
    image = axes.imshow(share**0.5, cmap="Blues")
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=6)
    axes.set_yticks(range(len(labels)), labels, fontsize=6)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("Intents, five-fold cross-validation (square root of the row's share)")
    figure.colorbar(image, shrink=0.6)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
