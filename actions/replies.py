"""Builds the one JSON message that leaves the action server. Pure functions."""

from __future__ import annotations

import json

from actions.memory import Memory
from actions.services import Services
from actions.wording import Reply
from knowledge.answering import answer_as_json
from knowledge.models import Answer, Refusal, Suggestion

RELATED_BUTTONS = 2


def payload(intent: str, **slots: str) -> str:
    """A Rasa payload: `/ask_passage{"passage": "leaky-gut#1"}`."""
    return f"/{intent}{json.dumps(slots)}" if slots else f"/{intent}"


def passage_button(suggestion: Suggestion) -> dict[str, str]:
    """A button that shows one passage."""
    return {"label": suggestion.question, "payload": payload("ask_passage", passage=suggestion.passage)}


def answer_reply(answer: Answer, memory: Memory, *, lead_in: str = "") -> Reply:
    """An answer with its next steps."""
    reply = answer_as_json(answer)
    reply.pop("related", None)
    reply["text"] = lead_in
    reply["notice"] = answer.notice
    first = answer.passages[0].passage
    fresh = [s for s in answer.related if s.passage not in memory.shown]
    reply["buttons"] = [passage_button(suggestion) for suggestion in fresh[:RELATED_BUTTONS]]
    if first.simple and not answer.simple:
        reply["buttons"].append({"label": "Say it simpler", "payload": payload("say_simpler")})
    reply["buttons"].append({"label": "Save for my appointment", "payload": "client:save"})
    return reply


def refusal_reply(refusal: Refusal, services: Services, memory: Memory, *, intent: str) -> Reply:
    """The honest "I don't know", filed for the clinicians; the second in a row offers a person."""
    near = [passage_button(suggestion) for suggestion in refusal.nearest]
    if intent == "ask_help_now":
        name = "help_now"
    elif memory.offers_a_person:
        name = "no_answer_twice_near" if near else "no_answer_twice"
    elif intent == "out_of_scope" and not near:
        name = "out_of_scope"
    else:
        name = "no_answer_near" if near else "no_answer"
    reply = services.say(name, buttons=near)
    reply["file_question"] = True
    reply["probability"] = round(refusal.probability, 4)
    return reply


def safety_line(services: Services, memory: Memory) -> str | None:
    """What comes before every reply after an alarm, until a question was answered: the number again."""
    if not memory.red_flag:
        return None
    names = (f"after_group_{memory.red_flag_group}", f"after_{memory.red_flag}", "after_emergency")
    return str(services.say(next(name for name in names if name in services.wording))["text"])
