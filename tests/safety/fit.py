"""Sets the screen's thresholds on the dev split: `python -m tests.safety.fit`.

Training leaves thresholds that suit authors it knows. These are set on golden messages of other authors, the dev half only;
the test half measures them and is never looked at here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.safety.classifier import MODEL, Classifier, Scorer, SequenceClassifier
from bot.safety.decision import Weighing, named
from bot.safety.learning.thresholds import Judged, choose
from bot.safety.normalise import Normaliser
from bot.safety.rules import RuleBook
from tests.safety.evaluate import ENCODER
from tests.safety.golden import Case, load
from tests.safety.perturb import PERTURBATIONS, perturbed


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose thresholds and write them into `model.json`."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety.fit", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--folder", type=Path, default=MODEL)
    options = parser.parse_args(arguments)
    path = options.folder / "model.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    cases = [case for case in load() if case.split == "dev" and not case.previous]
    whole = Classifier.open(options.encoder, options.folder)
    settings["alarm"], settings["check"] = choose(judged(cases, whole, settings))
    plain, without = SequenceClassifier.open(options.folder), settings["without encoder"]
    without["alarm"], without["check"] = choose(judged(cases, plain, without))
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({"alarm": settings["alarm"], "check": settings["check"]}, indent=2) + "\n")
    return 0


def judged(cases: Sequence[Case], scorer: Scorer, settings: dict[str, object]) -> list[Judged]:
    """Each benign or red-flag message as it stands, and once more in each perturbation: more to choose on, and rougher."""
    normalise, rules, weighing = Normaliser(), RuleBook(), Weighing.parse(settings)
    found = []
    for case in cases:
        for text in (case.text, *(perturbed(name, case.id, case.text) for name in PERTURBATIONS)):
            message = normalise(text)
            if message.words:
                scores, matches = scorer.score(message), rules.matches(message)
                kind = named(scores, matches)[1]
                found.append(Judged(weighing.risk(scores, matches), kind, case.group is not None, case.ordinary))
    return found


if __name__ == "__main__":
    sys.exit(main())
