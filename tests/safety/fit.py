"""Weighs the screen's opinions and sets its thresholds on the dev split: `python -m tests.safety.fit`.

Networks and sequence model learn from the training messages; how far each may be trusted on people it never met is fitted on
golden messages of other authors, and on the questions that retrieval is measured on as more ordinary messages, the dev halves
only. Thresholds are chosen on risks that models fitted on the other folds give, so that they do not flatter themselves. The
test halves measure and are never looked at here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

from bot.safety.classifier import MODEL, Classifier, Scorer, SequenceClassifier
from bot.safety.decision import OPINIONS, named, opinions
from bot.safety.flags import Kind
from bot.safety.learning.linear import weigh
from bot.safety.learning.thresholds import Judged, choose
from bot.safety.normalise import Normaliser
from bot.safety.rules import RuleBook
from tests.golden.goldens import load as load_questions
from tests.safety.evaluate import ENCODER, QUESTIONS
from tests.safety.golden import load

FOLDS = 5
HELP_NOW = "when-to-get-help-now/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, and write `model.json`."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety.fit", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--folder", type=Path, default=MODEL)
    options = parser.parse_args(arguments)
    path = options.folder / "model.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    messages = golden()
    whole, plain = Classifier.open(options.encoder, options.folder), SequenceClassifier.open(options.folder)
    settings = {"encoder_sha256": settings["encoder_sha256"], **fitted(messages, whole)}
    settings["without encoder"] = fitted(messages, plain)
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(settings, indent=2) + "\n")
    return 0


def golden() -> list[tuple[str, Kind | None, bool]]:
    """Text, kind, and whether it is ordinary, of each message of the dev halves.

    Questions that the article on getting help answers are left out: some of them are red flags.
    """
    cases = [case for case in load() if case.split == "dev" and not case.previous]
    questions = [question for name in QUESTIONS for question in load_questions(name, "dev")]
    return [(case.text, case.kind, case.ordinary) for case in cases] + [
        (question.text, None, True)
        for question in questions
        if not any(section.startswith(HELP_NOW) for section in question.accept)
    ]


def fitted(messages: Sequence[tuple[str, Kind | None, bool]], scorer: Scorer) -> dict[str, Any]:
    """Weights of the opinions and thresholds, as they stand in `model.json`."""
    normalise, rules = Normaliser(), RuleBook()
    rows: list[tuple[float, ...]] = []
    found: list[tuple[Kind, Kind | None, bool]] = []
    for text, kind, ordinary in messages:
        message = normalise(text)
        if message.words:
            scores, matches = scorer.score(message), rules.matches(message)
            rows.append(opinions(scores, matches))
            found.append((named(scores, matches)[1], kind, ordinary))
    features, flags = np.array(rows), np.array([kind is not None for _, kind, _ in found])
    risks = np.zeros(len(rows))
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, flags):
        weights, bias = weigh(features[seen], flags[seen])
        risks[unseen] = features[unseen] @ np.array(weights) + bias
    alarm, check = choose([Judged(float(risk), *rest) for risk, rest in zip(risks, found, strict=True)])
    weights, bias = weigh(features, flags)
    return {"weights": dict(zip(OPINIONS, weights, strict=True)), "bias": bias, "alarm": alarm, "check": check}


if __name__ == "__main__":
    sys.exit(main())
