"""Fits how a question in a conversation is ranked and judged (`knowledge.following`); called by `tests.golden.fit`.

Learned from tests/golden/training/follow-ups.jsonl, whose author wrote none of the golden sets, and from dev questions
put into a conversation that they do not belong to: answerable ones are changes of subject, off-topic ones must be
declined as they are alone. The golden follow-ups of the dev split are only measured.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from knowledge.following import FOLLOW_ANSWER_FEATURES, FOLLOW_FEATURES, Turn, follow_answer_features, follow_features
from knowledge.retriever import Retriever
from tests.golden.goldens import Golden, load
from tests.golden.models import Floats, Model, as_json, fit_choice, fit_judge

CHANGES_OF_SUBJECT = 200
FOLDS = 5
WRONGFUL_FOLLOW_BUDGET = 0.08
"""Share of off-topic dev questions in the middle of a conversation that may be answered at the threshold chosen."""


@dataclass
class Case:
    golden: Golden
    turn: Turn
    features: npt.NDArray[np.float32]
    accepted: npt.NDArray[np.bool_]
    right_topic: npt.NDArray[np.bool_]


def cases(retriever: Retriever, goldens: Sequence[Golden]) -> list[Case]:
    return [_case(retriever, golden) for golden in goldens]


def _case(retriever: Retriever, golden: Golden) -> Case:
    shown = []
    for text in golden.previous:
        found = retriever.search(text)
        if found and found.probability(0) >= retriever.ranking.answer_from:
            shown.append(found.hits[0].passage.id)
    found = retriever.search(golden.text)
    assert found, "the index is empty"
    turn = retriever.turn(found, retriever.context(golden.previous, shown), shown)
    passages = [retriever.index.passages[position].passage for position in turn.positions]
    topics = {section.partition("/")[0] for section in golden.accept}
    return Case(
        golden,
        turn,
        follow_features(turn, retriever.ranking),
        np.array([f"{p.article}/{p.heading}" in golden.accept for p in passages]),
        np.array([p.article in topics for p in passages]),
    )


def fit_following(retriever: Retriever) -> dict[str, object]:
    draw = random.Random(3)
    conversations = [golden.previous for golden in load("follow-ups", "dev")]

    def elsewhere(goldens: Sequence[Golden]) -> list[Golden]:
        return [replace(golden, previous=draw.choice(conversations)) for golden in goldens]

    written = load("training/follow-ups")
    changes = elsewhere(draw.sample(load("answerable", "dev"), CHANGES_OF_SUBJECT))
    strange = elsewhere([*load("off-topic-medical", "dev"), *load("off-topic-other", "dev")])
    meant = cases(retriever, [*(golden for golden in written if golden.accept), *changes])
    beside = cases(retriever, [golden for golden in written if not golden.accept])
    off = cases(retriever, strange)

    rank = _fit_rank(meant)
    rows, labels = [], []
    for fold in range(FOLDS):  # ranked by a model that has not seen them, as new questions are
        fold_rank = _fit_rank([case for i, case in enumerate(meant) if i % FOLDS != fold])
        for case in meant[fold::FOLDS]:
            rows.append(_best(case, fold_rank))
    for case in [*beside, *off]:
        rows.append(_best(case, rank))
    labels = [right for _, right in rows]
    judge, held = fit_judge(np.array([row for row, _ in rows]), np.array(labels), C=0.1)
    answer_from = float(np.quantile(held[-len(off) :], 1 - WRONGFUL_FOLLOW_BUDGET))
    answered = held >= answer_from
    print(
        f"in a conversation, answer from {answer_from:.3f}: right topic {np.mean((answered & labels)[: len(meant)]):.3f}, "
        f"answers {answered[len(meant) : len(meant) + len(beside)].mean():.3f} of beside the point, "
        f"{answered[-len(off) :].mean():.3f} of off-topic"
    )
    sure = np.log(answer_from / (1 - answer_from))
    golden = [_best(case, rank) for case in cases(retriever, load("follow-ups", "dev"))]
    topic = np.array([right for _, right in golden])
    served = topic & np.array([judge(row[None])[0] >= sure for row, _ in golden])
    print(f"golden follow-ups, dev: right topic ranked first {topic.mean():.3f}, and answered {served.mean():.3f}")
    return {
        "rank": as_json(FOLLOW_FEATURES, rank),
        "answer": as_json(FOLLOW_ANSWER_FEATURES, judge),
        "answer_from": round(answer_from, 4),
    }


def _fit_rank(meant: Sequence[Case]) -> Model:
    return fit_choice([(case.features.astype(np.float64), case.accepted) for case in meant], FOLLOW_FEATURES)


def _best(case: Case, rank: Model) -> tuple[Floats, bool]:
    """What the judge sees of the passage that ranks first, and whether it is of the right article."""
    scores = rank(case.features.astype(np.float64)).astype(np.float32)
    order = np.lexsort((case.turn.positions, -scores))
    row = follow_answer_features(case.turn, case.features, scores, order)
    return row.astype(np.float64), bool(case.right_topic[order[0]])
