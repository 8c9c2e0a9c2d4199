"""Fits the numbers of `knowledge/ranking.json` on the dev split: `python -m tests.golden.fit` (`make fit`).

Ranking: a conditional logit over each question's candidates (the accepted passages should outscore the others).
Answerability: logistic regression on the best candidate, whether it is an accepted passage or not. Thresholds: from
five-fold cross-validated probabilities, so that they do not flatter themselves. Questions in a conversation have two
models of their own, see `tests.golden.fit_following`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.answering import open_retriever
from knowledge.following import FOLLOW_ANSWER_FEATURES, FOLLOW_FEATURES, Following
from knowledge.ranking import (
    ANSWER_FEATURES,
    FIT_FEATURES,
    RANK_FEATURES,
    WEIGHTS,
    Candidates,
    LinearModel,
    QuestionSigns,
    Ranking,
    answer_features,
)
from knowledge.retriever import Retriever
from knowledge.settings import KnowledgeSettings
from tests.golden import fit_following
from tests.golden.goldens import Golden, load
from tests.golden.models import Floats, Mask, Model, as_json, fit_choice, fit_judge

WRONGFUL_ANSWER_BUDGET = 0.04
"""Share of off-topic medical dev questions that may be answered at the threshold that is chosen."""
OFFER_QUANTILE = 0.01
"""Share of answerable dev questions that may fall below the offer threshold."""


@dataclass
class Case:
    golden: Golden
    candidates: Candidates
    signs: QuestionSigns
    accepted: npt.NDArray[np.bool_]

    def features(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        return self.candidates.fit[:, [FIT_FEATURES.index(name) for name in names]].astype(np.float64)


def cases(retriever: Retriever, goldens: Sequence[Golden]) -> list[Case]:
    made = []
    for golden in goldens:
        query = retriever.query(golden.text)
        candidates = retriever.candidates(query)
        passages = [retriever.index.passages[position].passage for position in candidates.positions]
        accepted = np.array([f"{p.article}/{p.heading}" in golden.accept for p in passages])
        made.append(Case(golden, candidates, query.signs, accepted))
    return made


def fit_ranking(answerable: Sequence[Case], names: Sequence[str] = RANK_FEATURES) -> Model:
    return fit_choice([(case.features(names), case.accepted) for case in answerable], names)


def top(model: Model, held_out: Sequence[Case], names: Sequence[str]) -> tuple[float, float]:
    first = third = 0
    for case in held_out:
        order = np.argsort(-model(case.features(names)), kind="stable")
        first += bool(case.accepted[order[:1]].any())
        third += bool(case.accepted[order[:3]].any())
    return first / len(held_out), third / len(held_out)


def cross_validated(answerable: Sequence[Case], names: Sequence[str], folds: int = 5) -> tuple[float, float]:
    results = []
    for fold in range(folds):
        train = [case for i, case in enumerate(answerable) if i % folds != fold]
        held_out = [case for i, case in enumerate(answerable) if i % folds == fold]
        results.append(top(fit_ranking(train, names), held_out, names))
    first, third = np.mean(results, axis=0)
    return float(first), float(third)


def ablation(answerable: Sequence[Case]) -> None:
    """Print what each ranking feature is worth, cross-validated on dev."""
    print("| features | top-1 | top-3 |\n|---|---|---|")
    variants = [("chosen", RANK_FEATURES), ("all", FIT_FEATURES)]
    variants += [(f"without {name}", tuple(n for n in FIT_FEATURES if n != name)) for name in FIT_FEATURES]
    variants += [(f"{name} alone", (name,)) for name in ("ask", "lead", "text", "coverage", "wording")]
    variants += [("dense only", ("ask", "asks", "lead", "text")), ("lexical only", ("coverage", "wording"))]
    for label, names in variants:
        first, third = cross_validated(answerable, names)
        print(f"| {label} | {first:.3f} | {third:.3f} |", flush=True)


def fit_answering(
    fit: Model, answerable: list[Case], medical: list[Case], other: list[Case], *, table: bool = False
) -> dict[str, object]:
    """The answer model and the two thresholds; with `table`, print what each feature is worth."""
    everything = [*answerable, *medical, *other]
    rows, labels = [], []
    for case in everything:
        scores = fit(case.features(RANK_FEATURES)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        rows.append(answer_features(case.candidates, scores, order, case.signs))
        labels.append(bool(case.accepted[order[0]]))
    features, true = np.array(rows, dtype=np.float64), np.array(labels)
    model, held = fit_judge(features, true, C=0.3)
    if table:
        _answer_ablation(features, true, len(answerable), len(medical))
    asked, off = held[: len(answerable)], held[len(answerable) : len(answerable) + len(medical)]
    rest = held[len(answerable) + len(medical) :]
    answer_from = float(np.quantile(off, 1 - WRONGFUL_ANSWER_BUDGET))
    offer_from = min(answer_from, float(np.quantile(asked, OFFER_QUANTILE)))
    print(
        f"answer from {answer_from:.3f}: answers {np.mean(asked >= answer_from):.3f} of answerable, "
        f"{np.mean(off >= answer_from):.3f} of off-topic medical, {np.mean(rest >= answer_from):.3f} of other off-topic"
    )
    print(f"offer from {offer_from:.3f}: refuses outright {np.mean(asked < offer_from):.3f} of answerable")
    return {
        "answer": as_json(ANSWER_FEATURES, model),
        "answer_from": round(answer_from, 4),
        "offer_from": round(offer_from, 4),
    }


def _answer_ablation(features: Floats, true: Mask, asked: int, medical: int) -> None:
    print("| answering | log loss | answered right at 4% of off-topic medical |\n|---|---|---|")
    groups = {
        "unknown, uncovered": {"unknown", "uncovered"},
        "outside, outside_wording": {"outside", "outside_wording"},
    }
    for label, gone in {"": set(), **{name: {name} for name in ANSWER_FEATURES}, **groups}.items():
        columns = [i for i, name in enumerate(ANSWER_FEATURES) if name not in gone]
        _, held = fit_judge(features[:, columns], true, C=0.3)
        sure = np.clip(np.where(true, held, 1 - held), 1e-6, 1)
        answered = held >= np.quantile(held[asked : asked + medical], 1 - WRONGFUL_ANSWER_BUDGET)
        right = np.mean((answered & true)[:asked])
        print(f"| {'without ' + label if label else 'all'} | {-np.log(sure).mean():.4f} | {right:.3f} |", flush=True)


def blank_retriever() -> Retriever:
    """A retriever that cannot rank yet: fitting must not need the numbers that it makes."""
    ranking = Ranking(LinearModel.blank(RANK_FEATURES), LinearModel.blank(ANSWER_FEATURES), 1.0, 1.0)
    blank = (LinearModel.blank(FOLLOW_FEATURES), LinearModel.blank(FOLLOW_ANSWER_FEATURES))
    return open_retriever(KnowledgeSettings(), ranking, Following(ranking, *blank, 1.0))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.fit", description=__doc__.splitlines()[0])
    parser.add_argument("--ablation", action="store_true", help="print what each feature is worth; write nothing")
    options = parser.parse_args(arguments)
    retriever = blank_retriever()
    answerable = cases(retriever, load("answerable", "dev"))
    medical = cases(retriever, load("off-topic-medical", "dev"))
    other = cases(retriever, load("off-topic-other", "dev"))
    if options.ablation:
        ablation(answerable)
        fit = fit_ranking(answerable)
        retriever.ranking = Ranking.from_json(
            {"rank": as_json(RANK_FEATURES, fit), **fit_answering(fit, answerable, medical, other, table=True)}
        )
        fit_following.ablation(retriever)
        return 0
    print("ranking, cross-validated: top-1 {:.3f}, top-3 {:.3f}".format(*cross_validated(answerable, RANK_FEATURES)))
    fit = fit_ranking(answerable)
    data: dict[str, object] = {
        "about": "Fitted by `make fit` on the dev split of tests/golden and on tests/golden/training; see "
        "knowledge/ranking.py and knowledge/following.py for the features.",
        "rank": as_json(RANK_FEATURES, fit),
        **fit_answering(fit, answerable, medical, other),
    }
    retriever.ranking = Ranking.from_json(data)
    data["following"] = fit_following.fit_following(retriever)
    WEIGHTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
