"""Sets the screen's thresholds on the dev split: `python -m tests.safety.fit`.

Training leaves thresholds that suit authors it knows. These are set on golden messages of other authors, and on the questions
that retrieval is measured on as more ordinary messages, the dev halves only; the test halves measure and are never looked at here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.safety.classifier import MODEL, Classifier, Scorer, SequenceClassifier
from bot.safety.decision import Weighing, named
from bot.safety.flags import Kind
from bot.safety.learning.thresholds import Judged, choose
from bot.safety.normalise import Normaliser
from bot.safety.rules import RuleBook
from tests.golden.goldens import load as load_questions
from tests.safety.evaluate import ENCODER, QUESTIONS
from tests.safety.golden import load

HELP_NOW = "when-to-get-help-now/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose thresholds and write them into `model.json`."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety.fit", description=__doc__)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--folder", type=Path, default=MODEL)
    options = parser.parse_args(arguments)
    path = options.folder / "model.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    messages = golden()
    whole = Classifier.open(options.encoder, options.folder)
    settings["alarm"], settings["check"] = choose(judged(messages, whole, settings))
    plain, without = SequenceClassifier.open(options.folder), settings["without encoder"]
    without["alarm"], without["check"] = choose(judged(messages, plain, without))
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({"alarm": settings["alarm"], "check": settings["check"]}, indent=2) + "\n")
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


def judged(
    messages: Sequence[tuple[str, Kind | None, bool]], scorer: Scorer, settings: dict[str, object]
) -> list[Judged]:
    """What the opinions, weighed, say of each message."""
    normalise, rules, weighing = Normaliser(), RuleBook(), Weighing.parse(settings)
    found = []
    for text, kind, ordinary in messages:
        message = normalise(text)
        if message.words:
            scores, matches = scorer.score(message), rules.matches(message)
            found.append(Judged(weighing.risk(scores, matches), named(scores, matches)[1], kind, ordinary))
    return found


if __name__ == "__main__":
    sys.exit(main())
