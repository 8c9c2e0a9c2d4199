import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rasa_sdk import Action

from actions.registry import KINDS, build_actions
from actions.server import ActionServerSettings, answer, build_executor, health
from knowledge.errors import IndexArtifactError
from knowledge.index import current_name, switch_current
from knowledge.serving import CurrentAnswers
from knowledge.settings import KnowledgeSettings


@pytest.fixture
def executor(services):
    with ThreadPoolExecutor(1) as pool:
        yield build_executor(services, pool)


def call(name, text="hello", **slots):
    message = {"text": text, "intent": {"name": "x", "confidence": 1.0}, "entities": []}
    tracker = {
        "sender_id": "s",
        "slots": slots,
        "latest_message": message,
        "events": [],
        "paused": False,
        "active_loop": {},
    }
    return {
        "next_action": name,
        "sender_id": "s",
        "tracker": {**tracker, "latest_action_name": None},
        "version": "3.6.21",
    }


async def test_an_action_runs_and_returns_events_and_one_message(executor):
    status, body = await answer(executor, call("action_answer_question", "does stress hurt"))
    assert status == 200
    assert body["responses"][0]["custom"]["kind"] == "answer"
    assert any(event["name"] == "last_passage" for event in body["events"])


async def test_an_unknown_action_is_404(executor):
    assert (await answer(executor, call("action_nothing")))[0] == 404


async def test_an_error_names_itself_and_never_quotes_the_conversation(executor, answers, monkeypatch, caplog):
    def fail(*_args, **_kwargs):
        raise RuntimeError("my secret symptoms")

    monkeypatch.setattr(answers, "ask", fail)
    caplog.set_level(logging.DEBUG)
    status, body = await answer(executor, call("action_answer_question", "my secret symptoms"))
    assert status == 500
    assert body == {"error": "RuntimeError", "action_name": "action_answer_question"}
    ours = [record for record in caplog.records if record.name.startswith("vagus")]
    assert ours
    assert not any("secret" in record.getMessage() for record in ours)


def test_every_action_has_a_name_of_its_own(services):
    names = [action.name() for action in build_actions(services)]
    assert len(names) == len(set(names)) == len(KINDS)
    assert all(isinstance(action, Action) for action in build_actions(services))


def test_health_says_when_the_index_served_is_not_the_current_one(services, tmp_path):
    def open_service(settings):
        if current_name(settings.build) == "damaged":
            raise IndexArtifactError("manifest.json: missing.")
        return services.answers

    assert health(services.answers) == {"ready": True, "index_current": True}
    switch_current(tmp_path, "first")
    following = CurrentAnswers(KnowledgeSettings(build=tmp_path), open_service)
    assert health(following) == {"ready": True, "index_current": True}
    switch_current(tmp_path, "damaged")
    assert health(following) == {"ready": True, "index_current": False}
    switch_current(tmp_path, "third")
    deadline = time.monotonic() + 5
    while not health(following)["index_current"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert health(following) == {"ready": True, "index_current": True}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])  # noqa: S104
def test_it_refuses_to_listen_beyond_loopback(host):
    with pytest.raises(SystemExit, match="loopback"):
        ActionServerSettings.from_env({"VAGUS_ACTIONS_HOST": host})


def test_a_bad_port_is_named():
    with pytest.raises(SystemExit, match="VAGUS_ACTIONS_PORT"):
        ActionServerSettings.from_env({"VAGUS_ACTIONS_PORT": "high"})


def test_importing_actions_opens_nothing():
    code = "import sys, actions; sys.exit(any(m in sys.modules for m in ('onnxruntime', 'faiss', 'spacy', 'rasa_sdk')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
