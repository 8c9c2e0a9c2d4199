"""Every action, built with its collaborators."""

from __future__ import annotations

from rasa_sdk import Action

from actions import advice, answer, callback, clinic, session
from actions.answer import ServiceAction
from actions.services import Services

KINDS: tuple[type[ServiceAction], ...] = (
    answer.ActionAnswerQuestion,
    answer.ActionShowPassage,
    answer.ActionShowTopic,
    answer.ActionRepeat,
    answer.ActionTellMore,
    answer.ActionSaySimpler,
    answer.ActionWhereFrom,
    answer.ActionIsReviewed,
    advice.ActionRedirect,
    clinic.ActionHours,
    clinic.ActionPhone,
    clinic.ActionAddress,
    clinic.ActionBooking,
    clinic.ActionCancelAppointment,
    clinic.ActionInsurance,
    clinic.ActionPortal,
    clinic.ActionRefillLine,
    clinic.ActionTalkToPerson,
    callback.ValidateCallbackForm,
    callback.ActionAskCallbackConsent,
    callback.ActionAskCallbackConfirmed,
    callback.ActionSubmitCallback,
    callback.ActionCallbackCancelled,
    callback.ActionCallbackDropped,
    session.ActionGreet,
    session.ActionHelp,
    session.ActionAffirm,
    session.ActionDeny,
    session.ActionAboutBot,
    session.ActionAreYouHuman,
    session.ActionInsult,
    session.ActionHopeless,
    session.ActionUnclear,
    session.ActionOtherLanguage,
    session.ActionFeedback,
    session.ActionPrivacy,
    session.ActionNothingToCancel,
)


def build_actions(services: Services) -> list[Action]:
    """One instance of each action that the domain names."""
    return [kind(services) for kind in KINDS]
