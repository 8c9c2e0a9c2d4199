"""Fits the numbers of `knowledge/ranking.json` on the dev split: `python -m tests.golden.fit` (`make fit`).

Ranking: a conditional logit over each question's candidates (the accepted passages should outscore the others).
Answerability: logistic regression on the best candidate, whether it is an accepted passage or not. Thresholds: from
five-fold cross-validated probabilities, so that they do not flatter themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from knowledge.answering import AnswerService
from knowledge.ranking import (
    ANSWER_FEATURES,
    FIT_FEATURES,
    RANK_FEATURES,
    WEIGHTS,
    Candidates,
    QuestionSigns,
    answer_features,
)
from knowledge.retriever import Retriever
from knowledge.settings import KnowledgeSettings
from tests.golden.goldens import Golden, load

WRONGFUL_ANSWER_BUDGET = 0.06
"""Share of off-topic medical dev questions that may be answered at the threshold that is chosen."""
OFFER_QUANTILE = 0.02
"""Share of answerable dev questions that may fall below the offer threshold."""
FOLLOW_FROM = 0.3
"""Probability from which a follow-up is answered, whose subject the conversation has settled already."""
RIDGE = 1e-3

Floats = npt.NDArray[np.float64]


@dataclass
class Case:
    golden: Golden
    candidates: Candidates
    signs: QuestionSigns
    accepted: npt.NDArray[np.bool_]


def cases(retriever: Retriever, goldens: Sequence[Golden]) -> list[Case]:
    made = []
    for golden in goldens:
        candidates, signs = retriever.candidates(retriever.read(golden.text))
        passages = [retriever.index.passages[position].passage for position in candidates.positions]
        accepted = np.array([f"{p.article}/{p.heading}" in golden.accept for p in passages])
        made.append(Case(golden, candidates, signs, accepted))
    return made


def fit_ranking(answerable: Sequence[Case], names: Sequence[str] = RANK_FEATURES) -> dict[str, object]:
    columns = [FIT_FEATURES.index(name) for name in names]
    found = [case for case in answerable if case.accepted.any()]
    everything = np.concatenate([case.candidates.fit[:, columns] for case in found]).astype(np.float64)
    mean, scale = everything.mean(0), everything.std(0) + 1e-9
    rows = [(case.candidates.fit[:, columns] - mean) / scale for case in found]

    def loss(weight: Floats) -> tuple[float, Floats]:
        total, gradient = RIDGE * float(weight @ weight), 2 * RIDGE * weight
        for features, case in zip(rows, found, strict=True):
            scores = features @ weight
            every = np.exp(scores - scores.max())
            good = every * case.accepted
            total -= float(np.log(good.sum() / every.sum())) / len(found)
            gradient -= (good @ features / good.sum() - every @ features / every.sum()) / len(found)
        return total, gradient

    weight = minimize(loss, np.zeros(len(columns)), jac=True, method="L-BFGS-B").x
    return _as_json(names, mean, scale, weight, 0.0)


def _as_json(names: Sequence[str], mean: Floats, scale: Floats, weight: Floats, bias: float) -> dict[str, object]:
    def column(values: Floats) -> dict[str, float]:
        return {name: round(float(value), 5) for name, value in zip(names, values, strict=True)}

    return {"mean": column(mean), "scale": column(scale), "weight": column(weight), "bias": round(bias, 5)}


def scores_of(model: dict[str, object], case: Case) -> npt.NDArray[np.float32]:
    names = list(model["weight"])  # type: ignore[call-overload]
    columns = [FIT_FEATURES.index(name) for name in names]
    mean, scale, weight = (np.array(list(model[k].values())) for k in ("mean", "scale", "weight"))  # type: ignore[attr-defined]
    scores: npt.NDArray[np.float32] = (((case.candidates.fit[:, columns] - mean) / scale) @ weight).astype(np.float32)
    return scores


def top(model: dict[str, object], held_out: Sequence[Case]) -> tuple[float, float]:
    first = third = 0
    for case in held_out:
        order = np.argsort(-scores_of(model, case), kind="stable")
        first += bool(case.accepted[order[:1]].any())
        third += bool(case.accepted[order[:3]].any())
    return first / len(held_out), third / len(held_out)


def cross_validated(answerable: Sequence[Case], names: Sequence[str], folds: int = 5) -> tuple[float, float]:
    results = []
    for fold in range(folds):
        train = [case for i, case in enumerate(answerable) if i % folds != fold]
        held_out = [case for i, case in enumerate(answerable) if i % folds == fold]
        results.append(top(fit_ranking(train, names), held_out))
    first, third = np.mean(results, axis=0)
    return float(first), float(third)


def ablation(answerable: Sequence[Case]) -> None:
    """Print what each ranking feature is worth, cross-validated on dev."""
    print("| features | top-1 | top-3 |\n|---|---|---|")
    variants = [("chosen", RANK_FEATURES), ("all", FIT_FEATURES)]
    variants += [(f"without {name}", tuple(n for n in FIT_FEATURES if n != name)) for name in FIT_FEATURES]
    variants += [(f"{name} alone", (name,)) for name in ("ask", "lead", "text", "bm25", "coverage", "wording")]
    variants += [("dense only", ("ask", "asks", "lead", "text")), ("lexical only", ("coverage", "bm25", "wording"))]
    for label, names in variants:
        first, third = cross_validated(answerable, names)
        print(f"| {label} | {first:.3f} | {third:.3f} |", flush=True)


def main() -> int:
    service = AnswerService.open(KnowledgeSettings())
    retriever = service.retriever
    answerable = cases(retriever, load("answerable", "dev"))
    medical = cases(retriever, load("off-topic-medical", "dev"))
    other = cases(retriever, load("off-topic-other", "dev"))
    if "--ablation" in sys.argv:
        ablation(answerable)
        return 0
    print("ranking, cross-validated: top-1 {:.3f}, top-3 {:.3f}".format(*cross_validated(answerable, RANK_FEATURES)))
    fit = fit_ranking(answerable)

    def row(case: Case) -> npt.NDArray[np.float32]:
        scores = scores_of(fit, case)
        return answer_features(case.candidates, scores, np.argsort(-scores, kind="stable"), case.signs)

    everything = [*answerable, *medical, *other]
    features = np.array([row(case) for case in everything], dtype=np.float64)
    labels = np.array([bool(case.accepted[int(np.argmax(scores_of(fit, case)))]) for case in everything])
    mean, scale = features.mean(0), features.std(0) + 1e-9
    model = LogisticRegression(C=0.3, max_iter=5000)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held = cross_val_predict(model, (features - mean) / scale, labels, cv=folds, method="predict_proba")[:, 1]
    model.fit((features - mean) / scale, labels)
    asked = held[: len(answerable)]
    off = held[len(answerable) : len(answerable) + len(medical)]
    answer_from = float(np.quantile(off, 1 - WRONGFUL_ANSWER_BUDGET))
    offer_from = min(answer_from, float(np.quantile(asked, OFFER_QUANTILE)))
    print(
        f"answer from {answer_from:.3f}: answers {np.mean(asked >= answer_from):.3f} of answerable, "
        f"{np.mean(off >= answer_from):.3f} of off-topic medical, "
        f"{np.mean(held[len(answerable) + len(medical) :] >= answer_from):.3f} of other off-topic"
    )
    print(f"offer from {offer_from:.3f}: refuses outright {np.mean(asked < offer_from):.3f} of answerable")
    data = {
        "about": "Fitted by `make fit` on the dev split of tests/golden; see knowledge/ranking.py for the features.",
        "rank": fit,
        "answer": _as_json(ANSWER_FEATURES, mean, scale, model.coef_[0], float(model.intercept_[0])),
        "answer_from": round(answer_from, 4),
        "follow_from": FOLLOW_FROM,
        "offer_from": round(offer_from, 4),
    }  # fmt: skip
    WEIGHTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
