"""The screen itself: rules, classifier and conversation, put together into one verdict a message."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.safety.classifier import Classifier, Scorer, Scores, SequenceClassifier
from bot.safety.decision import Weighing, verdict
from bot.safety.errors import SafetyError
from bot.safety.flags import RedFlag
from bot.safety.normalise import SENTENCE, Message, Normaliser, slices
from bot.safety.rules import RuleBook

log = logging.getLogger(__name__)

TURNS = 2
"""How many earlier turns of the patient are read together with the present one."""

_YES = re.compile(
    r"^(yes|yeah|yep|yup|yea|ya|yes i (am|do|did|have)|i am|i do|i did|i have|sometimes|kind of|a little|maybe"
    r"|i guess( so)?|all the time|every day|right now|si|si estoy|a veces|tal vez|lo estoy)( \w+){0,2}$"
)
JOINED = 2.5
"""Doubt in what only several turns together say: the classifier was taught on single messages."""

NEARLY = 1.0
"""How much less sure than of a check the classifier may be of the one turn that makes it look at several together. A name, a
phone number and "tomorrow morning" in a row say nothing together that none of them says a little of."""

ANSWER = 30
"""Words: a longer message than this speaks for itself, and is not read as the other half of an earlier one."""


class SafetyScreen:
    """Screens messages. Make it once with `load`, then call `screen` for each message, from any thread.

    Example:
        >>> screen = SafetyScreen.load(None)
        >>> screen.screen("crushing weight on my chest, sweating, left arm is numb").kind
        'emergency'
    """

    def __init__(self, normaliser: Normaliser, rules: RuleBook, scorer: Scorer | None) -> None:
        """Put the layers together; `scorer` None means rules only.

        Raises:
            SafetyDataError: If the scorer's settings are incomplete.
        """
        self._normalise = normaliser
        self._rules = rules
        self._scorer = scorer
        self._weighing = None if scorer is None else Weighing.parse(scorer.settings)

    @classmethod
    def load(cls, encoder_folder: Path | None) -> SafetyScreen:
        """Open the screen.

        Args:
            encoder_folder: The exported sentence encoder. None means rules only. With a folder that cannot be used, the
                linear model over letter and word sequences helps the rules; that is logged once.

        Raises:
            SafetyDataError: If a shipped rule or word list is damaged.
        """
        return cls(Normaliser(), RuleBook(), _scorer(encoder_folder))

    @property
    def learned(self) -> bool:
        """Whether the whole classifier is on, transformer included."""
        return isinstance(self._scorer, Classifier)

    def screen(self, text: str, *, previous: Sequence[str] = ()) -> RedFlag | None:
        """Look for a red flag in one message.

        Args:
            text: What the patient wrote. A long one is judged slice by slice, and the worst verdict counts.
            previous: The patient's earlier messages of this conversation, oldest first; the last two are read.

        Returns:
            The flag, or None. Never raises.
        """
        parts = [self._normalise(piece) for piece in slices(text)]
        flag = _worst(self._verdict(part) for part in parts)
        if previous and (flag is None or flag.level == "check"):
            message = parts[0] if len(parts) == 1 else _join(parts)
            flag = self._with_earlier(message, [self._normalise(turn) for turn in previous[-TURNS:]], flag)
        return flag

    def _verdict(self, message: Message, doubt: float = 0.0) -> RedFlag | None:
        if self._normalise.names_a_time(message):
            return None
        return verdict(message, self._rules.matches(message), self._scores(message), self._weighing, doubt)

    def _ruled(self, message: Message) -> bool:
        return any(match.excuse is None for match in self._rules.matches(message))

    def risk(self, text: str, *, previous: Sequence[str] = ()) -> float:
        """One number for how alarming a message is, before any threshold: for drawing operating curves.

        Without the classifier: 1 for an alarm, 0 for a check, -1 for neither.
        """
        message = self._normalise(text)
        read = [message]
        if previous and len(message.words) <= ANSWER:
            read.append(_join([*(self._normalise(turn) for turn in previous[-TURNS:]), message]))
        risks = []
        for part in read:
            scores = self._scores(part) if part.words else None
            if scores is None or self._weighing is None:
                flag = self.screen(text, previous=previous)
                return -1.0 if flag is None else float(flag.level == "alarm")
            risks.append(self._weighing.risk(scores, self._rules.matches(part)))
        return max(risks)

    def _scores(self, message: Message) -> Scores | None:
        if self._scorer is None:
            return None
        try:
            return self._scorer.score(message)
        except (RuntimeError, ValueError) as error:
            log.error("The safety classifier failed on a message; rules alone judged it: %s", type(error).__name__)
            return None

    def _with_earlier(self, message: Message, earlier: Sequence[Message], flag: RedFlag | None) -> RedFlag | None:
        """A flag that only shows when the last turns are read as one message, or a "yes" to our own question."""
        if not message.words:
            return flag
        if _YES.match(message.text):
            asked = self._verdict(earlier[-1])
            if asked is not None and asked.level == "check":
                return RedFlag("alarm", asked.kind, asked.group, f"yes to: {asked.evidence}", message.spanish)
        if len(message.words) > ANSWER:
            return flag
        joined = _join([*earlier, message])
        together = self._verdict(joined, JOINED)
        if together is None or (flag is not None and together.level == flag.level):
            return flag
        if not self._ruled(joined) and not any(self._verdict(turn, -NEARLY) for turn in (message, *earlier)):
            return flag
        # What the earlier turns say by themselves was answered when they came.
        known = self._verdict(_join(earlier))
        if known is not None and (known.level == together.level or known.level == "alarm"):
            return flag
        return replace(together, evidence=f"over turns: {together.evidence}")


def _scorer(encoder_folder: Path | None) -> Scorer | None:
    """The best scorer that can be opened."""
    if encoder_folder is None:
        return None
    try:
        classifier = Classifier.open(encoder_folder)
        Weighing.parse(classifier.settings)
        return classifier
    except SafetyError as error:
        log.error("The safety classifier is off, rules and word sequences are on: %s", error)
    try:
        plain = SequenceClassifier.open()
        Weighing.parse(plain.settings)
        return plain
    except SafetyError as error:
        log.error("The word sequences are off too, rules alone are on: %s", error)
    return None


def _worst(flags: Iterable[RedFlag | None]) -> RedFlag | None:
    """The first alarm, else the first check."""
    found = [flag for flag in flags if flag is not None]
    return next((flag for flag in found if flag.level == "alarm"), found[0] if found else None)


def _join(turns: Sequence[Message]) -> Message:
    """Several messages as one, a sentence end between them."""
    words: list[str] = []
    boundaries: list[int] = []
    for turn in turns:
        words.extend(turn.words)
        boundaries.extend([SENTENCE, *turn.boundaries[1:]] if turn.words else [])
    return Message(tuple(words), tuple(boundaries), any(turn.spanish for turn in turns))
