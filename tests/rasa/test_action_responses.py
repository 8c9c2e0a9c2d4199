"""Our compiled check of action responses against the original, run inside the Rasa environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RASA_PYTHON = ROOT / ".venv-rasa" / "bin" / "python"

EVENTS = [{"event": "slot", "timestamp": None, "name": "a", "value": 1}]
RESULTS = [
    {"events": [], "responses": []},
    {"events": EVENTS, "responses": [{"text": "hello"}]},
    {"events": EVENTS},
    {"responses": [{"custom": {"schema": 1}}]},
    {},
    {"events": "no list", "responses": []},
    {"events": [{"name": "no event field"}], "responses": []},
    {"events": [{"event": 7}], "responses": []},
    {"events": [None], "responses": []},
    {"events": [], "responses": "no list"},
    {"events": [], "responses": ["no object"]},
    {"events": [], "responses": [], "more": 1},
    [],
    None,
    "text",
]

SCRIPT = """
import json, sys
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from bot.components.lean_actions import compiled_validation, install_lean_actions

def verdict(check, result):
    try:
        return [bool(check(RemoteAction, result)), ""]
    except ValidationError as error:
        return [False, error.message]

results = json.load(sys.stdin)
original = RemoteAction._validate_action_result
compiled = compiled_validation()
report = [[verdict(original, result), verdict(compiled, result)] for result in results]
installed = install_lean_actions() and RemoteAction._validate_action_result is not original
import bot.components.lean_actions as lean
lean.FOR_RASA = "3.6.22"
print("RESULT " + json.dumps({"report": report, "installed": installed, "guarded": install_lean_actions() is False}))
"""


@pytest.mark.slow
def test_compiled_validator_accepts_and_rejects_exactly_what_the_original_does() -> None:
    if not RASA_PYTHON.exists():
        pytest.fail("no .venv-rasa: run `make setup` first (make test does)")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    run = subprocess.run(
        [str(RASA_PYTHON), "-c", SCRIPT],
        input=json.dumps(RESULTS),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    line = next(line for line in run.stdout.splitlines() if line.startswith("RESULT "))
    outcome = json.loads(line.removeprefix("RESULT "))
    verdicts = [original[0] for original, _ in outcome["report"]]
    assert True in verdicts
    assert False in verdicts
    for result, (original, compiled) in zip(RESULTS, outcome["report"], strict=True):
        assert compiled == original, result
    assert outcome["installed"]
    assert outcome["guarded"]
