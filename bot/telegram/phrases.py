"""What only the Telegram front says. Everything else comes from the dialogue, the safety screen or the gateway."""

from __future__ import annotations

from bot.gateway.replies import Reply
from knowledge.clinic import Clinic

COMMANDS: tuple[tuple[str, str], ...] = (
    ("start", "Start a new chat"),
    ("help", "What I can do, and emergency numbers"),
    ("topics", "Topics you can read about"),
    ("hours", "When the clinic is open"),
    ("callback", "Ask the clinic to call you"),
    ("save", "Save this chat for your appointment"),
    ("privacy", "What is kept, and for how long"),
    ("forget", "Erase this chat from our server"),
    ("stop", "End this chat"),
)
"""Commands in the order of Telegram's menu, with their descriptions."""

SUMMARY_FILE = "for-my-appointment.html"
SUMMARY_CAPTION = "Open this file to read or print it. It holds your questions, so keep it where only you can see it."
THANKS = "Thank you for telling us."
NOTHING_TO_SAVE = "There is nothing to save yet. Ask me a question first, and then send /save."
FORGET_SURE = (
    "Shall I erase this chat? Your questions, my answers and any call back request are deleted from our server."
)
KEPT = "All right, I'll keep it."
STOPPED = "This chat is ended. I write only when you write to me. /start opens a new chat, and /forget erases this one."
NO_TOPICS = "I have no topics to show right now. Just ask me in your own words."
TOPICS = "Pick a topic, or ask me in your own words."
GROUP_NOTE = "Everyone in this group can read this. For anything personal, please write to me in a private chat."
PRIVATE_ONLY = "Everyone in this group could read that. Please write to me in a private chat, and ask me there."
WORDS_ONLY_READ = "I can't see pictures or files. I only read the words you sent with it."
ONLY_TEXT = "I can only read text."

_ATTACHED = {
    "voice": "I'm sorry, I can't listen to voice messages. I can only read text.",
    "audio": "I'm sorry, I can't listen to sound. I can only read text.",
    "video_note": "I'm sorry, I can't watch videos. I can only read text.",
    "video": "I'm sorry, I can't watch videos. I can only read text.",
    "photo": "I'm sorry, I can't look at pictures. I can only read text.",
    "document": "I'm sorry, I can't open files. I can only read text. Please don't send medical records here.",
    "contact": (
        "I can't open contacts. If you are asking for a call back, please type the number. "
        "Otherwise, please don't share names or numbers here."
    ),
}


def numbers(clinic: Clinic) -> str:
    """The numbers that stand where they are always in sight."""
    call = clinic.emergency
    return f"Emergency: call {call.emergency}. Crisis: call or text {call.crisis}. Poison Control: {call.poison}."


def urgent(clinic: Clinic) -> str:
    """How a reply ends to what nobody read: it may have been a call for help."""
    call = clinic.emergency
    return (
        f"If this is urgent, please don't wait for me: call {call.emergency}. In a crisis, call or text {call.crisis}."
    )


def short_description(clinic: Clinic) -> str:
    """The line of the bot's profile, at most 120 characters."""
    call = clinic.emergency
    line = f"Reading on gut health and long-term pain. Emergency: {call.emergency}. Crisis: {call.crisis}."
    return f"{line} Poison: {call.poison}."[:120]


def description(clinic: Clinic) -> str:
    """What an empty chat shows, at most 512 characters."""
    about = (
        f"Short reading about gut health and long-term pain, from {clinic.name}.\n\n"
        "A computer program, not a person. It can't diagnose, give doses or read results. "
        "Please don't send names or medical records.\n\n"
    )
    return about[: 511 - len(numbers(clinic))] + numbers(clinic)


def start(greeting: Reply, clinic: Clinic) -> Reply:
    """The gateway's greeting, with the numbers first and what Telegram is not private enough for."""
    private = (
        "Telegram is not private enough for names, birth dates or medical records. "
        "/help shows what I can do, and /forget erases this chat."
    )
    return greeting.model_copy(update={"notice": numbers(clinic), "text": f"{greeting.text}\n\n{private}"})


def help_text(clinic: Clinic) -> str:
    """What /help says."""
    checked = "word for word from articles that the clinic approved"
    if clinic.content_mode == "demo":
        checked = "as a sample that no clinician has checked yet"
    listed = "\n".join(f"/{name} - {description}" for name, description in COMMANDS if name != "help")
    return (
        f"{numbers(clinic)}\n\n"
        "Ask me in your own words, such as:\n- Does stress affect my gut?\n- What is pacing?\n- When are you open?\n\n"
        f"I share general education, {checked}. I can't diagnose, give doses, "
        "change medicines or read test results. "
        f"To reach a person, call {clinic.name} at {clinic.phone_display}.\n\n{listed}"
    )


def unknown_command(clinic: Clinic) -> str:
    """What a command that we do not have gets."""
    return f"I don't know that command. Just ask me in your own words, or send /help.\n\n{numbers(clinic)}"


def privacy_text(clinic: Clinic, session_hours: float, retention_hours: float, callback_days: float) -> str:
    """What /privacy says."""
    page = f"\n\nThe clinic's privacy page: {clinic.links.privacy}" if clinic.links.privacy else ""
    return (
        "What we keep: your questions and my answers, so that I can follow the talk. "
        "Your Telegram number is stored only in a scrambled form, and your Telegram name is not stored at all.\n\n"
        f"For how long: a chat ends {_hours(session_hours)} after it began. Then it is deleted, at the latest "
        f"{_hours(max(session_hours, retention_hours))} after it began. /forget deletes it at once.\n\n"
        "Who sees it: nobody reads along. A question I could not answer goes to the clinic's team without your name. "
        "A call back request goes to the clinic's staff. It is deleted "
        f"{callback_days:g} days after you sent it, or at once by /forget.\n\n"
        "What we can't do: Telegram itself can read what is written here, and keeps its own copy of it. "
        "So please don't send names, birth dates or medical records. "
        f"To remove its copy, delete this chat in Telegram.{page}"
    )


def forgotten(everywhere: bool) -> str:
    """What stands after /forget; `everywhere` is False while a part of the system has yet to delete its copy."""
    done = "Your chat is erased: your questions, my answers and any call back request are deleted from our server."
    if not everywhere:
        done = (
            "Your chat is erased. One part of our system is not reachable; its copy is deleted as soon as it is back."
        )
    return f"{done}\n\nTelegram still shows the messages here. To remove them too, delete this chat in Telegram."


def cannot_read(attached: str, clinic: Clinic) -> str:
    """What a photo, a voice message and the like get."""
    return f"{_ATTACHED.get(attached, ONLY_TEXT)}\n\n{urgent(clinic)}"


def unread(reply: Reply, clinic: Clinic) -> Reply:
    """The gateway's reply to a text without words, or with too many; the numbers are not always in sight here."""
    return reply.model_copy(update={"text": f"{reply.text}\n\n{urgent(clinic)}"})


def many_at_once(clinic: Clinic) -> str:
    """What who writes or presses too much gets, once."""
    return f"That was a lot at once. Please wait a minute, and then ask me again.\n\n{urgent(clinic)}"


def topic(title: str) -> str:
    """What stands above a topic's questions."""
    return f"What people ask about this: {title}"


def _hours(hours: float) -> str:
    return f"{hours:g} hours" if hours != 1 else "an hour"
