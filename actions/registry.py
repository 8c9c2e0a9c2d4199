"""Every action, built with its collaborators."""

from __future__ import annotations

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import advice, answer, callback, clinic, session
from actions.answer import Domain, ServiceAction
from actions.memory import Event, Memory
from actions.replies import safety_line
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
    session.ActionThanks,
    session.ActionGoodbye,
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
    return [Reminding(kind(services)) for kind in KINDS]


class Reminding(Action):
    """An action whose replies begin with the number to call while no question was answered since an alarm."""

    def __init__(self, action: ServiceAction) -> None:
        self._action = action

    def name(self) -> str:
        """The action's name in the domain."""
        return self._action.name()

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Event]:
        """Run it, and put the line before what each of its replies says already."""
        events: list[Event] = self._action.run(dispatcher, tracker, domain)
        line = safety_line(self._action.services, Memory.of(tracker))
        for message in dispatcher.messages if line else ():
            reply = message["custom"]
            reply["notice"] = " ".join(filter(None, (line, reply.get("notice"))))
        return events
