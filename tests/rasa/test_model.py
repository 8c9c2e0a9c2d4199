"""Trains the real model, and holds it to its stories, its held-out test file and its budgets."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = str(ROOT / ".venv-rasa" / "bin" / "python")
ENVIRON = {
    **os.environ,
    "RASA_TELEMETRY_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}
TRAINING_SECONDS = 60
ON_A_BUSY_MACHINE = 4

pytestmark = pytest.mark.slow


def run(*arguments: str, seconds: float = 280) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, *arguments], cwd=ROOT, env=ENVIRON, capture_output=True, text=True, check=False, timeout=seconds
    )


@pytest.fixture(scope="module")
def model() -> Path:
    """The model of the present sources, where `make build` keeps it."""
    trained = run("-m", "bot.rasa_server", "--train")
    assert trained.returncode == 0, trained.stderr[-3000:]
    return Path(trained.stdout.strip().splitlines()[-1])


def test_training_again_with_nothing_changed_does_nothing(model: Path):
    stamp, started = model.stat().st_mtime_ns, time.monotonic()
    again = run("-m", "bot.rasa_server", "--train")
    assert again.stdout.strip().endswith(model.name)
    assert model.stat().st_mtime_ns == stamp
    assert time.monotonic() - started < TRAINING_SECONDS / 2 * ON_A_BUSY_MACHINE


def test_rasa_data_validate_finds_nothing_wrong():
    checked = run(
        "-m", "rasa", "data", "validate", "--config", "config.yml", "--domain", "bot/domain", "--data", "bot/data"
    )
    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-3000:]


def test_every_story_is_green(model: Path, tmp_path: Path):
    run(
        "-m",
        "rasa",
        "test",
        "core",
        "--e2e",
        "--stories",
        "tests/conversations",
        "--model",
        str(model),
        "--out",
        str(tmp_path),
    )
    accuracy = json.loads((tmp_path / "story_report.json").read_text())["conversation_accuracy"]
    assert accuracy["total"] >= 60
    failed = (tmp_path / "failed_test_stories.yml").read_text()
    assert accuracy["correct"] == accuracy["total"], failed


def test_intents_are_found_in_sentences_never_seen(model: Path, tmp_path: Path):
    run(
        "-m",
        "rasa",
        "test",
        "nlu",
        "--nlu",
        "tests/rasa/nlu_test.yml",
        "--model",
        str(model),
        "--out",
        str(tmp_path),
        "--no-plot",
    )
    report = json.loads((tmp_path / "intent_report.json").read_text())
    misses = [
        f"{miss['intent']} -> {miss['intent_prediction']['name']}: {miss['text']}"
        for miss in json.loads((tmp_path / "intent_errors.json").read_text())
    ]
    assert report["macro avg"]["f1-score"] >= 0.90, "\n".join(misses)
