"""What the dialogue remembers, read from a tracker's slots and written back as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet

KEPT_QUESTIONS = 3
KEPT_PASSAGES = 30
MISSES_BEFORE_PERSON = 2

CALLBACK = "callback"
"""Offered: that someone calls back."""

SAFETY = "safety"
"""Asked: whether they think of harming themselves."""

Event = dict[str, Any]


def intent_of(tracker: Tracker) -> str:
    """The predicted intent of the last message, `nlu_fallback` included (rasa-sdk's own method skips that)."""
    return str((tracker.latest_message.get("intent") or {}).get("name") or "")


@dataclass(frozen=True)
class Memory:
    """The slots that answers depend on.

    Attributes:
        question: What the patient just wrote.
        previous: Their earlier questions, oldest first.
        shown: Ids of passages given so far, oldest first.
        last_passage: The passage that "simpler", "more" and "where from" are about; empty when there is none.
        red_flag: The kind of the last red flag after which no answer was given yet; empty when there is none.
        misses: How many questions in a row had no answer.
    """

    question: str
    previous: tuple[str, ...]
    shown: tuple[str, ...]
    last_passage: str
    red_flag: str
    misses: int
    offered: str = ""
    """What a "yes" would take up: the passage that "did you mean" named first, `CALLBACK`, or `SAFETY`."""
    red_flag_group: int = 0
    """The group of that red flag, 0 when it is not known."""

    @classmethod
    def of(cls, tracker: Tracker) -> Memory:
        """Read a tracker."""
        return cls(
            question=str(tracker.latest_message.get("text") or ""),
            previous=tuple(tracker.get_slot("previous_questions") or ()),
            shown=tuple(tracker.get_slot("shown_passages") or ()),
            last_passage=tracker.get_slot("last_passage") or "",
            red_flag=tracker.get_slot("red_flag") or "",
            misses=int(tracker.get_slot("no_answers") or 0),
            offered=tracker.get_slot("offered") or "",
            red_flag_group=int(tracker.get_slot("red_flag_group") or 0),
        )

    def asked(self) -> list[Event]:
        """Remember the question that was just asked."""
        questions = [*self.previous, self.question][-KEPT_QUESTIONS:]
        return [SlotSet("last_question", self.question), SlotSet("previous_questions", questions)]

    def answered(self, passages: list[str]) -> list[Event]:
        """Remember the passages just given; a red flag has then been repeated."""
        shown = [*(p for p in self.shown if p not in passages), *passages][-KEPT_PASSAGES:]
        return [
            SlotSet("shown_passages", shown),
            SlotSet("last_passage", passages[0]),
            SlotSet("no_answers", 0),
            SlotSet("red_flag", None),
            SlotSet("red_flag_group", None),
            SlotSet("offered", None),
        ]

    @property
    def offers_a_person(self) -> bool:
        """Whether a question without an answer would now be one too many."""
        return self.misses + 1 >= MISSES_BEFORE_PERSON

    def missed(self, passages: list[str]) -> list[Event]:
        """Remember that the question had no answer, and what was offered instead."""
        offered = CALLBACK if self.offers_a_person else next(iter(passages), None)
        return [
            SlotSet("no_answers", self.misses + 1),
            SlotSet("red_flag", None),
            SlotSet("red_flag_group", None),
            SlotSet("offered", offered),
        ]
