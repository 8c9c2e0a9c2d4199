"""What the clinic may read of its patients' chats: questions, counts, and nobody's name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.gateway import __main__ as command
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import answer, smalltalk
from tests.gateway.test_erase import session_of


async def test_report_names_questions_flags_and_ratings_also_of_chats_that_grew_old(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.rasa.reply = lambda text: [answer()]
    old, erased, kept = [await gateway.chat() for _ in range(3)]
    for chat, rating in ((old, "up"), (erased, "up"), (kept, "down")):
        reply = (await chat.say("what is leaky gut"))[0]
        await chat.http.post("/api/v1/feedback", json={"reply_id": reply["id"], "rating": rating})
    await gateway.house.conversations.erase(session_of(gateway, old), by_request=False)
    await erased.erase()
    await kept.say("feels like an elephant on my chest")
    gateway.rasa.reply = lambda text: [smalltalk(kind="no_answer", text="I don't know.", file_question=True)]
    await kept.say("My name is Ana. Does moss help?")

    monkeypatch.setenv("VAGUS_VAR", str(gateway.settings.var))
    monkeypatch.setenv("VAGUS_DATABASE", gateway.settings.database)
    assert command.main(["report"]) == 0
    day = datetime.now(UTC).date().isoformat()
    passage = answer()["passages"][0]["id"]
    assert capsys.readouterr().out.splitlines() == [
        "Questions that no approved passage answers: 1",
        f"  {day}  My name is [name]. Does moss help?",
        "Red flags: 1 (day UTC, kind, level, group as in docs/safety.md)",
        f"  {day}  emergency  alarm  group  1  1",
        "Ratings of passages: 2",
        f"  {passage}  up 1  down 1",
    ]
