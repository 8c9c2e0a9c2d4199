"""Checks that need Rasa itself. `test_in_rasa.py` runs this file once under the Rasa environment and reports each check.

Prints one JSON object: a check's name to null, or to its traceback.
"""
# ruff: noqa: E402 (Rasa reads the environment when it is imported)

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import json
import logging
import os
import random
import socket
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ["LOG_LEVEL"] = "ERROR"
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import aiohttp
import aiohttp.web
import numpy as np
import rasa.shared.utils.io
import structlog
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.core.channels import channel
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.exceptions import GraphComponentException, GraphRunError
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    EntitiesAdded,
    FollowupAction,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.utils.endpoints import ClientResponseError
from sanic import Sanic

from bot.components import lean_actions, lean_dialogue, quiet_logging
from bot.components.hashed_words import HashedWordsFeaturizer
from bot.components.honest_rest import MAX_EVENTS, HonestRest
from bot.components.sentence_encoder import DEFAULT_FOLDER, SentenceEncoderFeaturizer
from bot.components.tracker_store import ErasableTrackerStore
from bot.rasa_server import RasaSettings, sources_fingerprint
from knowledge.encoder import SentenceEncoder
from knowledge.language import saved_language

DASK_RUN, POSSIBLE_KEYS = DaskGraphRunner.run, RulePolicy._get_possible_keys
PAST_STATES = DialogueStateTracker.past_states
DOMAIN = Domain.from_dict(
    {
        "version": "3.1",
        "intents": ["a"],
        "slots": {"kept": {"type": "text", "influence_conversation": False, "mappings": [{"type": "custom"}]}},
    }
)
RESULTS: list[Any] = [
    {"events": [], "responses": []},
    {"events": [{"event": "slot", "name": "a", "value": [1]}], "responses": [{"custom": {"kind": "answer"}}]},
    {"events": [{"event": "slot", "name": "a"}], "responses": []},
    {"events": [{"event": "bot", "text": "hi", "timestamp": 1.0}], "responses": []},
    {"events": [{"event": "user", "text": "hi", "parse_data": {"intent": {"name": "a", "confidence": 1}}}]},
    {"events": [{"event": "followup", "name": "action_listen"}, {"event": "restart"}]},
    {},
    [],
    None,
    "text",
    {"events": {}},
    {"events": [{"event": "unheard_of"}]},
    {"events": [{"name": "no event"}]},
    {"events": [{"event": "slot"}]},
    {"events": [], "responses": ["text"]},
    {"events": [], "responses": {}},
    {"events": [None]},
    {"events": [{"event": "active_loop", "name": None}]},
    {"events": [{"event": "active_loop"}]},
    {"events": [{"event": "slot", "name": "a", "value": 1, "timestamp": True}]},
    {"events": [{"event": "slot", "name": "a", "value": 1, "timestamp": "now"}]},
    {"events": [{"event": "slot", "name": "a", "value": 1, "timestamp": 1.5, "metadata": {}}]},
    {"events": [{"event": "slot", "name": None, "value": 1}]},
    {"events": [{"event": "followup", "metadata": []}]},
    {"events": [{"event": "followup", "metadata": None, "timestamp": None}]},
    {"events": [{"event": ["slot"]}]},
    {"events": [{"event": "action", "name": 5}]},
    {"events": [{"event": "entities"}]},
    {"events": None},
    {"responses": None},
    {"responses": [{"text": 5}], "more": [1]},
]


def store_in(folder: str) -> ErasableTrackerStore:
    store = ErasableTrackerStore(dialect="sqlite", db=str(Path(folder) / "tracker.db"))
    store.domain = DOMAIN
    return store


def bytes_in(folder: str) -> bytes:
    return b"".join(path.read_bytes() for path in Path(folder).iterdir())


def message_of_exit(function: Any, *arguments: Any) -> str:
    """What a function says when it stops the program."""
    try:
        function(*arguments)
    except SystemExit as stop:
        return str(stop)
    raise AssertionError(f"{function.__name__}{arguments} did not stop")


@contextlib.contextmanager
def raising(kind: type[Exception]) -> Iterator[list[Any]]:
    """Catches an error that must come (pytest is not installed here); gives a list that then holds it."""
    caught: list[Any] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    assert caught, f"no {kind.__name__}"


def conversation(sender: str, words: str, *, turns: int = 1) -> DialogueStateTracker:
    tracker = DialogueStateTracker(sender, DOMAIN.slots)
    for _ in range(turns):
        tracker.update(ActionExecuted(ACTION_LISTEN_NAME))
        tracker.update(UserUttered(words, {"name": "a", "confidence": 1.0}))
        tracker.update(BotUttered("", {"custom": {"text": words}}))
        tracker.update(SlotSet("kept", "value"))
    tracker.update(ActionExecuted(ACTION_LISTEN_NAME))
    return tracker


def check_compiled_validation_accepts_and_rejects_what_the_original_does() -> None:
    original, ours = RemoteAction._validate_action_result, lean_actions.compiled_validation()
    accepted = 0
    for result in RESULTS:
        outcomes = []
        for validate in (original, ours):
            try:
                outcomes.append(validate(RemoteAction("a", None), result))
            except ValidationError as error:
                outcomes.append((error.message, list(error.absolute_path)))
        assert outcomes[0] == outcomes[1], (result, outcomes)
        accepted += outcomes[0] is True
    assert 0 < accepted < len(RESULTS), "the cases must hold results of both kinds"


def check_what_our_actions_send_is_accepted_at_once() -> None:
    assert lean_actions.is_plainly_valid(RESULTS[1])
    assert lean_actions.is_plainly_valid({"events": [{"event": "followup", "name": "a"}], "responses": []})
    for result in RESULTS:
        if lean_actions.is_plainly_valid(result):
            assert RemoteAction("a", None)._validate_action_result(result), result


async def check_calls_share_a_connection_and_tell_errors_as_rasa_does() -> None:
    peers = set()

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        peers.add(request.transport.get_extra_info("peername"))
        status = (await request.json())["status"]
        return aiohttp.web.json_response({"action_name": "a"}, status=status)

    app = aiohttp.web.Application()
    app.router.add_post("/webhook", answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = lean_actions.KeptEndpoint(f"http://127.0.0.1:{runner.addresses[0][1]}/webhook")
    for _ in range(3):
        assert await endpoint.request(json={"status": 200}) == {"action_name": "a"}
    with raising(ClientResponseError) as caught:
        await endpoint.request(json={"status": 400})
    assert (caught[0].status, json.loads(caught[0].text)) == (400, {"action_name": "a"})
    assert len(peers) == 1
    await endpoint.close()
    assert await endpoint.request(json={"status": 200}) == {"action_name": "a"}, "closed, it opens again"
    await endpoint.close()
    await runner.cleanup()


class Adds(GraphComponent):  # type: ignore[misc]
    """A node that adds its numbers, and notes that it ran."""

    ran: ClassVar[list[str]] = []

    def __init__(self, name: str, plus: int) -> None:
        self.name, self.plus = name, plus

    @classmethod
    def create(cls, config: Any, model_storage: Any, resource: Any, execution_context: Any) -> Adds:  # noqa: ARG003
        return cls(execution_context.node_name, config["plus"])

    def add(self, one: int = 0, other: int = 0) -> int:
        self.ran.append(self.name)
        if one == 99:
            raise RuntimeError("99")
        return one + other + self.plus


def graph_of(**needs: dict[str, str]) -> DaskGraphRunner:
    nodes = {
        name: SchemaNode(wanted, Adds, "create", "add", {"plus": 10**i}, eager=True, is_target=name == "last")
        for i, (name, wanted) in enumerate(needs.items())
    }
    schema = GraphSchema(nodes)
    return DaskGraphRunner(schema, None, ExecutionContext(schema))


def check_a_graph_run_in_order_gives_what_dask_gives() -> None:
    runner = graph_of(
        last={"one": "left", "other": "right"}, left={"one": "root"}, right={"one": "root", "other": "seed"}, root={}
    )
    for targets in (None, ["last"], ["left"], ["right", "left"], ["root"]):
        for inputs in (
            {"seed": 5},
            {"seed": 5, "unused": [1]},
            {"seed": 5, "root": 7},
            {},
            {"seed": "left"},
            {"root": 99},
        ):
            outcomes = []
            for run in (DASK_RUN, lean_dialogue.run_in_order, lean_dialogue.run_in_order):
                Adds.ran.clear()
                try:
                    found: Any = run(runner, inputs, targets)
                except (GraphRunError, GraphComponentException) as error:
                    found = type(error)
                outcomes.append((found, sorted(Adds.ran) if isinstance(found, dict) else None))
            assert outcomes[0] == outcomes[1] == outcomes[2], (targets, inputs, outcomes)


def check_indexed_rules_are_the_rules_that_rasa_finds() -> None:
    dice = random.Random(7)
    unset = "should_not_be_set"

    def state() -> dict[str, Any]:
        made: dict[str, Any] = {}
        if dice.random() < 0.85:
            made["prev_action"] = {"action_name": dice.choice(["action_listen", "action_listen", "x", "y", unset])}
        if dice.random() < 0.1:
            made["prev_action"] = {"action_text": "words"}
        if dice.random() < 0.8:
            made["user"] = {
                dice.choice(["intent", "intent", "intent", "text"]): dice.choice(["a", "b", "c", unset, ""])
            }
        if dice.random() < 0.3:
            made["slots"] = {"s": dice.choice([[1.0], [0.0, 1.0], unset])}
        if dice.random() < 0.2:
            made["active_loop"] = {"name": dice.choice(["form", unset])}
        return made

    def as_in_a_conversation(made: dict[str, Any]) -> dict[str, Any]:
        slots = {
            name: tuple(value) if isinstance(value, list) else value for name, value in made.get("slots", {}).items()
        }
        return {**made, "slots": slots}

    policy, found = RulePolicy.__new__(RulePolicy), 0
    for _ in range(20):
        lookup = {json.dumps([state() for _ in range(dice.choice([1, 1, 2, 3]))]): "action" for _ in range(60)}
        for _ in range(100):
            states = [as_in_a_conversation(state()) for _ in range(dice.randrange(5))]
            expected = POSSIBLE_KEYS(policy, lookup, states)
            assert lean_dialogue.possible_keys(policy, lookup, states) == expected, (lookup, states)
            found += bool(expected) and bool(states)
    assert found > 500, "most cases must find something"


def check_past_states_are_those_of_a_replay() -> None:
    dice = random.Random(11)
    domain = Domain.from_dict(
        {
            "version": "3.1",
            "intents": ["a", "b"],
            "entities": ["e"],
            "slots": {"s": {"type": "text", "mappings": [{"type": "custom"}]}},
            "actions": ["x", "y"],
            "forms": {"form": {"required_slots": ["s"]}},
        }
    )
    entity = {"entity": "e", "value": "v", "start": 0, "end": 1}
    kinds = [
        lambda: UserUttered("words", {"name": dice.choice("ab"), "confidence": 1.0}, dice.choice([[], [dict(entity)]])),
        lambda: UserUttered("words", {"name": dice.choice("ab"), "confidence": 1.0}),
        lambda: ActionExecuted(ACTION_LISTEN_NAME),
        lambda: ActionExecuted(dice.choice(["x", "y", "form"])),
        lambda: ActionExecuted(dice.choice(["x", "y"]), hide_rule_turn=True),
        lambda: SlotSet("s", dice.choice(["1", None])),
        lambda: BotUttered("hello"),
        lambda: ActiveLoop(dice.choice(["form", None])),
        lambda: ActionExecutionRejected("form"),
        lambda: FollowupAction("x"),
        lambda: dice.choice([Restarted, SessionStarted, ActionReverted, UserUtteranceReverted, AllSlotsReset])(),
    ]
    for _ in range(60):
        tracker = DialogueStateTracker("s", domain.slots)
        for _ in range(40):
            for _ in range(dice.randrange(4)):
                tracker.update(dice.choice(kinds)())
                if isinstance(tracker.events[-1], UserUttered) and dice.random() < 0.6:  # as a prediction adds them
                    tracker.update(DefinePrevUserUtteredFeaturization(dice.random() < 0.5))
                    tracker.update(EntitiesAdded([dict(entity)]))
            for options in ({}, {}, {"omit_unset_slots": True}, {"ignore_rule_only_turns": True}):
                states = lean_dialogue.past_states(tracker, domain, **options)
                assert states == PAST_STATES(tracker, domain, **options)
                for state in states:  # as Rasa does with what it is given
                    state.get("user", {}).pop("text", None)
                    state.pop("slots", None)


def check_lean_dialogue_is_left_out_on_another_rasa() -> None:
    real, lean_dialogue.FOR_RASA = lean_dialogue.FOR_RASA, "9.9.9"
    try:
        assert lean_dialogue.install_lean_dialogue() is False
    finally:
        lean_dialogue.FOR_RASA = real
    assert (DaskGraphRunner.run, RulePolicy._get_possible_keys) == (DASK_RUN, POSSIBLE_KEYS)
    assert DialogueStateTracker.past_states is PAST_STATES


def check_lean_actions_are_left_out_on_another_rasa() -> None:
    before = RemoteAction._validate_action_result, RemoteAction._action_call_format
    real, lean_actions.FOR_RASA = lean_actions.FOR_RASA, "9.9.9"
    try:
        assert lean_actions.install_lean_actions() is False
    finally:
        lean_actions.FOR_RASA = real
    assert before == (RemoteAction._validate_action_result, RemoteAction._action_call_format)


def check_a_lean_call_holds_what_actions_read_and_nothing_of_the_past() -> None:
    body = lean_actions.lean_call(RemoteAction("action_x", None), conversation("s", "first secret"), DOMAIN)
    assert body["next_action"] == "action_x"
    assert body["tracker"]["slots"]["kept"] == "value"
    assert body["tracker"]["latest_message"]["intent"]["name"] == "a"
    assert body["tracker"]["events"] == []
    assert "domain" not in body


async def check_erased_conversations_leave_no_bytes_behind() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        await store.save(conversation("gone", "zebrafinch", turns=40))
        await store.save(conversation("stays", "kingfisher"))
        assert store.erase("gone") > 0
        assert await store.retrieve("gone") is None
        assert (await store.retrieve("stays")).latest_message.text == "kingfisher"
        everything = bytes_in(folder)
        assert b"zebrafinch" not in everything
        assert b"kingfisher" in everything
        store.engine.dispose()


async def check_a_tracker_read_again_is_the_one_that_was_saved() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        tracker = conversation("s", "hello")
        await store.save(tracker)
        assert await store.retrieve("s") is tracker, "kept for the next turn"
        again = await store.retrieve("s")
        assert again is not tracker, "a turn that failed leaves only what the database holds"
        assert [e.as_dict() for e in again.events] == [e.as_dict() for e in tracker.events]
        store.engine.dispose()


async def check_a_tracker_that_another_process_changed_is_read_anew() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = store_in(folder), store_in(folder)
        await ours.save(conversation("s", "hello"))
        changed = await theirs.retrieve("s")
        changed.update(UserUttered("from elsewhere", {"name": "a", "confidence": 1.0}))
        await theirs.save(changed)
        assert (await ours.retrieve("s")).latest_message.text == "from elsewhere"
        ours.engine.dispose()
        theirs.engine.dispose()


async def check_forgetting_keeps_slots_and_drops_words() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        await store.save(conversation("s", "zebrafinch", turns=30))
        await store.forget_events("s")
        for tracker in (await store.retrieve("s"), await store.retrieve("s")):  # from memory, then from the database
            assert tracker.get_slot("kept") == "value"
            assert tracker.latest_action_name == ACTION_LISTEN_NAME
            assert len(tracker.events) < 6
        assert b"zebrafinch" not in bytes_in(folder)
        store.engine.dispose()


async def check_a_shortened_conversation_leaves_no_bytes_once_it_is_erased_or_idle() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        for gone in (lambda: store.erase("s"), lambda: store.erase_idle(3600)):
            await store.save(conversation("s", "zebrafinch", turns=30))
            await store.forget_events("s", leave_log=True)
            assert (await store.retrieve("s")).get_slot("kept") == "value"
            gone()
            assert b"zebrafinch" not in bytes_in(folder)
        store.engine.dispose()


async def check_a_form_in_progress_is_not_forgotten() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        tracker = conversation("s", "hello")
        tracker.update(ActiveLoop("callback_form"))
        await store.save(tracker)
        await store.forget_events("s")
        assert (await store.retrieve("s")).active_loop_name == "callback_form"
        store.engine.dispose()


async def check_idle_conversations_are_erased_and_live_ones_kept() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        await store.save(conversation("old", "hello"))
        await store.save(conversation("new", "hello"))
        with sqlite3.connect(str(Path(folder) / "tracker.db")) as database:
            database.execute("update events set timestamp = ? where sender_id = 'old'", (time.time() - 7200,))
        assert store.erase_idle(3600) > 0
        assert list(await store.keys()) == ["new"]
        store.engine.dispose()


class FakeAgent:
    """An agent whose turn is a function; stores for real."""

    def __init__(self, turn: Any, folder: str) -> None:
        self.turn, self.tracker_store, self.lock_store = turn, store_in(folder), InMemoryLockStore()
        self.processor = type("Processor", (), {"model_filename": "fake.tar.gz"})()

    def is_ready(self) -> bool:
        return True

    async def handle_message(self, message: Any) -> None:
        await self.turn(message)


@contextlib.asynccontextmanager
async def serving(turn: Any) -> AsyncIterator[tuple[str, ErasableTrackerStore]]:
    """The channel's address with a fake agent behind it, and that agent's store. Sanic starts only once a process."""
    if not SERVER:
        app = Sanic("test_channel", configure_logging=False)
        channel.register([HonestRest()], app, route="/webhooks/")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = await app.create_server("127.0.0.1", port, return_asyncio_server=True, access_log=False)
        await server.startup()
        await server.start_serving()
        SERVER.extend((app, f"http://127.0.0.1:{port}/webhooks/vagus", server))
    with tempfile.TemporaryDirectory() as folder:
        agent = SERVER[0].ctx.agent = FakeAgent(turn, folder)
        yield SERVER[1], agent.tracker_store
        agent.tracker_store.engine.dispose()


async def talk(turn: Any, *calls: Any) -> list[tuple[int, Any]]:
    """Make calls of (method, path, body); returns statuses and bodies."""
    results = []
    async with serving(turn) as (url, _store), aiohttp.ClientSession() as http:
        for method, path, body in calls:
            async with http.request(method, f"{url}/{path}", json=body) as answer:
                results.append((answer.status, await answer.json(content_type=None)))
    return results


SERVER: list[Any] = []
SAY = ("POST", "webhook", {"sender": "abc", "message": "hello"})


async def check_messages_are_the_custom_objects_with_every_field() -> None:
    async def turn(message: Any) -> None:
        await message.output_channel.send_response(
            "abc", {"custom": {"schema": 1, "kind": "menu", "text": "one\n\ntwo"}}
        )

    ((status, body),) = await talk(turn, SAY)
    empty = {"passages": [], "disclaimer": None, "notice": None, "buttons": []}
    assert (status, body) == (200, {"messages": [{**empty, "schema": 1, "kind": "menu", "text": "one\n\ntwo"}]})


async def check_an_exception_is_a_500_and_never_an_empty_success() -> None:
    async def turn(_message: Any) -> None:
        raise RuntimeError("my secret symptoms")

    ((status, body),) = await talk(turn, SAY)
    assert status == 500
    assert body == {"error": "RuntimeError"}


async def check_an_error_that_rasa_only_logs_is_a_500_too() -> None:
    async def turn(message: Any) -> None:
        await message.output_channel.send_response("abc", {"custom": {"schema": 1, "kind": "menu", "text": "half"}})
        try:
            raise KeyError("my secret symptoms")
        except KeyError:
            logging.getLogger("rasa.core.processor").exception("Encountered an exception while running action")

    ((status, body),) = await talk(turn, SAY)
    assert (status, body) == (500, {"error": "KeyError in rasa.core.processor"})


async def check_an_error_of_one_turn_does_not_fail_another() -> None:
    gate = asyncio.Event()

    async def turn(message: Any) -> None:
        if message.sender_id == "bad":
            logging.getLogger("rasa.core").error("broken")
            gate.set()
        else:
            await gate.wait()

    async with serving(turn) as (url, _store), aiohttp.ClientSession() as http:

        async def say(sender: str) -> int:
            async with http.post(f"{url}/webhook", json={"sender": sender, "message": "x"}) as answer:
                return answer.status

        assert await asyncio.gather(say("good"), say("bad")) == [200, 500]


async def check_bare_text_is_a_500() -> None:
    async def turn(message: Any) -> None:
        await message.output_channel.send_response("abc", {"text": "no disclaimer here"})

    ((status, _body),) = await talk(turn, SAY)
    assert status == 500


async def check_silence_without_an_error_is_an_empty_list() -> None:
    async def turn(_message: Any) -> None:
        return None

    assert await talk(turn, SAY) == [(200, {"messages": []})]


async def check_bad_requests_are_told_what_is_wrong() -> None:
    async def turn(_message: Any) -> None:
        raise AssertionError("must not run")

    bodies: list[Any] = [
        {},
        {"sender": "a b", "message": "x"},
        {"sender": "abc"},
        {"sender": "abc", "message": " "},
        [],
    ]
    bodies += [
        {"sender": "abc", "message": "x" * 9000},
        {"sender": 5, "message": "x"},
        {"sender": "a/../b", "message": "x"},
    ]
    for status, body in await talk(turn, *(("POST", "webhook", body) for body in bodies)):
        assert status == 400
        assert body["error"].startswith(("sender:", "message:"))


async def check_forget_is_obeyed_and_passed_on() -> None:
    async def turn(message: Any) -> None:
        await stores[0].save(conversation(message.sender_id, "zebrafinch"))
        for kind in ("callback", "silent"):
            await message.output_channel.send_response("abc", {"custom": {"schema": 1, "kind": kind, "forget": True}})

    stores: list[ErasableTrackerStore] = []
    async with serving(turn) as (url, store), aiohttp.ClientSession() as http:
        stores.append(store)
        async with http.post(f"{url}/webhook", json=SAY[2]) as answer:
            (message,) = (await answer.json())["messages"]
        assert message["kind"] == "callback"
        assert message["forget"] is True  # the gateway forgets, too
        assert (await store.retrieve("abc")).get_slot("kept") == "value"
        assert not any(isinstance(event, UserUttered) for event in (await store.retrieve("abc")).events)
        async with http.delete(f"{url}/conversations/abc") as answer:
            assert (await answer.json())["erased_events"] > 0
        assert store.count_events("abc") == 0


async def check_a_long_conversation_is_shortened_to_its_slots() -> None:
    async def turn(message: Any) -> None:
        await stores[0].save(conversation(message.sender_id, "hello", turns=MAX_EVENTS))

    stores: list[ErasableTrackerStore] = []
    async with serving(turn) as (url, store), aiohttp.ClientSession() as http:
        stores.append(store)
        async with http.post(f"{url}/webhook", json=SAY[2]) as answer:
            assert answer.status == 200
        assert 0 < store.count_events("abc") < 10


async def check_health_names_the_model() -> None:
    async def turn(_message: Any) -> None:
        return None

    assert await talk(turn, ("GET", "health", None)) == [(200, {"ready": True, "model": "fake.tar.gz"})]


def check_logs_hold_no_words_of_a_patient() -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        quiet_logging.configure_logging("DEBUG")
        stream = io.StringIO()
        logging.getLogger().handlers[0].setStream(stream)
        log = structlog.get_logger("rasa.core.processor")
        log.debug("processor.message.parse", text="my secret symptoms")
        log.error("processor.failed", text="my secret symptoms", user_text="secret")
        logging.getLogger("rasa.core").debug("my secret symptoms")
        try:
            raise ValueError("my secret symptoms")
        except ValueError:
            logging.getLogger("rasa.core").exception("an action failed")
            log.exception("channel.failed", text="my secret symptoms")
        written = stream.getvalue()
        assert "secret" not in written
        assert "processor.failed" in written
        assert "an action failed" in written
        assert "ValueError" in written
        assert logging.getLogger().level == logging.INFO, "DEBUG is never allowed"
    finally:
        logging.getLogger().handlers[:], logging.getLogger().level = before


def check_the_sentence_vector_is_the_encoders_own_scaled() -> None:
    encoder = SentenceEncoder(DEFAULT_FOLDER)
    config = {**SentenceEncoderFeaturizer.get_default_config(), "scale": 3.0, FEATURIZER_CLASS_ALIAS: "x"}
    messages = [Message({TEXT: "does stress hurt the gut"}), Message({}), Message({TEXT: "hello"})]
    SentenceEncoderFeaturizer(config, "x", encoder).process(messages)
    features = messages[0].get_dense_features(TEXT)[1].features
    assert np.allclose(features, 3 * encoder.encode(["does stress hurt the gut"]))
    assert messages[1].get_dense_features(TEXT)[1] is None


def check_hashed_words_are_stable_and_of_the_given_length() -> None:
    config = {**HashedWordsFeaturizer.get_default_config(), "size": 64, "scale": 2.0, FEATURIZER_CLASS_ALIAS: "x"}
    pair = [Message({TEXT: "Refill line"}), Message({TEXT: "refill line"})]
    HashedWordsFeaturizer(config, "x").process(pair)
    first, second = (message.get_dense_features(TEXT)[1].features for message in pair)
    assert np.array_equal(first, second)
    assert first.shape == (1, 64)
    assert abs(float(np.linalg.norm(first)) - 2.0) < 1e-5


def check_every_yaml_file_is_one_that_rasa_reads() -> None:
    # Rasa skips a domain file that it cannot parse, without a word.
    files = [*(ROOT / "bot/domain").rglob("*.yml"), *(ROOT / "bot/data").rglob("*.yml"), ROOT / "config.yml"]
    assert len(files) > 70
    for path in files:
        rasa.shared.utils.io.read_yaml_file(path)


def check_rasa_is_never_put_on_the_network_by_accident() -> None:
    for host in ("0.0.0.0", "10.0.0.5"):  # noqa: S104
        assert "loopback" in message_of_exit(RasaSettings.from_env, {"VAGUS_RASA_HOST": host})


def check_the_models_name_follows_its_sources() -> None:
    settings = RasaSettings.from_env({})
    before = sources_fingerprint(settings)
    assert before == sources_fingerprint(settings)
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "vocabulary.yml"
        other.write_text(settings.vocabulary.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
        assert sources_fingerprint(RasaSettings.from_env({"VAGUS_VOCABULARY": str(other)})) != before
    assert "make build" in message_of_exit(sources_fingerprint, RasaSettings.from_env({"VAGUS_ENCODER": "/nowhere"}))


def check_the_spacy_pipeline_is_built_for_this_interpreter() -> None:
    with tempfile.TemporaryDirectory() as folder:
        built = saved_language(ROOT / "knowledge" / "vocabulary.yml", Path(folder))
        assert built.name == f"{sys.version_info.major}.{sys.version_info.minor}"
        stamp = (built / "meta.json").stat().st_mtime_ns
        assert saved_language(ROOT / "knowledge" / "vocabulary.yml", Path(folder)) == built
        assert (built / "meta.json").stat().st_mtime_ns == stamp, "nothing changed, nothing built"


async def run_all() -> dict[str, str | None]:
    """Run every check; one that fails in any way is reported, and the others still run."""
    outcome: dict[str, str | None] = {}
    for name, check in [(name, check) for name, check in globals().items() if name.startswith("check_")]:
        try:
            found = check()
            if inspect.isawaitable(found):
                await found
            outcome[name] = None
        except BaseException:
            outcome[name] = traceback.format_exc()
    return outcome


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(asyncio.run(run_all())) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Sanic's server has no clean end outside app.run
