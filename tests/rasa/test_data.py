"""The domain, the training data, the rules and the actions fit one another. Read without Rasa."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
BY_PAYLOAD = {"ask_passage", "ask_topic", "red_flag", "change_callback"}
"""Intents that only a button or the gateway sends: nobody types them."""
TOPICS = (
    "microbiome gut_brain leaky_gut inflammation fibromyalgia me_cfs arthritis migraine ibs ibd stress sleep eating probiotics "
    "medicines exercise food_tests blood_sugar future_treatments help_now"
).split()


def read(folder: str) -> list[dict[str, Any]]:
    files = sorted((ROOT / folder).rglob("*.yml"))
    assert files, f"no files in {folder}"
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]


def examples_in(loaded: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in (block for file in loaded for block in file["nlu"]):
        lines = block["examples"].splitlines()
        assert all(line.startswith("- ") for line in lines)
        found.setdefault(block["intent"], []).extend(line[2:].strip() for line in lines)
    return found


DOMAIN = read("bot/domain")
EXAMPLES = examples_in(read("bot/data/nlu"))
APART = examples_in([yaml.safe_load((ROOT / "tests/rasa/nlu_test.yml").read_text(encoding="utf-8"))])
RULES = [rule for file in read("bot/data/rules") for rule in file["rules"]]
INTENTS = [intent for file in DOMAIN for intent in file.get("intents", [])]
ACTIONS = [action for file in DOMAIN for action in file.get("actions", [])]
RESPONSES = {name: variations for file in DOMAIN for name, variations in file.get("responses", {}).items()}
STEPS = [step for rule in RULES for step in rule["steps"]]


def normal(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip() or text


def test_every_topic_has_its_intent_and_all_go_to_retrieval():
    routes = {rule["steps"][0]["intent"]: rule["steps"][1]["action"] for rule in RULES if len(rule["steps"]) == 2}
    for intent in [*(f"ask_{topic}" for topic in TOPICS), "out_of_scope", "nlu_fallback"]:
        assert routes[intent] == "action_answer_question"


def test_every_intent_is_declared_once_trained_and_ruled():
    assert [intent for intent, n in Counter(INTENTS).items() if n > 1] == []
    assert set(EXAMPLES) == set(INTENTS) - BY_PAYLOAD
    assert {step["intent"] for step in STEPS if "intent" in step} == {*INTENTS, "nlu_fallback"}


@pytest.mark.parametrize("intent", sorted(EXAMPLES))
def test_an_intent_has_forty_different_examples(intent):
    assert len({normal(text) for text in EXAMPLES[intent]}) >= 40


def test_no_example_belongs_to_two_intents_or_stands_twice():
    owners: dict[str, list[str]] = {}
    for intent, texts in EXAMPLES.items():
        for text in texts:
            owners.setdefault(normal(text), []).append(intent)
    assert {text: found for text, found in owners.items() if len(found) > 1} == {}


def test_no_example_looks_like_a_payload_or_holds_markup():
    bad = [
        text for texts in EXAMPLES.values() for text in texts if text.startswith("/") or re.search(r"[\[\]{}]", text)
    ]
    assert bad == []


def test_the_test_file_covers_every_intent_and_is_held_out():
    assert set(APART) == set(EXAMPLES)
    assert min(map(len, APART.values())) >= 7
    trained = {normal(text) for texts in EXAMPLES.values() for text in texts}
    assert [text for texts in APART.values() for text in texts if normal(text) in trained] == []


def test_the_domains_actions_are_the_ones_that_exist():
    assert sorted(ACTIONS) == sorted(kind.called for kind in KINDS)


def test_rules_use_only_actions_and_responses_that_exist():
    known = {*ACTIONS, *RESPONSES, "action_listen", "action_deactivate_loop", "callback_form"}
    assert {step["action"] for step in STEPS if "action" in step} <= known


def test_a_wording_with_a_placeholder_is_always_said_by_an_action():
    # Rasa would leave the hole, and its own filling breaks on a payload's braces.
    direct = {step["action"] for step in STEPS if str(step.get("action", "")).startswith("utter_")}
    direct |= {name for name in RESPONSES if name.startswith("utter_ask_")}
    assert direct
    assert [name for name in sorted(direct) if "{" in str(RESPONSES[name][0]["custom"]).replace("{'", "")] == []


def test_every_response_is_one_custom_payload():
    assert all(set(variations[0]) == {"custom"} and len(variations) == 1 for variations in RESPONSES.values())


def test_every_slot_stays_out_of_predictions():
    slots = {name: slot for file in DOMAIN for name, slot in file.get("slots", {}).items()}
    forms = {slot for file in DOMAIN for form in file.get("forms", {}).values() for slot in form["required_slots"]}
    assert forms <= set(slots)
    assert [name for name, slot in slots.items() if slot.get("influence_conversation") is not False] == []


def test_there_are_sixty_stories_and_they_reach_every_intent():
    stories = [story for file in read("tests/conversations") for story in file["stories"]]
    assert len(stories) >= 60
    assert all(path.name.startswith("test_") for path in (ROOT / "tests/conversations").glob("*.yml")), (
        "Rasa needs the prefix"
    )
    reached = {step["intent"] for story in stories for step in story["steps"] if "intent" in step}
    assert set(INTENTS) - reached == set()


def test_config_is_pipeline_and_policies_and_nothing_else():
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    assert set(config) == {"recipe", "language", "assistant_id", "pipeline", "policies"}
    assert [policy["name"] for policy in config["policies"]] == ["RulePolicy"]
