"""Actions about the conversation itself."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ServiceAction
from actions.memory import CALLBACK, SAFETY, Event, Memory
from knowledge.models import Answer

Domain = dict[str, Any]


class Saying(ServiceAction):
    """Says the wording that has the action's name, with the clinic's facts filled in."""

    page = ""
    """A link of the clinic; where it has one, the wording `..._online` is said."""

    def run(self, dispatcher: CollectingDispatcher, _tracker: Tracker, _domain: Domain) -> list[Event]:
        """Say it."""
        name = self.called.removeprefix("action_")
        return self.say(dispatcher, f"{name}_online" if self.page and self.services.facts()[self.page] else name)


class ActionHelp(Saying):
    """What can be asked."""

    called = "action_help"


class ActionAboutBot(Saying):
    """What this assistant is."""

    called = "action_about_bot"


class ActionAreYouHuman(Saying):
    """That it is a program."""

    called = "action_are_you_human"


class ActionInsult(Saying):
    """One sincere sentence, and a way to a person."""

    called = "action_insult"


class ActionHopeless(Saying):
    """Sympathy, a question about safety, and a way to help."""

    called = "action_hopeless"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Event]:
        """Ask, and remember that it was asked."""
        return [*super().run(dispatcher, tracker, domain), SlotSet("offered", SAFETY)]


class ActionThanks(Saying):
    """That they are welcome."""

    called = "action_thanks"


class ActionGoodbye(Saying):
    """Goodbye."""

    called = "action_goodbye"


class AnsweringFirst(Saying):
    """Says its wording, unless the message names one of our subjects and a passage answers: "kombucha?" is no Spanish."""

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Event]:
        """Answer, or say it."""
        memory = Memory.of(tracker)
        if tracker.latest_message.get("entities"):
            found = self.services.answers.ask(memory.question, previous=memory.previous, shown=memory.shown)
            if isinstance(found, Answer):
                return memory.asked() + self.show(dispatcher, found, memory)
        return super().run(dispatcher, tracker, domain)


class ActionUnclear(AnsweringFirst):
    """That there was no question in it."""

    called = "action_unclear"


class ActionOtherLanguage(AnsweringFirst):
    """That it reads English only, in Spanish too, and whom to call."""

    called = "action_other_language"


class ActionFeedback(Saying):
    """Where feedback goes."""

    called = "action_feedback"


class ActionPrivacy(Saying):
    """What is kept, and for how long."""

    called = "action_privacy"
    page = "privacy"


class ActionNothingToCancel(Saying):
    """That no request is open."""

    called = "action_nothing_to_cancel"


class ActionGreet(ServiceAction):
    """Greets once; a patient who comes back in a live session is not greeted again."""

    called = "action_greet"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Greet, or just be there."""
        if tracker.get_slot("greeted") or tracker.get_slot("last_question"):
            return self.say(dispatcher, "greet_again")
        self.say(dispatcher, "greet")
        return [SlotSet("greeted", True)]


class ActionAffirm(ServiceAction):
    """Takes "yes" as the answer to "did you mean one of these?", to the offer of a call back, or to "are you thinking of ...?"."""

    called = "action_affirm"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show the passage that was offered first, go on to the request, or ask what they would like to know."""
        memory = Memory.of(tracker)
        if memory.offered == CALLBACK:
            return [SlotSet("offered", None), FollowupAction("callback_form")]
        if memory.offered == SAFETY:
            self.say(dispatcher, "not_safe")
            return [SlotSet("offered", None), SlotSet("red_flag", "crisis")]
        answer = self.services.answers.passage(memory.offered) if memory.offered else None
        return self.show(dispatcher, answer, memory) if answer else self.say(dispatcher, "affirm")


class ActionDeny(ServiceAction):
    """Takes "no" as it comes."""

    called = "action_deny"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Leave the door open."""
        self.say(dispatcher, "safe" if Memory.of(tracker).offered == SAFETY else "deny")
        return [SlotSet("offered", None)]
