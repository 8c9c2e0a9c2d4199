"""Runs the checks of `in_rasa.py` under the Rasa environment, once, and reports each as a test."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
CHECKS = [
    node.name
    for node in ast.parse((ROOT / "tests/rasa/in_rasa.py").read_text()).body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("check_")
]


@pytest.fixture(scope="session")
def outcome() -> dict[str, str | None]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(
        [str(PYTHON), "tests/rasa/in_rasa.py"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return dict(json.loads(ran.stdout.strip().splitlines()[-1]))


def test_there_are_checks():
    assert len(CHECKS) >= 20


@pytest.mark.parametrize("name", CHECKS)
def test_in_rasa(outcome: dict[str, str | None], name: str):
    assert outcome[name] is None, outcome[name]
