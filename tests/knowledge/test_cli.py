"""`python -m knowledge`, run in this process on a knowledge base of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.progress import Progress, TaskID

from knowledge import builder
from knowledge.__main__ import main
from knowledge.encoder import SentenceEncoder
from knowledge.index import current_name, load_current
from knowledge.models import DISCLAIMER, SAMPLE_NOTICE
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.vetting import Ledger
from tests.knowledge.content import (
    SAMPLE,
    FakeEmbedder,
    approve,
    edit,
    knowledge_base,
    real_encoder,
    real_manifest,
    write_clinic,
)

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(real_encoder(), precision="fp32")


@pytest.fixture(scope="module")
def patched(encoder: SentenceEncoder) -> Iterator[None]:
    """Builds go without torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "export_manifest", real_manifest)
        FakeEmbedder(encoder.encode).install(patch)
        yield


@pytest.fixture(scope="module")
def finished(patched: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a knowledge base that is approved and built."""
    folder = tmp_path_factory.mktemp("finished")
    settings = knowledge_base(folder)
    settings.build.mkdir()
    settings.encoder.symlink_to(real_encoder(), target_is_directory=True)
    approve(settings)
    builder.build(settings, TODAY)
    return folder


def found_by_the_command_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> KnowledgeSettings:
    for file in ("articles", "approvals.jsonl", "clinic.yml", "build", "vocabulary.yml", "out_of_scope.txt"):
        monkeypatch.setenv(f"VAGUS_{Path(file).stem.upper()}", str(folder / file))
    return KnowledgeSettings.from_env(os.environ)


@pytest.fixture
def settings(tmp_path: Path, patched: None, monkeypatch: pytest.MonkeyPatch) -> KnowledgeSettings:
    """A knowledge base of which nothing is approved or built, with the exported encoder."""
    settings = knowledge_base(tmp_path)
    settings.build.mkdir()
    settings.encoder.symlink_to(real_encoder(), target_is_directory=True)
    return found_by_the_command_line(tmp_path, monkeypatch)


@pytest.fixture
def built(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnowledgeSettings:
    """A copy of the finished knowledge base."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return found_by_the_command_line(tmp_path / "copy", monkeypatch)


def test_check_says_what_waits(settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert "waiting: chairs#1 'How many legs does a chair need?' is not served until it is approved" in said
    assert "3 passages: 3 waiting" in said


def test_check_says_that_one_changed_word_took_a_passage_out(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(built.articles / "kettles.md", "Steam leaves", "Hot steam leaves")
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert "changed: kettles#2 'Why does the kettle whistle?' is not served until it is approved" in said
    assert "3 passages: 2 approved, 1 changed" in said
    assert main(["build"]) == 0
    assert "not served: 1 changed; see `check`" in capsys.readouterr().out
    assert "kettles#2" not in load_current(built.build, encoder=None).by_id


def test_check_announces_expiry_and_names_what_expired(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(settings, only=lambda p: p.article == "chairs", expires=TODAY + timedelta(days=30))
    approve(settings, only=lambda p: p.article == "kettles", expires=TODAY - timedelta(days=2))
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert f"expires {TODAY + timedelta(days=30)}: chairs#1 needs a new review" in said
    assert "expired: kettles#1" in said
    assert "1 approved, 2 expired" in said


def test_check_prints_findings_as_json_lines(settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    edit(settings.articles / "kettles.md", "sings when the steam is fast", "is a guaranteed cure")
    main(["check", "--json"])
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert any(finding["place"] == "kettles#2" for finding in findings)


def test_check_fails_on_an_altered_ledger(built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    edit(built.approvals, '"passage": "chairs#1"', '"passage": "chairs#9"')
    assert main(["check"]) == 1
    assert f"error: {built.approvals}: line 1: was edited after it was written" in capsys.readouterr().err


def test_build_reports_and_does_nothing_the_second_time(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(settings)
    assert main(["build"]) == 0
    assert "3 passages, 6 phrasings, 6 newly embedded" in capsys.readouterr().out
    assert main(["build"]) == 0
    assert "3 passages, 6 phrasings, 0 newly embedded" in capsys.readouterr().out


def test_build_warns_when_nothing_clinical_will_be_answered(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(settings, reviewer=SAMPLE)
    write_clinic(settings.clinic, content_mode="live")
    assert main(["build"]) == 0
    said = capsys.readouterr()
    assert "not served: 3 waiting" in said.out
    assert "warning: no approved passage in live mode, so nothing clinical will be answered" in said.err


def test_error_is_one_line_that_names_the_file(settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    write_clinic(settings.clinic, phone="call us")
    assert main(["build"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {settings.clinic}: phone: 'call us' is no phone number")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err + said.out


def test_rollback_and_build_switch_to_and_fro(built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    first = current_name(built.build)
    assert main(["rollback"]) == 1
    assert "There is no earlier index to go back to" in capsys.readouterr().err
    edit(built.articles / "kettles.md", "Steam leaves", "Hot steam leaves")
    main(["build"])
    assert current_name(built.build) != first
    assert main(["rollback"]) == 0
    assert current_name(built.build) == first


def test_review_lists_and_records_under_the_reviewers_name(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["review", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "waiting: kettles#2 Why does the kettle whistle?" in listed
    typed = iter(["a", "fine", "q"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    assert main(["review", "--reviewer", "Robin Example", "--credential", "NP"]) == 0
    made = Ledger(settings.approvals).read()
    assert [(d.reviewer, d.credential, d.note, d.sample) for d in made] == [("Robin Example", "NP", "fine", False)]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ([], "reviewer"),
        (["--reviewer", " ", "--credential", "NP"], "reviewer"),
        (["--reviewer", "Robin Example"], "credential"),
    ],
)
def test_review_wants_to_know_who_decides(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str], options: list[str], missing: str
) -> None:
    assert main(["review", *options]) == 1
    assert f"--{missing}: missing. Name the clinician who decides" in capsys.readouterr().err
    assert not settings.approvals.exists()


def test_review_takes_no_sample_approval_in_live_mode(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clinic(settings.clinic, content_mode="live")
    assert main(["review", "--sample"]) == 1
    assert "review: --sample: does not count in live mode" in capsys.readouterr().err
    assert not settings.approvals.exists()


def test_review_of_a_named_passage_withdraws_it_from_the_next_build_and_lets_it_back(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = ["--reviewer", "Robin Example", "--credential", "NP"]
    for typed, served in ((["r", "a patient misread it"], False), (["a", "worded as before, it is right"], True)):
        answers = iter(typed)
        monkeypatch.setattr("builtins.input", lambda prompt, answers=answers: next(answers))
        assert main(["review", "kettles#2", *who]) == 0
        assert "1 decisions recorded" in capsys.readouterr().out
        assert main(["build"]) == 0
        assert ("kettles#2" in load_current(built.build, encoder=None).by_id) == served
    assert [d.decision for d in Ledger(built.approvals).read()][-2:] == ["withdrawn", "approved"]


def test_review_says_when_a_name_is_none(settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "kettels", "--list"]) == 1
    assert "review: 'kettels': no such passage or article" in capsys.readouterr().err


def test_review_does_not_offer_a_passage_with_an_error(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(settings.articles / "kettles.md", "sings when the steam is fast", "is a guaranteed cure for all pain")
    main(["review", "--list"])
    listed = capsys.readouterr().out.splitlines()
    assert [line.endswith("(cannot be approved before its errors are mended)") for line in listed] == [
        False,
        False,
        True,
    ]
    main(["review", "--sample"])
    assert (
        "kettles: 1 passages cannot be approved before their errors are mended; see `check`" in capsys.readouterr().out
    )
    assert "kettles#2" not in {decision.passage for decision in Ledger(settings.approvals).read()}


def test_sample_review_invents_no_clinician(settings: KnowledgeSettings) -> None:
    assert main(["review", "--sample"]) == 0
    made = Ledger(settings.approvals).read()
    assert len(made) == 3
    assert all(decision.sample and "not a clinician" in decision.reviewer for decision in made)


def test_ask_prints_heading_text_source_reviewer_and_disclaimer(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "why does the kettle whistle?"]) == 0
    said = capsys.readouterr().out
    for words in (
        SAMPLE_NOTICE,
        "Why does the kettle whistle?",
        "Steam leaves through a small hole.",
        "Source: A made-up handbook (2029), https://example.net/book",
        "Reviewed: Robin Example NP, 2030-05-06",
        DISCLAIMER,
    ):
        assert words in said


def test_ask_as_json_is_the_answer_of_the_action_server(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "why does the kettle whistle?", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == 1
    assert answer["kind"] == "answer"
    assert answer["passages"][0]["id"] == "kettles#2"
    assert answer["disclaimer"] == DISCLAIMER


def test_ask_says_that_it_has_no_answer(built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "who won the football game last night?"]) == 1
    assert "No approved passage answers that." in capsys.readouterr().out
    assert main(["ask", "who won the football game last night?", "--json"]) == 1
    refusal = json.loads(capsys.readouterr().out)
    assert (refusal["kind"], refusal["passages"]) == ("no_answer", [])


def test_ask_reads_lines_and_writes_one_answer_a_line(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (
        '{"text": "why does the kettle whistle?"}\n\n{"text": "how many legs does a chair need?", "previous": ["hi"]}\n'
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["ask", "--jsonl"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["passages"][0]["id"] for answer in answers] == ["kettles#2", "chairs#1"]


@pytest.mark.parametrize("line", ["no json", "[]", '{"question": "x"}', '{"text": "x", "previous": 5}'])
def test_ask_names_the_line_that_it_cannot_read(
    built: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))
    assert main(["ask", "--jsonl"]) == 1
    assert "error: ask: line 1: not" in capsys.readouterr().err


def test_ask_without_a_question_says_how(built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask"]) == 1
    assert "ask: question: missing. Write it in quotes" in capsys.readouterr().err


def test_ask_before_the_first_build_says_what_to_run(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "anything?"]) == 1
    assert "CURRENT: missing. Run `make build` to build the index." in capsys.readouterr().err


def test_search_shows_scores_best_first(built: KnowledgeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "chair legs", "--limit", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert "chairs#1" in rows[0]
    scores = [float(row.split()[0]) for row in rows]
    assert scores == sorted(scores, reverse=True)


PAGE = "# About ladders\n\n## Is a ladder safe?\n\nYes, on flat ground. Hold it well.\n\n## How tall?\n\nAs tall as you need.\n"


def test_import_of_a_changed_page_keeps_only_approvals_of_unchanged_passages(
    settings: KnowledgeSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "ladders.md"
    page.write_text(PAGE)
    assert main(["import", str(page)]) == 0
    approve(settings)
    assert main(["build"]) == 0
    page.write_text(PAGE.replace("on flat ground", "on dry and flat ground"))
    capsys.readouterr()
    assert main(["import", str(page)]) == 0
    said = capsys.readouterr().out
    assert f"updated: {settings.articles / 'ladders.md'}" in said
    assert "-Yes, on flat ground. Hold it well." in said
    assert "+Yes, on dry and flat ground. Hold it well." in said
    assert main(["build"]) == 0
    assert "not served: 1 changed" in capsys.readouterr().out
    assert {id for id in load_current(settings.build, encoder=None).by_id if "ladders" in id} == {"ladders#2"}


def test_import_of_hundreds_tells_of_each_bad_file_and_takes_the_rest(
    settings: KnowledgeSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[float, float | None]] = []
    real = Progress.advance

    def advance(self: Progress, task: TaskID, advance: float = 1) -> None:
        real(self, task, advance)
        steps.append((self.tasks[0].completed, self.tasks[0].total))

    monkeypatch.setattr(Progress, "advance", advance)
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(300):
        (pages / f"ladder-{number:03}.md").write_text(PAGE.replace("ladders", f"ladder {number}"))
    (pages / "ladder-117.md").write_bytes(b"%PDF-1.7 words")
    (pages / "ladder-203.md").write_text("")
    assert main(["import", str(pages)]) == 1
    said = capsys.readouterr()
    assert "298 imported, 2 failed." in said.out
    failures = said.err.strip().splitlines()[-2:]  # together at the end, where they are not scrolled away
    assert [line.split(": ")[1] for line in failures] == [str(pages / f"ladder-{bad}.md") for bad in (117, 203)]
    assert len(list(settings.articles.glob("ladder-*.md"))) == 298
    assert steps == [(number, 300) for number in range(1, 301)]


def test_import_lists_what_it_left_out_when_asked(
    settings: KnowledgeSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "ladders.md"
    page.write_text(PAGE + "\nCall us today to order your own ladder!\n")
    main(["import", str(page)])
    assert "ladders.md (1 left out: menus, forms, offers)" in capsys.readouterr().out
    main(["import", str(page), "--dropped"])
    assert "  left out: Call us today to order your own ladder!" in capsys.readouterr().out


def test_output_that_nobody_reads_to_its_end_is_no_traceback(settings: KnowledgeSettings, tmp_path: Path) -> None:
    page = tmp_path / "ladders.md"
    page.write_text(PAGE)
    command = [sys.executable, "-m", "knowledge", "import", str(page)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said.strip()) == (1, "")


def test_ctrl_c_is_no_traceback(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("knowledge.builder.read_standings", stopped)
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_build_announces_approvals_that_run_out(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(settings, only=lambda p: p.article == "chairs", expires=TODAY + timedelta(days=59))
    approve(settings, only=lambda p: p.article == "kettles", expires=TODAY + timedelta(days=90))
    assert main(["build"]) == 0
    first = TODAY + timedelta(days=59)
    assert f"1 approvals run out within 60 days, the first on {first}; see `check`" in capsys.readouterr().out


def test_review_shows_the_linters_warnings(
    settings: KnowledgeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(settings.articles / "kettles.md", "sings when the steam is fast", "has a deadly hiss")
    monkeypatch.setattr("builtins.input", lambda prompt: "s")
    assert main(["review", "--reviewer", "Robin Example", "--credential", "NP"]) == 0
    assert "warning: kettles.md #2 'Why does the kettle whistle?': \"deadly\" in" in capsys.readouterr().out


def test_import_leaves_drafts_that_wait_and_tells_of_bad_files(
    settings: KnowledgeSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "ladders.md").write_text("# About ladders\n\n## Is a ladder safe?\n\nYes, on flat ground. Hold it well.\n")
    (pages / "broken.pdf").write_bytes(b"not a pdf")
    assert main(["import", str(pages)]) == 1
    said = capsys.readouterr()
    assert "1 imported, 1 failed. Next: `python -m knowledge check`, then `review`." in said.out
    assert "broken.pdf" in said.out + said.err
    drafts = {path.stem for path in settings.articles.glob("*.md")} - {"kettles", "chairs"}
    assert len(drafts) == 1
    main(["check"])
    assert f"waiting: {drafts.pop()}#1" in capsys.readouterr().out
