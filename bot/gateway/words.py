"""What the gateway says by itself, without the dialogue: greeting, outage, and messages that cannot be read."""

from __future__ import annotations

from datetime import datetime

from bot.gateway.replies import Button, Reply
from knowledge.clinic import Clinic

TOPICS = Button(label="What can I ask?", payload="/help")
HOURS = Button(label="Clinic hours", payload="/hours")


def greeting(clinic: Clinic) -> Reply:
    """The first message of a conversation: what this is, what it is not, and what not to share."""
    text = (
        f"Hello. I share short, clinician-checked reading about gut health and long-term pain for {clinic.name}. "
        "I'm a computer program, so I can't diagnose, read results or change medicines.\n\n"
        "Please don't share names or medical records here. What would you like to know?"
    )
    if clinic.content_mode == "demo":
        text = text.replace("clinician-checked reading", "sample reading, not yet checked by a clinician,")
    return Reply(
        kind="menu",
        text=text,
        buttons=(
            Button(label="Does stress affect my gut?", payload="text:Does stress affect my gut?"),
            Button(label="What is leaky gut?", payload="text:What is leaky gut?"),
            TOPICS,
        ),
    )


def outage(clinic: Clinic, now: datetime) -> Reply:
    """What the patient gets when a part of the system is down: a phone number and the hours, not silence."""
    text = (
        "I can't look that up right now. Please try again in a few minutes.\n\n"
        f"To reach a person, call {clinic.name} at {clinic.phone_display}. {clinic.hours_text(now)}\n\n"
        f"If this is an emergency, call {clinic.emergency.emergency} now."
    )
    return Reply(kind="outage", text=text, buttons=phone_buttons(clinic))


def phone_buttons(clinic: Clinic) -> tuple[Button, ...]:
    """Links that call the clinic and the emergency line."""
    emergency = clinic.emergency.emergency
    return (
        Button(label=f"Call {clinic.phone_display}", payload=clinic.phone_uri),
        Button(label=f"Emergency: {emergency}", payload=f"tel:{emergency}"),
    )


def too_long() -> Reply:
    """A message that is longer than anything we can answer."""
    text = "That is more than I can take in at once. Could you ask it in one or two sentences?"
    return Reply(kind="menu", text=text, buttons=(TOPICS,))


def unreadable() -> Reply:
    """A message without a single letter or digit."""
    text = "I can only read words. What would you like to know about gut health or long-term pain?"
    return Reply(kind="menu", text=text, buttons=(TOPICS, HOURS))


def stale_button() -> Reply:
    """A button that was not ours, or belongs to a conversation that has ended."""
    text = "That button no longer works. Please type your question, or pick a topic."
    return Reply(kind="menu", text=text, buttons=(TOPICS,))
