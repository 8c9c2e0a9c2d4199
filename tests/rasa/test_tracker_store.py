"""Our tracker store on SQLite and, where `VAGUS_TEST_DATABASE` names one, on PostgreSQL, inside the Rasa environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.databases import POSTGRESQL, emptied, needs_postgresql

ROOT = Path(__file__).resolve().parents[2]
RASA_PYTHON = ROOT / ".venv-rasa" / "bin" / "python"

SCRIPT = """
import asyncio, json, sys, time
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from bot.components.tracker_store import ErasableTrackerStore

domain = Domain.from_yaml(
    "version: '3.1'\\nintents: [hello]\\nslots: {where: {type: text, mappings: [{type: custom}]}}\\nactions: [go]"
)
settings = json.loads(sys.argv[1])

def opened():
    store = ErasableTrackerStore(**settings)
    store.domain = domain
    return store

async def events(store, sender):
    tracker = await store.retrieve(sender)
    return [event.type_name for event in tracker.events] if tracker else None

async def main():
    found = {}
    one, other = opened(), opened()
    for sender in ("ann", "bo"):
        tracker = DialogueStateTracker.from_events(sender, [], domain.slots)
        tracker.update(ActionExecuted("action_listen"))
        tracker.update(UserUttered("my elbow \\u2764 hurts", {"name": "hello", "confidence": 1.0}))
        await one.save(tracker)
    found["kept"] = await events(one, "ann")
    tracker = await other.retrieve("ann")
    tracker.update(SlotSet("where", "elbow"))
    tracker.update(ActionExecuted("action_listen"))
    await other.save(tracker)
    found["seen by the first"] = await events(one, "ann")
    found["text"] = (await opened().retrieve("ann")).latest_message.text
    await other.forget_events("ann")
    again = await one.retrieve("ann")
    found["forgotten"] = [again.latest_message.text, again.get_slot("where"), one.count_events("ann")]
    found["erased"] = [one.erase("bo"), one.erase("bo"), await events(one, "bo"), await events(opened(), "bo")]
    found["idle"] = [one.erase_idle(3600), one.erase_idle(-1), one.count_events("ann")]
    print("RESULT " + json.dumps(found))

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def test_tracker_store_keeps_shares_forgets_and_erases(tmp_path: Path, dialect: str) -> None:
    if not RASA_PYTHON.exists():
        pytest.fail("no .venv-rasa: run `make setup` first (make test does)")
    emptied()
    settings = {"dialect": "sqlite", "db": str(tmp_path / "tracker.db")}
    if dialect == "postgresql":
        settings = {"host": POSTGRESQL}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false"}
    ran = subprocess.run(
        [str(RASA_PYTHON), "-W", "ignore", "-c", SCRIPT, json.dumps(settings)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("RESULT "))[7:])
    assert found["kept"] == ["action", "user"]
    assert found["seen by the first"] == ["action", "user", "slot", "action"]
    assert found["text"] == "my elbow \u2764 hurts"
    assert found["forgotten"][:2] == [None, "elbow"]
    assert found["erased"] == [2, 0, None, None]
    assert found["idle"] == [0, found["forgotten"][2], 0]
