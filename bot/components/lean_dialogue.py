"""Makes a turn cheap where Rasa does the same work again and again: planning the graph, finding the rule, replaying the past.

Nothing here changes what is predicted; `tests/rasa` holds each part to Rasa's own. docs/decisions/dialogue-speed.md says what
each part saves.
"""

from __future__ import annotations

import copy
import logging
import operator
from collections import defaultdict
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Any

import rasa
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import GraphNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.constants import PREVIOUS_ACTION, SHOULD_NOT_BE_SET, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import ActionExecuted, Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ACTION_NAME, INTENT

from bot.components.lean_actions import FOR_RASA

logger = logging.getLogger("vagus.rasa")

_past_states_by_replay = DialogueStateTracker.past_states


def install_lean_dialogue() -> bool:
    """Replace how Rasa runs a turn; does nothing on another Rasa than the one it was checked against.

    Returns:
        Whether it was installed.
    """
    if rasa.__version__ != FOR_RASA:
        logger.warning("lean dialogue is for Rasa %s, not %s: left out", FOR_RASA, rasa.__version__)
        return False
    DaskGraphRunner.run = run_in_order
    RulePolicy._get_possible_keys = possible_keys
    DialogueStateTracker.past_states = past_states
    return True


# --- The graph: dask plans every run anew; the plan for a target never changes. ---


def run_in_order(
    runner: DaskGraphRunner, inputs: dict[str, Any] | None = None, targets: list[str] | None = None
) -> dict[str, Any]:
    """`DaskGraphRunner.run` in an order that is worked out once for each choice of targets."""
    chosen = tuple(targets or runner._graph_schema.target_names)
    plans = runner.__dict__.setdefault("_vagus_plans", {})
    if chosen not in plans:
        plans[chosen] = _plan(runner, chosen)
    done: dict[str, Any] = {}
    for name, value in (inputs or {}).items():
        if isinstance(value, str) and value in plans[chosen]:
            raise GraphRunError(f"Input value {value!r} clashes with a node name.")
        done[name] = (name, value)
    try:
        for name, (node, needs) in plans[chosen].items():
            if name not in done:
                done[name] = node(*[done.get(need, need) for need in needs])
    except RuntimeError as error:
        raise GraphRunError("Error running runner.") from error
    return dict(done[name] for name in chosen)


def _plan(runner: DaskGraphRunner, targets: Sequence[str]) -> dict[str, tuple[GraphNode, tuple[str, ...]]]:
    """The nodes that the targets need, each after those that it needs, and with their names."""
    nodes = runner._graph_schema.minimal_graph_schema(list(targets)).nodes
    needs = {name: tuple(node.needs.values()) for name, node in nodes.items()}
    return {
        name: (runner._instantiated_nodes[name], needs[name])
        for name in TopologicalSorter(needs).static_order()
        if name in nodes
    }


# --- The rules: Rasa compares all of them with every state; most differ in the last action or the intent. ---


def possible_keys(policy: RulePolicy, lookup: dict[str, str], states: list[State]) -> set[str]:
    """`RulePolicy._get_possible_keys`, asking only the rules whose last action and intent are those of the last state."""
    if not states:
        return set(lookup)
    indexes = policy.__dict__.setdefault("_vagus_indexes", {})
    if id(lookup) not in indexes:
        indexes[id(lookup)] = (lookup, _index(policy, lookup))  # holds the lookup, so that its id stays its own
    rules = indexes[id(lookup)][1]
    action, intent = _demanded(states[-1])
    return {
        key
        for demanded in {(action, intent), (action, None), (None, intent), (None, None)}
        for key in rules.get(demanded, ())
        if all(policy._is_rule_applicable(key, turn, state) for turn, state in enumerate(reversed(states)))
    }


def _index(policy: RulePolicy, lookup: dict[str, str]) -> dict[tuple[Any, Any], list[str]]:
    rules = defaultdict(list)
    for key in lookup:
        states = policy._rule_key_to_state(key)
        rules[_demanded(states[-1]) if states else (None, None)].append(key)
    return dict(rules)


def _demanded(state: State) -> tuple[Any, Any]:
    """Last action and intent that a state must have to match a rule; None for anything goes, as for all at the very start."""
    if not state.get(PREVIOUS_ACTION):
        return None, None
    found = state.get(PREVIOUS_ACTION, {}).get(ACTION_NAME), state.get(USER, {}).get(INTENT)
    action, intent = (value if isinstance(value, str) and value != SHOULD_NOT_BE_SET else None for value in found)
    return (action or None), (intent or None)


# --- The past: Rasa replays the conversation for every prediction; here it goes on where it stopped. ---


class _Past:
    """The states before each action of a conversation, and a tracker that has seen the events up to there."""

    def __init__(self, tracker: DialogueStateTracker, domain: Domain) -> None:
        self.domain = domain
        self.events: list[Event] = []
        self.states: list[State] = []
        self.replayed = tracker.init_copy()

    def goes_on_in(self, events: list[Event], domain: Domain) -> bool:
        """Whether these events begin with those that were seen."""
        return self.domain is domain and len(self.events) <= len(events) and all(map(operator.is_, self.events, events))

    def see(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, ActionExecuted):
                self.states.append(self.domain.get_active_state(self.replayed))
            self.replayed.update(event)
            self.events.append(event)


def past_states(
    tracker: DialogueStateTracker,
    domain: Domain,
    omit_unset_slots: bool = False,
    ignore_rule_only_turns: bool = False,
    rule_only_data: dict[str, Any] | None = None,
) -> list[State]:
    """`DialogueStateTracker.past_states`, looking only at the events that are new since it was last asked."""
    if omit_unset_slots or ignore_rule_only_turns:
        return _past_states_by_replay(tracker, domain, omit_unset_slots, ignore_rule_only_turns, rule_only_data)
    events = tracker.applied_events()
    past = tracker.__dict__.get("_vagus_past")
    if past is None or not past.goes_on_in(events, domain):
        past = tracker._vagus_past = _Past(tracker, domain)
    past.see(events[len(past.events) :])
    # Rasa takes texts out of what it is given, so it is given copies.
    states = [*past.states, domain.get_active_state(past.replayed)]
    return [{kind: copy.copy(part) for kind, part in state.items()} for state in states]
