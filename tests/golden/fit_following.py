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


@dataclass
class Written:
    """Cases to fit on: follow-ups and changes of subject that an article answers, turns beside the point, and off-topic ones."""

    meant: list[Case]
    beside: list[Case]
    off: list[Case]

    @classmethod
    def read(cls, retriever: Retriever) -> Written:
        draw = random.Random(3)
        conversations = [golden.previous for golden in load("follow-ups", "dev")]

        def elsewhere(goldens: Sequence[Golden]) -> list[Golden]:
            return [replace(golden, previous=draw.choice(conversations)) for golden in goldens]

        written = load("training/follow-ups")
        changes = elsewhere(draw.sample(load("answerable", "dev"), CHANGES_OF_SUBJECT))
        strange = elsewhere([*load("off-topic-medical", "dev"), *load("off-topic-other", "dev")])
        return cls(
            cases(retriever, [*(golden for golden in written if golden.accept), *changes]),
            cases(retriever, [golden for golden in written if not golden.accept]),
            cases(retriever, strange),
        )


def judged(written: Written) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What the judge learns from, one row a case: those meant first, then those beside the point, then off-topic ones."""
    rows: list[tuple[Floats, bool]] = []
    for fold in range(FOLDS):  # ranked by a model that has not seen them, as new questions are
        rank = _fit_rank([case for i, case in enumerate(written.meant) if i % FOLDS != fold])
        rows.extend(_best(case, rank) for case in written.meant[fold::FOLDS])
    rank = _fit_rank(written.meant)
    rows.extend(_best(case, rank) for case in [*written.beside, *written.off])
    return np.array([row for row, _ in rows]), np.array([right for _, right in rows])


def fit_following(retriever: Retriever) -> dict[str, object]:
    """Both models and the threshold."""
    written = Written.read(retriever)
    meant, beside, off = len(written.meant), len(written.beside), len(written.off)
    rows, labels = judged(written)
    judge, held = fit_judge(rows, labels, C=0.1)
    answer_from = float(np.quantile(held[-off:], 1 - WRONGFUL_FOLLOW_BUDGET))
    answered = held >= answer_from
    print(
        f"in a conversation, answer from {answer_from:.3f}: right topic {np.mean((answered & labels)[:meant]):.3f}, "
        f"answers {answered[meant : meant + beside].mean():.3f} of beside the point, {answered[-off:].mean():.3f} of off-topic"
    )
    rank = _fit_rank(written.meant)
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


def ablation(retriever: Retriever) -> None:
    """Print what each feature is worth: right topic ranked first, and the judge's log loss, both cross-validated."""
    written = Written.read(retriever)
    golden = cases(retriever, load("follow-ups", "dev"))
    print("| ranking | right topic first, training (five folds) | golden dev |\n|---|---|---|")
    for without in (None, *FOLLOW_FEATURES):
        columns = [i for i, name in enumerate(FOLLOW_FEATURES) if name != without]

        def ranked(train: Sequence[Case], held_out: Sequence[Case], columns: list[int] = columns) -> list[bool]:
            model = fit_choice([(c.features[:, columns].astype(np.float64), c.accepted) for c in train], columns)
            return [bool(c.right_topic[np.argmax(model(c.features[:, columns]))]) for c in held_out]

        folds = [
            ranked([c for i, c in enumerate(written.meant) if i % FOLDS != fold], written.meant[fold::FOLDS])
            for fold in range(FOLDS)
        ]
        label = f"without {without}" if without else "all"
        trained = np.mean([right for fold in folds for right in fold])
        print(f"| {label} | {trained:.3f} | {np.mean(ranked(written.meant, golden)):.3f} |", flush=True)
    rows, labels = judged(written)
    print("| answering | log loss | right at 8% of off-topic |\n|---|---|---|")
    for without in (None, *FOLLOW_ANSWER_FEATURES):
        columns = [i for i, name in enumerate(FOLLOW_ANSWER_FEATURES) if name != without]
        _, held = fit_judge(rows[:, columns], labels, C=0.1)
        sure = np.clip(np.where(labels, held, 1 - held), 1e-6, 1)
        answered = held >= np.quantile(held[-len(written.off) :], 1 - WRONGFUL_FOLLOW_BUDGET)
        right = np.mean((answered & labels)[: len(written.meant)])
        label = f"without {without}" if without else "all"
        print(f"| {label} | {-np.log(sure).mean():.4f} | {right:.3f} |", flush=True)


def _fit_rank(meant: Sequence[Case]) -> Model:
    return fit_choice([(case.features.astype(np.float64), case.accepted) for case in meant], FOLLOW_FEATURES)


def _best(case: Case, rank: Model) -> tuple[Floats, bool]:
    """What the judge sees of the passage that ranks first, and whether it is of the right article."""
    scores = rank(case.features.astype(np.float64)).astype(np.float32)
    order = np.lexsort((case.turn.positions, -scores))
    row = follow_answer_features(case.turn, case.features, scores, order)
    return row.astype(np.float64), bool(case.right_topic[order[0]])
