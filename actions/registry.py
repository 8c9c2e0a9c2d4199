"""Every action, built with its collaborators."""

from __future__ import annotations

from rasa_sdk import Action

from actions import answer, clinic, session
from actions.services import Services


def build_actions(services: Services) -> list[Action]:
    """One instance of each action that the domain names."""
    kinds = (
        answer.ActionAnswerQuestion,
        answer.ActionShowPassage,
        answer.ActionSaySimpler,
        answer.ActionRepeat,
        answer.ActionTellMore,
        answer.ActionWhereFrom,
        answer.ActionIsReviewed,
        answer.ActionShowTopic,
        clinic.ActionHours,
        session.ActionGreet,
    )
    return [kind(services) for kind in kinds]
