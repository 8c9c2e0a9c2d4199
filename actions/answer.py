"""Actions that give approved passages."""

from __future__ import annotations

from typing import Any, ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.memory import Event, Memory, intent_of
from actions.replies import answer_reply, passage_button, refusal_reply
from actions.services import Services
from knowledge.models import Answer, Suggestion

Domain = dict[str, Any]


class ServiceAction(Action):
    """An action that is given its collaborators. `called` is its name in the domain."""

    called: ClassVar[str]

    def __init__(self, services: Services) -> None:
        self.services = services

    def name(self) -> str:
        """The action's name in the domain."""
        return self.called

    def say(self, dispatcher: CollectingDispatcher, name: str, **values: Any) -> list[Event]:
        """Send a reply by name; changes nothing."""
        dispatcher.utter_message(json_message=self.services.say(name, **values))
        return []

    def show(self, dispatcher: CollectingDispatcher, answer: Answer, memory: Memory, **options: Any) -> list[Event]:
        """Send an answer and remember it."""
        dispatcher.utter_message(json_message=answer_reply(answer, memory, **options))
        return memory.answered([vetted.passage.id for vetted in answer.passages])


class ActionAnswerQuestion(ServiceAction):
    """Answers whatever was asked, whichever topic was predicted: retrieval decides."""

    called = "action_answer_question"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Ask `knowledge`; send its answer, or say honestly that there is none."""
        memory = Memory.of(tracker)
        found = self.services.answers.ask(memory.question, previous=memory.previous, shown=memory.shown)
        if isinstance(found, Answer):
            return memory.asked() + self.show(dispatcher, found, memory)
        refusal = refusal_reply(found, self.services, memory, intent=intent_of(tracker))
        dispatcher.utter_message(json_message=refusal)
        return memory.asked() + memory.missed([suggestion.passage for suggestion in found.nearest])


class ActionShowPassage(ServiceAction):
    """Shows the passage that a button names."""

    called = "action_show_passage"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show it, or say that it is no longer there."""
        passage_id = next(tracker.get_latest_entity_values("passage"), "")
        answer = self.services.answers.passage(passage_id)
        if answer is None:
            return self.say(dispatcher, "passage_gone")
        return self.show(dispatcher, answer, Memory.of(tracker))


class ActionShowTopic(ServiceAction):
    """Lists what people ask about the topic that a button names."""

    called = "action_show_topic"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Offer the topic's nearest passages as buttons."""
        topic = str(next(tracker.get_latest_entity_values("subject"), ""))
        found = self.services.answers.ask(topic)
        first = (
            [Suggestion(v.passage.heading, v.passage.id) for v in found.passages] if isinstance(found, Answer) else []
        )
        offers = [*first, *(found.related if isinstance(found, Answer) else found.nearest)]
        if not offers:
            return self.say(dispatcher, "topic_gone")
        return self.say(dispatcher, "topic", topic=topic, buttons=[passage_button(offer) for offer in offers])


class ActionSaySimpler(ServiceAction):
    """Gives the last passage in its simpler approved wording."""

    called = "action_say_simpler"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show the simpler wording, or say that there is none."""
        memory = Memory.of(tracker)
        answer = self.services.answers.passage(memory.last_passage, simple=True)
        if answer is None:
            return self.say(dispatcher, "nothing_to_refer_to")
        if not answer.passages[0].passage.simple:
            return self.say(dispatcher, "no_simpler")
        return self.show(dispatcher, answer, memory)


class ActionRepeat(ServiceAction):
    """Gives the last passage again."""

    called = "action_repeat"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show it again, as it was."""
        memory = Memory.of(tracker)
        answer = self.services.answers.passage(memory.last_passage)
        return self.show(dispatcher, answer, memory) if answer else self.say(dispatcher, "nothing_to_refer_to")


class ActionTellMore(ServiceAction):
    """Goes on: the next passage of the same article, then the nearest of another."""

    called = "action_tell_more"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Show the next passage that was not shown yet."""
        memory = Memory.of(tracker)
        last = self.services.answers.passage(memory.last_passage)
        if last is None:
            return self.say(dispatcher, "nothing_to_refer_to")
        following = self._following(last, memory)
        if following is None:
            return self.say(dispatcher, "no_more")
        return self.show(dispatcher, following, memory)

    def _following(self, last: Answer, memory: Memory) -> Answer | None:
        passage = last.passages[0].passage
        same = [f"{passage.article}#{ordinal}" for ordinal in range(passage.ordinal + 1, passage.ordinal + 20)]
        others = [suggestion.passage for suggestion in last.related]
        found = (self.services.answers.passage(p) for p in [*same, *others] if p not in memory.shown)
        return next((answer for answer in found if answer is not None), None)


class ActionWhereFrom(ServiceAction):
    """Names the sources of the last passage."""

    called = "action_where_from"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Name and address of each source."""
        answer = self.services.answers.passage(Memory.of(tracker).last_passage)
        if answer is None:
            return self.say(dispatcher, "sources_in_general")
        passage = answer.passages[0].passage
        sources = "\n".join(f"- {source.name} ({source.year}): {source.address}" for source in passage.sources)
        return self.say(dispatcher, "where_from", heading=passage.heading, article=passage.title, sources=sources)


class ActionIsReviewed(ServiceAction):
    """Says who approved the last passage, and until when."""

    called = "action_is_reviewed"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: Domain) -> list[Event]:
        """Reviewer and dates; in demo mode, that no clinician has reviewed it."""
        answer = self.services.answers.passage(Memory.of(tracker).last_passage)
        if answer is None:
            return self.say(dispatcher, "review_in_general")
        approval = answer.passages[0].approval
        if approval.sample:
            return self.say(dispatcher, "reviewed_sample", heading=answer.passages[0].passage.heading)
        reviewer = ", ".join(filter(None, (approval.reviewer, approval.credential)))
        dates = {"on": f"{approval.at:%B} {approval.at.day}, {approval.at.year}", "until": f"{approval.expires:%B %Y}"}
        return self.say(dispatcher, "reviewed", heading=answer.passages[0].passage.heading, reviewer=reviewer, **dates)
