"""The chat API of docs/chat-api.md."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.gateway.conversation import AlarmNotStored, Incoming
from bot.gateway.errors import ApiError
from bot.gateway.house import House
from bot.gateway.replies import Passage, Reply
from bot.gateway.store import SessionEnded
from bot.gateway.summary import Summary, summarise

logger = logging.getLogger("vagus.gateway")

router = APIRouter(prefix="/api/v1")

LONGEST = 20_000
"""Characters of one message. Beyond `conversation.MAX_TEXT` only the safety screen reads it."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MessageIn(_In):
    """A patient's message: either text or a pressed button."""

    client_message_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    text: str | None = Field(default=None, min_length=1, max_length=LONGEST)
    button: str | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one_of_them(self) -> MessageIn:
        if (self.text is None) == (self.button is None):
            raise ValueError("send either text or button")
        return self


class FeedbackIn(_In):
    """A rating of one reply."""

    reply_id: str = Field(min_length=1, max_length=32)
    rating: Literal["up", "down"]
    reason: str = Field(default="", max_length=500)


class Numbers(BaseModel):
    """The numbers that are on screen at all times."""

    emergency: str
    crisis: str
    poison: str


class ClinicOut(BaseModel):
    """What the widget shows of the clinic."""

    name: str
    phone: str
    phone_uri: str
    open_now: bool
    opens_at: str | None
    hours_text: str
    emergency: Numbers


class ButtonOut(BaseModel):
    """A button as a channel gets it."""

    label: str
    value: str


class ReplyOut(BaseModel):
    """A reply as the widget gets it."""

    id: str
    kind: str
    text: str
    passages: tuple[Passage, ...]
    disclaimer: str | None
    notice: str | None
    buttons: list[ButtonOut]


class Replies(BaseModel):
    """What a message got."""

    replies: list[ReplyOut]


class SessionOut(Replies):
    """A new session."""

    token: str
    expires_at: str
    clinic: ClinicOut


class Entry(BaseModel):
    """One line of the conversation so far."""

    role: Literal["user", "bot"]
    at: str
    text: str | None = None
    client_message_id: str | None = None
    reply: ReplyOut | None = None


class History(BaseModel):
    """The conversation so far, oldest first."""

    messages: list[Entry]


def house_of(request: Request) -> House:
    """The parts of the running gateway."""
    house: House = request.app.state.house
    return house


HouseDep = Annotated[House, Depends(house_of)]


def address_of(request: Request, house: House) -> str:
    """The address a request came from; `X-Forwarded-For` counts only behind a trusted proxy."""
    peer = request.client.host if request.client else "unknown"
    if peer in house.settings.proxies:
        forwarded = request.headers.get("x-forwarded-for", "").split(",")[-1].strip()
        return forwarded or peer
    return peer


def _limited(request: Request, house: HouseDep) -> None:
    wait = house.address_limit.wait(address_of(request, house))
    if wait:
        raise ApiError.rate_limited(wait)


async def _token(request: Request, house: HouseDep) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return house.signatures.session_id(token.strip()) if scheme.lower() == "bearer" else None


TokenDep = Annotated[str | None, Depends(_token)]
"""The session that a token of ours names, there or not; None without such a token."""


async def _signed(session_id: TokenDep) -> str:
    if session_id is None:
        raise ApiError.session_expired()
    return session_id


SignedDep = Annotated[str, Depends(_signed)]


async def _session(house: HouseDep, session_id: SignedDep) -> str:
    if not await house.in_thread(house.store.is_live, session_id):
        raise ApiError.session_expired()
    return session_id


Limited = Depends(_limited)
SessionDep = Annotated[str, Depends(_session)]


@router.get("/clinic", dependencies=[Limited])
async def clinic(house: HouseDep) -> ClinicOut:
    """The clinic's name, numbers and hours."""
    return clinic_out(house)


@router.post("/sessions", status_code=201, dependencies=[Limited])
async def open_session(request: Request, house: HouseDep) -> SessionOut:
    """Open a session. The server mints the token; a client cannot choose one.

    With storage that fails or hangs the token is good for an emergency alone.
    """
    wait = house.session_limit.wait(address_of(request, house))
    if wait:
        raise ApiError.rate_limited(wait)
    session_id, token = house.signatures.new_session()
    expires, replies = await house.conversations.open_in_time(session_id, "web")
    return SessionOut(
        token=token,
        expires_at=_iso(expires),
        clinic=clinic_out(house),
        replies=[reply_out(house, session_id, reply) for reply in replies],
    )


@router.post("/messages")
async def send(request: Request, message: MessageIn, house: HouseDep, session_id: TokenDep) -> Replies:
    """Say something. The same `client_message_id` again returns the same replies.

    An emergency needs no session, no storage and no message left: only a flood is turned away unread.
    """
    address = address_of(request, house)
    wait = house.address_limit.wait(address)
    if wait and house.flood_limit.wait(address):
        raise ApiError.rate_limited(wait)
    if session_id is None:
        return await _without_session(house, message)
    wait = max(wait, house.message_limit.wait(session_id))
    if wait and await house.conversations.emergency(message.text) is None:
        raise ApiError.rate_limited(wait)
    incoming = Incoming(message_id=message.client_message_id, text=message.text, button=message.button)
    try:
        replies = await house.conversations.handle(session_id, incoming)
    except SessionEnded as error:
        raise ApiError.session_expired() from error
    except AlarmNotStored as error:
        logger.error("an alarm was answered, not stored: %s", type(error.__cause__).__name__)
        replies = [error.reply]
    return Replies(replies=[reply_out(house, session_id, reply) for reply in replies])


async def _without_session(house: House, message: MessageIn) -> Replies:
    """The reply to an emergency, stored nowhere; anything else needs a session."""
    alarm = await house.conversations.emergency(message.text)
    if alarm is None:
        raise ApiError.session_expired()
    logger.warning("an alarm was answered without a session")
    return Replies(replies=[reply_out(house, "", alarm)])


@router.get("/messages", dependencies=[Limited])
async def history(house: HouseDep, session_id: SessionDep) -> History:
    """The conversation so far."""
    greeting = await house.in_thread(house.store.greeting, session_id)
    entries = [Entry(role="bot", at=_iso(at), reply=reply_out(house, session_id, reply)) for at, reply in greeting]
    for turn in await house.in_thread(house.store.turns, session_id):
        at = _iso(turn.at)
        entries.append(Entry(role="user", at=at, text=turn.text, client_message_id=turn.client_message_id))
        entries.extend(Entry(role="bot", at=at, reply=reply_out(house, session_id, reply)) for reply in turn.replies)
    return History(messages=entries)


@router.post("/feedback", status_code=204, dependencies=[Limited])
async def feedback(rating: FeedbackIn, house: HouseDep, session_id: SessionDep) -> Response:
    """Rate a reply of this conversation."""
    if await house.in_thread(house.store.reply, session_id, rating.reply_id) is None:
        raise ApiError(404, "no_such_reply", "There is no such reply in this conversation.")
    await house.in_thread(house.store.add_feedback, rating.reply_id, rating.rating, rating.reason)
    return Response(status_code=204)


@router.get("/summary", dependencies=[Limited])
async def summary(house: HouseDep, session_id: SessionDep) -> Summary:
    """The page to save for an appointment: made on the spot from the conversation, and stored nowhere."""
    turns = await house.in_thread(house.store.turns, session_id)
    return summarise(turns, clinic_out(house).model_dump(), datetime.now(house.clinic.zone).date())


@router.delete("/session", status_code=204, dependencies=[Limited])
async def erase(house: HouseDep, session_id: SignedDep) -> Response:
    """Erase every trace of the conversation, of one that has ended too: its callback requests outlive it."""
    await house.conversations.erase(session_id)
    return Response(status_code=204)


def clinic_out(house: House) -> ClinicOut:
    """The clinic as of now."""
    now = datetime.now(UTC)
    opening = None if house.clinic.is_open(now) else house.clinic.next_opening(now)
    numbers = house.clinic.emergency
    return ClinicOut(
        name=house.clinic.name,
        phone=house.clinic.phone_display,
        phone_uri=house.clinic.phone_uri,
        open_now=house.clinic.is_open(now),
        opens_at=opening.isoformat() if opening else None,
        hours_text=house.clinic.hours_text(now),
        emergency=Numbers(emergency=numbers.emergency, crisis=numbers.crisis, poison=numbers.poison),
    )


def reply_out(house: House, session_id: str, reply: Reply) -> ReplyOut:
    """A reply with its button payloads replaced by signed values; links and the client's own actions stay."""
    buttons = [
        ButtonOut(label=button.label, value=_button_value(house, session_id, reply, position, button.payload))
        for position, button in enumerate(reply.buttons)
    ]
    shown: dict[str, Any] = reply.model_dump(include={"id", "kind", "text", "disclaimer", "notice"})
    return ReplyOut(**shown, passages=reply.passages, buttons=buttons)


def _button_value(house: House, session_id: str, reply: Reply, position: int, payload: str) -> str:
    if payload.startswith(("tel:", "sms:", "client:")):
        return payload
    return house.signatures.button(session_id, reply.id, position)


def _iso(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
