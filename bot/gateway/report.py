"""What the assistant learned for the clinic: questions that nothing approved answers, red flags counted, ratings counted."""

from __future__ import annotations

from collections.abc import Iterator

from bot.gateway.store import Store


def report(store: Store) -> Iterator[str]:
    """The lines of the report. No session, no name; the questions are those that were filed de-identified."""
    questions = store.questions()
    yield f"Questions that no approved passage answers: {len(questions)}"
    for at, question in questions:
        yield f"  {at:%Y-%m-%d}  {' '.join(question.split())}"
    counts = store.flag_counts()
    yield f"Red flags: {sum(count for *_, count in counts)} (day UTC, kind, level, group as in docs/safety.md)"
    for day, kind, level, group, count in counts:
        yield f"  {day}  {kind:9}  {level:5}  group {group:2}  {count}"
    ratings = store.ratings()
    yield f"Ratings of passages: {ratings.total()}"
    for passage in sorted({passage for passage, _ in ratings}):
        yield f"  {passage}  up {ratings[passage, 'up']}  down {ratings[passage, 'down']}"
