"""Updates in the Bot API's shapes: hypothesis strategies made from python-telegram-bot's own classes and their types."""

from __future__ import annotations

import datetime as dtm
import inspect
import sys
import types
import typing
from collections.abc import Sequence
from functools import cache
from typing import Any

import telegram
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(1, 2**52) | st.just(7)
TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["/start", "/start leaky-gut", "/topics", "/save", "/forget", "/stop", "/help@vagus_bot", "@vagus_bot"]
    ),
    st.sampled_from(["I can't breathe", "what is pacing?", "\ud800", "\x00", "<b>", "a" * 4096, '/ask_passage{"x":1}']),
)
NAMED = {
    "text": TEXT,
    "caption": TEXT,
    "type": st.sampled_from(["private", "group", "supergroup", "channel"]),
    "status": st.sampled_from(["member", "kicked", "left", "administrator"]) | st.text(max_size=8),
    "is_bot": st.sampled_from([False, False, False, True]),
    "update_id": st.integers(0, 10**6),
}
"""Fields whose values have a meaning beyond their type."""

PLAIN: dict[object, st.SearchStrategy[Any]] = {
    int: IDS | st.integers(-(2**52), -1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=30),
    bool: st.booleans(),
    dtm.datetime: st.integers(0, 2**31),
    dtm.timedelta: st.integers(0, 2**31),
}
OURS = ("message", "callback_query", "my_chat_member")
WORDS = ("text", "caption", "photo", "sticker", "voice", "location", "document", "contact", "new_chat_members")


@cache
def fields_of(kind: type) -> dict[str, tuple[Any, bool]]:
    """The fields of one of the Bot API's types: type, and whether it is always there."""
    names = {**vars(telegram), **vars(sys.modules[kind.__module__])}
    hints = typing.get_type_hints(kind.__init__, globalns=names)  # type: ignore[misc]
    parameters = inspect.signature(kind).parameters.values()
    return {
        parameter.name: (hints[parameter.name], parameter.default is parameter.empty)
        for parameter in parameters
        if parameter.name != "api_kwargs"
    }


@st.composite
def shaped(draw: st.DrawFn, kind: type, depth: int = 3, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """A value of one of the Bot API's types: what is always there, what is `wanted`, and a few of the other fields."""
    fields = fields_of(kind)
    optional = sorted(name for name, (_, always) in fields.items() if not always)
    chosen = draw(st.lists(st.sampled_from(optional), unique=True, max_size=4)) if depth and optional else []
    names = [name for name, (_, always) in fields.items() if always or name in chosen or name in wanted]
    return {
        "from" if name == "from_user" else name: draw(
            NAMED[name] if name in NAMED else value_of(fields[name][0], depth - 1)
        )
        for name in names
    }


def value_of(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    """A value of a field's type."""
    if hint in PLAIN:
        return PLAIN[hint]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return st.one_of([value_of(part, depth) for part in typing.get_args(hint) if part is not type(None)])
    if inspect.isclass(typing.get_origin(hint)) and issubclass(typing.get_origin(hint), Sequence):
        return st.lists(value_of(typing.get_args(hint)[0], depth), max_size=2)
    if hint is telegram.MaybeInaccessibleMessage:
        return shaped(telegram.Message, max(depth, 0))
    if inspect.isclass(hint) and issubclass(hint, telegram.TelegramObject):
        return shaped(hint, max(depth, 0)) if depth > -3 else st.just({})
    return ANYTHING


@st.composite
def api_updates(draw: st.DrawFn) -> dict[str, Any]:
    """An update; most are of the kinds that we ask for, and most messages are from someone and hold something."""
    others = set(fields_of(telegram.Update)) - {"update_id"}
    name = draw(st.sampled_from([*OURS * 10, *sorted(others)]))
    message = shaped(telegram.Message, 2, wanted=("from_user", draw(st.sampled_from(["text"] * 6 + list(WORDS)))))
    if name == "message":
        value = draw(message)
    elif name == "callback_query":
        value = draw(shaped(telegram.CallbackQuery, 0, wanted=("data",))) | {"message": draw(message)}
    else:
        value = draw(value_of(fields_of(telegram.Update)[name][0], 2))
    return {"update_id": draw(NAMED["update_id"]), name: value}


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """An update with one value anywhere in it replaced by something else."""
    update = draw(api_updates())
    place: Any = update
    while isinstance(place, dict) and place:
        key = draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or draw(st.booleans()):
            place[key] = draw(ANYTHING)
            break
        place = place[key]
    return update
