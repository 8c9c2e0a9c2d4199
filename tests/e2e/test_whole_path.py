"""The real processes, walked through the public API."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from knowledge.index import load_current
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE
from knowledge.settings import KnowledgeSettings
from knowledge.vetting import Ledger
from tests.e2e.assistant import Running, start, stop

pytestmark = pytest.mark.slow

SETTINGS = KnowledgeSettings()


def approved_texts() -> dict[str, str]:
    """Passage texts by id, each checked to be what the ledger's latest decision approved."""
    approved = {d.content_hash for d in Ledger(SETTINGS.approvals).read() if d.decision == "approved"}
    passages = [vetted.passage for vetted in load_current(SETTINGS.build, encoder=None).passages]
    assert passages
    assert all(passage.content_hash in approved for passage in passages)
    return {passage.id: passage.text for passage in passages}


def only_answer(replies: list[dict[str, Any]]) -> dict[str, Any]:
    assert [reply["kind"] for reply in replies] == ["answer"]
    reply = replies[0]
    assert reply["disclaimer"] == DISCLAIMER
    assert SAMPLE_NOTICE in reply["notice"]
    texts = approved_texts()
    for passage in reply["passages"]:
        assert passage["text"] == texts[passage["id"]]
        assert passage["source"]
        assert passage["url"].startswith("http")
        assert passage["reviewed_by"]
    return reply


def test_question_gets_an_approved_passage_with_source_reviewer_and_disclaimer(running: Running) -> None:
    reply = only_answer(running.chat().say("does leaky gut make my joints hurt?"))
    assert reply["passages"][0]["id"].startswith("leaky-gut#")


def test_follow_up_question_gets_another_passage(running: Running) -> None:
    chat = running.chat()
    first = only_answer(chat.say("what is fibromyalgia"))
    second = only_answer(chat.say("can exercise help with fibromyalgia?"))
    assert second["passages"][0]["id"] != first["passages"][0]["id"]


def test_related_question_button_answers(running: Running) -> None:
    chat = running.chat()
    reply = only_answer(chat.say("what is leaky gut"))
    only_answer(chat.press(reply["buttons"][0]["value"]))


def test_forged_button_gets_a_kind_reply_and_reaches_nothing(running: Running) -> None:
    replies = running.chat().press("abc.0.forgedforgedforgedforg")
    assert [reply["kind"] for reply in replies] == ["menu"]


def test_hours_are_the_clinics_own(running: Running) -> None:
    replies = running.chat().say("when are you open?")
    assert replies[0]["kind"] == "clinic"
    assert "7:30 AM to 4:30 PM" in replies[0]["text"]


def test_off_topic_question_is_not_answered(running: Running) -> None:
    replies = running.chat().say("who won the baseball world series in 1986")
    assert [reply["kind"] for reply in replies] == ["no_answer"]
    assert not replies[0]["passages"]


def test_emergency_gets_its_reply_alone(running: Running) -> None:
    replies = running.chat().say("feels like an elephant on my chest")
    assert [reply["kind"] for reply in replies] == ["emergency"]
    assert "911" in replies[0]["text"]
    assert replies[0]["passages"] == []


def test_command_typed_by_a_patient_never_reaches_rasa_as_one(running: Running) -> None:
    chat = running.chat()
    replies = chat.say('/red_flag{"kind": "emergency", "group": 1}')
    assert replies
    answer = only_answer(chat.say("what is leaky gut"))
    assert answer["notice"] == SAMPLE_NOTICE


def test_same_message_id_again_returns_the_same_replies(running: Running) -> None:
    chat = running.chat()
    assert chat.say("what is ibs", "id-1") == chat.say("what is ibs", "id-1")
    history = chat.http.get("/api/v1/messages").json()["messages"]
    assert sum(entry["role"] == "user" for entry in history) == 1


def test_history_is_restored_and_erase_really_erases(running: Running) -> None:
    chat = running.chat()
    marker = "zebrafinch kombucha pilgrimage"
    chat.say(f"what is leaky gut {marker}")
    history = chat.http.get("/api/v1/messages").json()["messages"]
    assert [entry["role"] for entry in history] == ["bot", "user", "bot"]
    assert chat.http.delete("/api/v1/session").status_code == 204
    assert chat.http.get("/api/v1/messages").status_code == 401
    time.sleep(0.5)
    for database in running.var.glob("*.db*"):
        assert marker.encode() not in database.read_bytes(), database.name


def test_no_message_text_in_any_log(running: Running) -> None:
    running.chat().say("what is leaky gut xylophonist")
    logs = list((running.var / "log").glob("*.log"))
    assert len(logs) == 3
    for log in logs:
        assert "xylophonist" not in log.read_text(errors="replace"), log.name


def test_processes_but_the_gateway_listen_on_loopback_only(running: Running) -> None:
    listening = {tuple(line.split()[1].split(":")) for line in _tcp_lines() if line.split()[3] == "0A"}
    for name in ("rasa", "actions"):
        addresses = {address for address, port in listening if int(port, 16) == running.ports[name]}
        assert addresses == {"0100007F"}, name


def _tcp_lines() -> list[str]:
    return Path("/proc/net/tcp").read_text().splitlines()[1:]


def test_emergency_is_recognised_with_rasa_and_actions_killed_and_service_comes_back(tmp_path: Path) -> None:
    assistant = start(tmp_path)
    try:
        assistant.wait_until_ready()
        chat = assistant.chat()
        assistant.kill("bot.rasa_server")
        assistant.kill("actions.server")
        assert [r["kind"] for r in chat.say("feels like an elephant on my chest")] == ["emergency"]
        outage = chat.say("what is leaky gut")
        assert [r["kind"] for r in outage] == ["outage"]
        assert "(212) 555-0142" in outage[0]["text"]
        assert "911" in outage[0]["text"]
        assistant.wait_until_ready()
        only_answer(chat.say("what is leaky gut"))
        assert stop(assistant) == 0
        assert "Stopped." in assistant.output.read_text()
    finally:
        assistant.close_chats()
        if assistant.process.poll() is None:
            assistant.process.kill()
            assistant.process.wait()


def test_openapi_names_every_route(running: Running) -> None:
    paths = httpx.get(f"{running.url}/api/v1/openapi.json").json()["paths"]
    assert {"/api/v1/sessions", "/api/v1/messages", "/api/v1/session", "/api/v1/feedback"} <= set(paths)


def test_tracker_database_holds_nothing_of_an_erased_session(running: Running) -> None:
    chat = running.chat()
    chat.say("what is fibromyalgia")
    with sqlite3.connect(running.var / "tracker.db") as database:
        before = database.execute("select count(distinct sender_id) from events").fetchone()[0]
    chat.http.delete("/api/v1/session")
    with sqlite3.connect(running.var / "tracker.db") as database:
        after = database.execute("select count(distinct sender_id) from events").fetchone()[0]
    assert after == before - 1


def test_answers_carry_no_internal_fields(running: Running) -> None:
    reply = running.chat().say("what is leaky gut")[0]
    assert set(reply) == {"id", "kind", "text", "passages", "disclaimer", "notice", "buttons"}
    assert "payload" not in json.dumps(reply)
