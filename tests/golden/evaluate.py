"""Measures retrieval on the golden questions: `python -m tests.golden.evaluate [--split dev|test]` (`make eval`).

Prints one table, writes `var/reports/eval.html`, and exits 1 when a figure of the test split is worse than
`tests/golden/ratchet.json` by more than half a point. `--ratchet` writes what was reached into that file, upward only;
giving a figure up for another is a decision, and an edit of that file by hand. Misses are printed for dev, where
anyone may learn from them; those of test only with `--misses`, or the test split would turn into a second dev split.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytrec_eval

from knowledge.answering import AnswerService
from knowledge.models import Answer, Hit, Refusal
from knowledge.settings import ROOT, KnowledgeSettings
from tests.golden.goldens import Golden, load

RATCHET = Path(__file__).with_name("ratchet.json")
REPORT = ROOT / "var" / "reports" / "eval.html"
TOLERANCE = 0.5
"""Points by which a figure may fall short of the ratchet: two or three questions of 512."""
BINS = 10
DEPTH = 10
FEW, REST = 6, "(rarer styles)"

Kind = Literal["answered", "offered", "refused"]


@dataclass(frozen=True)
class Measure:
    """One figure: its bar (if any), whether more is better, and whether the ratchet holds it."""

    name: str
    label: str
    bar: float | None = None
    more_is_better: bool = True
    held: bool = True

    def worse(self, value: float, than: float, by: float = 0.0) -> bool:
        return (than - value if self.more_is_better else value - than) > by + 1e-9


MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "answerable": (
        Measure("top_1", "top-1 of the ranking", bar=90),
        Measure("top_3", "top-3 of the ranking", bar=97),
        Measure("mrr", "MRR"),
        Measure("ndcg_10", "nDCG@10"),
        Measure("served_right", "answered with an accepted passage"),
        Measure("answered_wrongly", "answered with another passage", more_is_better=False),
        Measure("served_two", "answered with two passages", more_is_better=False, held=False),
        Measure("offered", "offered two questions instead", more_is_better=False, held=False),
        Measure("offer_holds", "  of these: an accepted one among them", held=False),
        Measure("wrongful_refusal", 'outright "I don\'t know"', bar=5, more_is_better=False),
        Measure("helped", "accepted passage served or offered"),
    ),
    "off-topic-medical": (
        Measure("medical_declined", "not answered (refused or offered)", bar=93),
        Measure("medical_answered", "answered", more_is_better=False, held=False),
        Measure("medical_offered", "offered", more_is_better=False, held=False),
        Measure("medical_refused", "refused outright", held=False),
    ),
    "off-topic-other": (
        Measure("other_declined", "not answered (refused or offered)", bar=97),
        Measure("other_answered", "answered", more_is_better=False, held=False),
        Measure("other_offered", "offered", more_is_better=False, held=False),
        Measure("other_refused", "refused outright", held=False),
    ),
    "follow-ups": (
        Measure("follow_right", "right topic and a new passage", bar=90),
        Measure("follow_exact", "  of all: exactly an accepted passage, new"),
        Measure("follow_repeated", "passage given before, again", more_is_better=False, held=False),
        Measure("follow_wrong", "another topic", more_is_better=False, held=False),
        Measure("follow_offered", "offered two questions instead", more_is_better=False, held=False),
        Measure("follow_refused", "refused outright", more_is_better=False, held=False),
    ),
    "calibration and speed": (
        Measure("ece", "calibration error (ECE, 10 bins), points", more_is_better=False),
        Measure("p50_ms", "one ask, p50, ms", more_is_better=False, held=False),
        Measure("p95_ms", "one ask, p95, ms", bar=10, more_is_better=False, held=False),
    ),
}


@dataclass(frozen=True)
class Asked:
    """A golden question, and what came back. Passages are named by their ids.

    Attributes:
        golden: The question.
        accepted: Passages that answer it.
        kind: What the service did.
        served: The passages of the answer: one, two for a question of two parts, none for a refusal.
        offered: The passages of the questions offered instead.
        ranking: Passages in the order the search ranks them; for answerable questions only.
        shown: What the earlier questions of the conversation were answered with.
        probability: The service's own, that the best passage answers.
        seconds: Duration of the one `ask`.
    """

    golden: Golden
    accepted: frozenset[str]
    kind: Kind
    served: tuple[str, ...]
    offered: tuple[str, ...]
    ranking: tuple[str, ...]
    shown: tuple[str, ...]
    probability: float
    seconds: float

    @property
    def right(self) -> bool:
        """Whether an accepted passage was served; of two, one is enough."""
        return bool(self.accepted & set(self.served))

    @property
    def first_is_right(self) -> bool:
        return bool(self.ranking) and self.ranking[0] in self.accepted

    @property
    def came_true(self) -> bool:
        """Whether the passage that the probability speaks of answers the question."""
        return self.right if self.served else self.first_is_right

    @property
    def helped(self) -> bool:
        return self.right or bool(self.accepted & set(self.offered))

    @property
    def outcome(self) -> str:
        """What became of it: for a follow-up `exact`, `topic`, `repeated`, `wrong`, `offered` or `refused`."""
        if not self.golden.previous or self.kind != "answered":
            return self.kind
        new = set(self.served) - set(self.shown)
        if not new:
            return "repeated"
        if new & self.accepted:
            return "exact"
        return "topic" if {_article(passage) for passage in new} & set(map(_article, self.accepted)) else "wrong"

    @property
    def missed(self) -> bool:
        """Whether it belongs into the list of misses."""
        if self.golden.previous:
            return self.outcome not in ("exact", "topic")
        if not self.golden.accept:
            return self.kind == "answered"
        return not (self.right and self.first_is_right)


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one split: figures in points (0 to 100; `_ms` in milliseconds), and each question."""

    split: str
    figures: Mapping[str, float]
    asked: Mapping[str, tuple[Asked, ...]]

    @property
    def misses(self) -> list[tuple[str, Asked]]:
        return [(name, one) for name, every in self.asked.items() for one in every if one.missed]


class Evaluator:
    """Asks the golden questions of one service."""

    def __init__(self, service: AnswerService) -> None:
        self._service = service
        self._sections: dict[str, list[str]] = {}
        for vetted in service.index.passages:
            passage = vetted.passage
            self._sections.setdefault(f"{passage.article}/{passage.heading}", []).append(passage.id)

    @property
    def sections(self) -> frozenset[str]:
        """Every `slug/Heading` that can be served."""
        return frozenset(self._sections)

    @property
    def asks(self) -> frozenset[str]:
        """Every heading and other way to ask that the index holds."""
        passages = [vetted.passage for vetted in self._service.index.passages]
        return frozenset(ask for passage in passages for ask in (passage.heading, *passage.asks))

    def heading(self, passage: str) -> str:
        vetted = self._service.index.passages[self._service.index.by_id[passage]]
        return f"{vetted.passage.article}/{vetted.passage.heading}"

    def evaluate(self, split: str) -> Evaluation:
        """Ask every question of a split."""
        self._service.ask("does stress hurt the gut?")  # what loads late is not part of anyone's latency
        asked = {
            name: tuple(self._ask(golden) for golden in load(name, split))
            for name in ("answerable", "off-topic-medical", "off-topic-other", "follow-ups")
        }
        return Evaluation(split, figures_of(asked), asked)

    def _ask(self, golden: Golden) -> Asked:
        shown = self._replayed(golden.previous)
        started = perf_counter()
        outcome = self._service.ask(golden.text, previous=golden.previous, shown=shown)
        seconds = perf_counter() - started
        ranked = golden.accept and not golden.previous
        ranking: Sequence[Hit] = self._service.search(golden.text, limit=DEPTH) if ranked else ()
        return Asked(
            golden=golden,
            accepted=frozenset(passage for section in golden.accept for passage in self._sections.get(section, ())),
            kind=_kind(outcome),
            served=tuple(vetted.passage.id for vetted in outcome.passages) if isinstance(outcome, Answer) else (),
            offered=tuple(near.passage for near in outcome.nearest) if isinstance(outcome, Refusal) else (),
            ranking=tuple(hit.passage.id for hit in ranking),
            shown=shown,
            probability=outcome.probability,
            seconds=seconds,
        )

    def _replayed(self, previous: Sequence[str]) -> tuple[str, ...]:
        shown: list[str] = []
        for turn, text in enumerate(previous):
            outcome = self._service.ask(text, previous=previous[:turn], shown=shown)
            if isinstance(outcome, Answer):
                shown.extend(vetted.passage.id for vetted in outcome.passages)
        return tuple(shown)


def figures_of(asked: Mapping[str, Sequence[Asked]]) -> dict[str, float]:
    """All figures, by their names in `MEASURES`."""
    answerable, follow_ups = asked["answerable"], asked["follow-ups"]
    single = [one for name, every in asked.items() if name != "follow-ups" for one in every]
    offered = [one for one in answerable if one.kind == "offered"]
    figures = {
        **_ranking_figures(answerable),
        "served_right": _share(one.right for one in answerable),
        "served_two": _share(len(one.served) > 1 for one in answerable),
        "answered_wrongly": _share(one.kind == "answered" and not one.right for one in answerable),
        "offered": _share(one.kind == "offered" for one in answerable),
        "offer_holds": _share(one.helped for one in offered),
        "wrongful_refusal": _share(one.kind == "refused" for one in answerable),
        "helped": _share(one.helped for one in answerable),
        "follow_right": _share(one.outcome in ("exact", "topic") for one in follow_ups),
        "follow_exact": _share(one.outcome == "exact" for one in follow_ups),
    }
    for short, name in (("medical", "off-topic-medical"), ("other", "off-topic-other")):
        figures[f"{short}_declined"] = _share(one.kind != "answered" for one in asked[name])
        for kind in ("answered", "offered", "refused"):
            figures[f"{short}_{kind}"] = _share(one.kind == kind for one in asked[name])
    for outcome in ("repeated", "wrong", "offered", "refused"):
        figures[f"follow_{outcome}"] = _share(one.outcome == outcome for one in follow_ups)
    promised = [one.probability for one in single]
    figures["ece"] = 100 * calibration_error(promised, [one.came_true for one in single])
    milliseconds = 1000 * np.array([one.seconds for one in single])
    figures["p50_ms"], figures["p95_ms"] = (float(np.percentile(milliseconds, part)) for part in (50, 95))
    return figures


def _ranking_figures(answerable: Sequence[Asked]) -> dict[str, float]:
    """Top-k, MRR and nDCG by trec_eval; every accepted passage is equally relevant."""
    relevant = {one.golden.id: dict.fromkeys(one.accepted, 1) for one in answerable}
    run = {
        one.golden.id: {passage: float(DEPTH - rank) for rank, passage in enumerate(one.ranking)} for one in answerable
    }
    measures = {"success.1,3", "recip_rank", "ndcg_cut.10"}
    results = pytrec_eval.RelevanceEvaluator(relevant, measures).evaluate(run)
    names = {"top_1": "success_1", "top_3": "success_3", "mrr": "recip_rank", "ndcg_10": "ndcg_cut_10"}
    return {ours: 100 * float(np.mean([row[theirs] for row in results.values()])) for ours, theirs in names.items()}


@dataclass(frozen=True)
class Bin:
    """Questions whose probability fell into one tenth: how many, what was promised, and what held true."""

    count: int
    promised: float
    true: float


def reliability(probabilities: Sequence[float], came_true: Sequence[bool]) -> list[Bin]:
    """Ten equally wide bins of probability; the empty ones are left out."""
    said: npt.NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64)
    truth: npt.NDArray[np.float64] = np.asarray(came_true, dtype=np.float64)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    chosen = [bins == number for number in range(BINS)]
    return [Bin(int(c.sum()), float(said[c].mean()), float(truth[c].mean())) for c in chosen if c.any()]


def calibration_error(probabilities: Sequence[float], came_true: Sequence[bool]) -> float:
    """Expected calibration error (Naeini et al., 2015): mean gap between promise and truth, by bin, 0 to 1.

    Example:
        >>> calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
        0.0
    """
    bins = reliability(probabilities, came_true)
    return sum(b.count * abs(b.promised - b.true) for b in bins) / max(1, sum(b.count for b in bins))


def by_style(every: Sequence[Asked]) -> list[tuple[str, list[Asked]]]:
    """The questions of each style, the most frequent style first, those under `FEW` together at the end."""
    counts = Counter(one.golden.style for one in every)
    styles: dict[str, list[Asked]] = {}
    for one in every:
        styles.setdefault(one.golden.style if counts[one.golden.style] >= FEW else REST, []).append(one)
    return sorted(styles.items(), key=lambda item: (item[0] == REST, -len(item[1]), item[0]))


def read_ratchet() -> dict[str, float]:
    return json.loads(RATCHET.read_text(encoding="utf-8")) if RATCHET.is_file() else {}


def held_measures() -> list[Measure]:
    return [measure for group in MEASURES.values() for measure in group if measure.held]


def slipped(figures: Mapping[str, float], ratchet: Mapping[str, float]) -> list[str]:
    """One line for each figure that is worse than the ratchet by more than the tolerance."""
    return [
        f"{measure.name}: {figures[measure.name]:.2f}, and the ratchet holds {ratchet[measure.name]:.2f}"
        for measure in held_measures()
        if measure.name in ratchet and measure.worse(figures[measure.name], ratchet[measure.name], TOLERANCE)
    ]


def raised(figures: Mapping[str, float], ratchet: Mapping[str, float]) -> dict[str, float]:
    """The ratchet with every figure at the better of what it held and what was reached."""
    return {
        m.name: round(figures[m.name], 2)
        if m.name not in ratchet or m.worse(ratchet[m.name], figures[m.name])
        else ratchet[m.name]
        for m in held_measures()
    }


def table(evaluation: Evaluation, ratchet: Mapping[str, float]) -> str:
    lines = [f"{evaluation.split + ' split':46}{'reached':>9}{'bar':>9}{'':6}{'ratchet':>9}"]
    for group, measures in MEASURES.items():
        count = f" ({len(evaluation.asked[group])})" if group in evaluation.asked else ""
        lines.append(f"{group}{count}")
        for measure in measures:
            value = evaluation.figures[measure.name]
            sign = ">=" if measure.more_is_better else "<="
            bar = f"{sign} {measure.bar:g}" if measure.bar is not None else ""
            verdict = "" if measure.bar is None else "  no" if measure.worse(value, measure.bar) else "  yes"
            held = f"{ratchet[measure.name]:.1f}" if measure.name in ratchet else ""
            lines.append(f"  {measure.label:44}{value:9.1f}{bar:>9}{verdict:6}{held:>9}")
    return "\n".join(lines)


def style_table(evaluation: Evaluation) -> str:
    """Each style of answerable questions, follow-ups and off-topic questions."""
    lines = [_head("answerable, by style", "n", "top-1", "top-3", "right", "wrong", "offer", "refuse")]
    for style, every in by_style(evaluation.asked["answerable"]):
        top_3 = _share(bool(one.accepted & set(one.ranking[:3])) for one in every)
        wrong = _share(one.kind == "answered" and not one.right for one in every)
        columns = [_share(one.first_is_right for one in every), top_3, _share(one.right for one in every), wrong]
        columns += [_share(one.kind == kind for one in every) for kind in ("offered", "refused")]
        lines.append(f"  {style:28}{len(every):6}" + "".join(f"{value:8.1f}" for value in columns))
    lines.append(_head("follow-ups, by style", "n", "right", "exact"))
    for style, every in by_style(evaluation.asked["follow-ups"]):
        right = _share(one.outcome in ("exact", "topic") for one in every)
        exact = _share(one.outcome == "exact" for one in every)
        lines.append(f"  {style:28}{len(every):6}{right:8.1f}{exact:8.1f}")
    for name in ("off-topic-medical", "off-topic-other"):
        lines.append(_head(f"{name}, by style", "n", "answer", "offer", "refuse"))
        for style, every in by_style(evaluation.asked[name]):
            shares = (_share(one.kind == kind for one in every) for kind in ("answered", "offered", "refused"))
            lines.append(f"  {style:28}{len(every):6}" + "".join(f"{value:8.1f}" for value in shares))
    return "\n".join(lines)


def describe(name: str, one: Asked, evaluator: Evaluator) -> str:
    """One miss in words: what was asked and accepted, and what came back."""
    back = [f"{one.outcome} p={one.probability:.2f}"]
    if one.served:
        back.append("served " + " | ".join(evaluator.heading(passage) for passage in one.served))
    if one.offered:
        back.append("offered " + " | ".join(evaluator.heading(passage) for passage in one.offered))
    if one.golden.accept and one.ranking:
        ranks = [rank for rank, passage in enumerate(one.ranking, 1) if passage in one.accepted]
        at = ranks[0] if ranks else f"> {DEPTH}"
        back.append(f"accepted at rank {at}, first {evaluator.heading(one.ranking[0])}")
    asked = " > ".join((*one.golden.previous, one.golden.text))
    wanted = f"\n    wanted {' | '.join(one.golden.accept)}" if one.golden.accept else ""
    return f"{one.golden.id} [{name}, {one.golden.style}] {asked}{wanted}\n    " + "; ".join(back)


def _head(label: str, *columns: str) -> str:
    return f"{label:30}{columns[0]:>6}" + "".join(f"{column:>8}" for column in columns[1:])


def _kind(outcome: Answer | Refusal) -> Kind:
    if isinstance(outcome, Answer):
        return "answered"
    return "offered" if outcome.nearest else "refused"


def _article(passage: str) -> str:
    return passage.partition("#")[0]


def _share(values: Iterable[bool]) -> float:
    every = list(values)
    return 100.0 * sum(every) / len(every) if every else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.evaluate", description="Measure retrieval.")
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--misses", action="store_true", help="print and report the misses of the test split, too")
    parser.add_argument("--ratchet", action="store_true", help="write what was reached into ratchet.json, upward only")
    options = parser.parse_args(arguments)
    from tests.golden.report import write_report  # matplotlib is not needed by the tests that import this module

    evaluator = Evaluator(AnswerService.open(KnowledgeSettings()))
    evaluation = evaluator.evaluate(options.split)
    ratchet = read_ratchet() if options.split == "test" else {}
    misses = [describe(name, one, evaluator) for name, one in evaluation.misses]
    shown = misses if options.misses or options.split == "dev" else []
    hidden = f"{len(misses)} misses, hidden: tune on dev (`--split dev`), or look with `--misses`."
    tables = (table(evaluation, ratchet), style_table(evaluation))
    write_report(REPORT, evaluation, tables, shown, "" if shown else hidden)
    sys.stdout.write("\n\n".join((*tables, "\n".join(shown) if shown else hidden, f"{REPORT}\n")))
    if options.split == "dev":
        return 0
    if options.ratchet:
        RATCHET.write_text(json.dumps(raised(evaluation.figures, ratchet), indent=1) + "\n", encoding="utf-8")
    worse = slipped(evaluation.figures, ratchet)
    sys.stdout.write("".join(f"worse than before: {line}\n" for line in worse))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
