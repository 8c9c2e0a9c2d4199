from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge import builder
from knowledge.builder import BuildReport, build, export, rollback
from knowledge.errors import ArticleError, IndexArtifactError, LedgerError, SettingsError
from knowledge.index import current_name, load_current
from knowledge.settings import ROOT, KnowledgeSettings
from tests.knowledge.content import (
    FINGERPRINT,
    SAMPLE,
    TODAY,
    FakeEmbedder,
    approve,
    edit,
    fake_manifest,
    knowledge_base,
    write_article,
    write_clinic,
    write_fake_export,
)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    monkeypatch.setattr(builder, "export_manifest", fake_manifest)
    return FakeEmbedder().install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path, embedder: FakeEmbedder) -> KnowledgeSettings:
    """A knowledge base, all approved."""
    settings = knowledge_base(tmp_path)
    approve(settings)
    return settings


def served(settings: KnowledgeSettings) -> dict[str, str]:
    return {v.passage.id: v.passage.text for v in load_current(settings.build, encoder=FINGERPRINT).passages}


def statuses(report: BuildReport) -> dict[str, str]:
    return {standing.passage.id: standing.status for standing in report.standings}


def test_build_serves_what_is_approved_and_only_that(tmp_path: Path, embedder: FakeEmbedder) -> None:
    settings = knowledge_base(tmp_path)
    approve(settings, only=lambda passage: passage.article == "kettles")
    report = build(settings, TODAY)
    assert set(served(settings)) == {"kettles#1", "kettles#2"}
    assert (report.passages, report.phrases, report.embedded) == (2, 4, 4)
    assert statuses(report)["chairs#1"] == "waiting"


def test_build_with_nothing_approved_serves_nothing(tmp_path: Path, embedder: FakeEmbedder) -> None:
    settings = knowledge_base(tmp_path)
    assert build(settings, TODAY).passages == 0
    assert served(settings) == {}


def test_one_word_changed_in_an_approved_section_takes_its_passage_out(settings: KnowledgeSettings) -> None:
    build(settings, TODAY)
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    report = build(settings, TODAY)
    assert set(served(settings)) == {"chairs#1", "kettles#1"}
    assert statuses(report)["kettles#2"] == "changed"


def test_changed_heading_or_simpler_wording_takes_the_passage_out(settings: KnowledgeSettings) -> None:
    write_article(settings, "chairs", {"How many legs?": "Most chairs have four legs."})
    write_article(settings, "lamps", {"Why dark?": "The lamp is off."}, simple={"Why dark?": "Lamp off."})
    approve(settings)
    build(settings, TODAY)
    assert len(served(settings)) == 4
    edit(settings.articles / "chairs.md", "How many legs?", "How many feet?")
    edit(settings.articles / "lamps.md", "Lamp off.", "Switch it on.")
    build(settings, TODAY)
    assert set(served(settings)) == {"kettles#1", "kettles#2"}


def test_approval_that_ran_out_takes_its_passage_out_by_itself(settings: KnowledgeSettings) -> None:
    assert build(settings, TODAY + timedelta(days=365)).passages == 3
    report = build(settings, TODAY + timedelta(days=366))
    assert report.passages == 0
    assert set(statuses(report).values()) == {"expired"}


def test_live_mode_serves_no_sample_approval(tmp_path: Path, embedder: FakeEmbedder) -> None:
    settings = knowledge_base(tmp_path)
    approve(settings, reviewer=SAMPLE)
    approve(settings, only=lambda passage: passage.id == "chairs#1")
    assert build(settings, TODAY).passages == 3
    write_clinic(settings.clinic, content_mode="live")
    build(settings, TODAY)
    assert set(served(settings)) == {"chairs#1"}


@pytest.mark.parametrize("damage", ["ledger", "article", "clinic"])
def test_build_that_cannot_trust_its_input_leaves_the_old_index_serving(
    settings: KnowledgeSettings, damage: str
) -> None:
    before = build(settings, TODAY).name
    if damage == "ledger":
        edit(settings.approvals, '"passage": "chairs#1"', '"passage": "chairs#2"')
    elif damage == "article":
        edit(settings.articles / "chairs.md", "title:", "titel:")
    else:
        write_clinic(settings.clinic, colour="blue")
    with pytest.raises((LedgerError, ArticleError, SettingsError)):
        build(settings, TODAY)
    assert current_name(settings.build) == before
    assert len(served(settings)) == 3


def test_same_input_gives_the_same_name_and_embeds_nothing(settings: KnowledgeSettings, embedder: FakeEmbedder) -> None:
    first = build(settings, TODAY)
    assert len(embedder.taken()) == first.phrases
    second = build(settings, TODAY + timedelta(days=1))
    assert second.name == first.name
    assert second.embedded == 0
    assert embedder.taken() == []
    assert not (settings.build / "PREVIOUS").exists()


def test_same_input_gives_the_same_name_in_another_place(
    settings: KnowledgeSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = knowledge_base(tmp_path_factory.mktemp("elsewhere"))
    approve(elsewhere)
    assert build(elsewhere, TODAY).name == build(settings, TODAY).name


def test_second_build_embeds_only_what_changed(settings: KnowledgeSettings, embedder: FakeEmbedder) -> None:
    build(settings, TODAY)
    embedder.taken()
    edit(settings.articles / "kettles.md", "Steam leaves", "Hot steam leaves")
    approve(settings)
    report = build(settings, TODAY)
    changed = "Hot steam leaves through a small hole. The hole sings when the steam is fast."
    embedded = embedder.taken()
    assert report.embedded == len(embedded) == 2
    assert all(text.endswith(changed) for text in embedded)
    assert served(settings)["kettles#2"] == changed


def test_texts_that_stand_twice_are_embedded_once(settings: KnowledgeSettings, embedder: FakeEmbedder) -> None:
    write_article(
        settings,
        "stools",
        {"How many legs does a chair need?": "Three."},
        asks={"How many legs does a chair need?": ["Three."]},
    )
    approve(settings)
    build(settings, TODAY)
    texts = embedder.taken()
    assert len(set(texts)) == len(texts)


def test_another_encoder_means_that_everything_is_embedded_anew(
    settings: KnowledgeSettings, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(settings, TODAY)
    embedder.taken()
    monkeypatch.setattr(builder, "export_manifest", lambda: {**fake_manifest(), "weights_sha256": "e" * 64})
    second = build(settings, TODAY)
    assert second.name != first.name
    assert second.embedded == first.phrases
    assert load_current(settings.build, encoder="e" * 64).name == second.name


def test_damaged_index_is_built_again_with_everything_embedded_anew(settings: KnowledgeSettings) -> None:
    first = build(settings, TODAY)
    (settings.build / first.name / "dense.faiss").write_bytes(b"junk")
    second = build(settings, TODAY)
    assert (second.name, second.embedded) == (first.name, first.phrases)
    assert len(served(settings)) == 3


def test_progress_reaches_its_total(settings: KnowledgeSettings) -> None:
    steps: list[tuple[int, int]] = []
    report = build(settings, TODAY, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (report.embedded, report.embedded)


def test_rollback_brings_the_index_before_back_and_again_forth(settings: KnowledgeSettings) -> None:
    first = build(settings, TODAY).name
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    second = build(settings, TODAY).name
    assert rollback(settings) == first
    assert len(served(settings)) == 3
    assert rollback(settings) == second
    assert len(served(settings)) == 2


def test_rollback_says_when_there_is_nothing_to_go_back_to(settings: KnowledgeSettings) -> None:
    build(settings, TODAY)
    with pytest.raises(IndexArtifactError, match=r"PREVIOUS: missing\. There is no earlier index to go back to\."):
        rollback(settings)


def test_rollback_to_a_damaged_index_is_refused_and_changes_nothing(settings: KnowledgeSettings) -> None:
    first = build(settings, TODAY).name
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    second = build(settings, TODAY).name
    (settings.build / first / "passages.jsonl").write_text("")
    with pytest.raises(IndexArtifactError, match=r"passages\.jsonl: truncated or altered"):
        rollback(settings)
    assert current_name(settings.build) == second


@pytest.mark.parametrize("decision", ["rejected", "withdrawn"])
def test_rollback_does_not_bring_back_what_a_reviewer_took_back(settings: KnowledgeSettings, decision: str) -> None:
    build(settings, TODAY)
    approve(settings, only=lambda passage: passage.id == "kettles#2", decision=decision)
    second = build(settings, TODAY).name
    with pytest.raises(IndexArtifactError, match=r"holds kettles#2, which a reviewer took back since"):
        rollback(settings)
    assert current_name(settings.build) == second


def test_rollback_on_the_word_of_an_altered_ledger_is_refused(settings: KnowledgeSettings) -> None:
    build(settings, TODAY)
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    second = build(settings, TODAY).name
    edit(settings.approvals, '"passage": "chairs#1"', '"passage": "chairs#9"')
    with pytest.raises(LedgerError, match="was edited after it was written"):
        rollback(settings)
    assert current_name(settings.build) == second


def test_build_keeps_the_index_before_and_removes_older_ones(settings: KnowledgeSettings) -> None:
    names = [build(settings, TODAY).name]
    for word in ("Smoke", "Fog"):
        edit(settings.articles / "chairs.md", "Most chairs" if word == "Smoke" else "Smoke chairs", f"{word} chairs")
        approve(settings)
        names.append(build(settings, TODAY).name)
    folders = {path.name for path in settings.build.iterdir() if len(path.name) == 32}
    assert folders == set(names[1:])


def test_build_removes_what_a_killed_one_left_and_nothing_else(settings: KnowledgeSettings) -> None:
    build(settings, TODAY)
    (settings.build / ".staged-abc" / "half").mkdir(parents=True)
    (settings.build / "language" / "3.11").mkdir(parents=True)
    build(settings, TODAY)
    assert not (settings.build / ".staged-abc").exists()
    assert (settings.build / "language" / "3.11").is_dir()
    assert (settings.build / "encoder" / "encoder.json").is_file()


def test_build_waits_for_the_one_before_it_and_touches_none_of_its_files(
    settings: KnowledgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, at_work, go_on = builder.write_artifact, threading.Event(), threading.Event()
    finished: list[str] = []

    def slow(*arguments: Any) -> str:
        if not at_work.is_set():
            (settings.build / ".staged-mine").mkdir()
            at_work.set()
            assert go_on.wait(10)
            assert (settings.build / ".staged-mine").exists()
        return real(*arguments)

    monkeypatch.setattr(builder, "write_artifact", slow)
    builds = [threading.Thread(target=lambda: finished.append(build(settings, TODAY).name)) for _ in range(2)]
    builds[0].start()
    assert at_work.wait(10)
    builds[1].start()
    builds[1].join(0.3)
    assert (finished, builds[1].is_alive()) == ([], True)
    go_on.set()
    for thread in builds:
        thread.join(10)
    assert len(finished) == 2
    assert finished[0] == finished[1] == current_name(settings.build)


def test_index_to_go_back_to_is_named_whole_or_as_before(
    settings: KnowledgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(settings, TODAY).name
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    second = build(settings, TODAY).name
    edit(settings.articles / "kettles.md", "Smoke leaves", "Fog leaves")
    real = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name == "PREVIOUS":
            raise OSError("disk full")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails)
        approve(settings)
        with pytest.raises(OSError, match="disk full"):
            build(settings, TODAY)
    assert (current_name(settings.build), (settings.build / "PREVIOUS").read_text().strip()) == (second, first)
    assert rollback(settings) == first


def test_interrupted_switch_leaves_one_whole_index_serving(settings: KnowledgeSettings) -> None:
    first = build(settings, TODAY).name
    (settings.build / ".CURRENT.new").write_text("0" * 10)
    (settings.build / "PREVIOUS").write_text(first + "\n")
    assert set(served(settings)) == {"chairs#1", "kettles#1", "kettles#2"}
    edit(settings.articles / "kettles.md", "Steam leaves", "Smoke leaves")
    build(settings, TODAY)
    assert len(served(settings)) == 2
    assert rollback(settings) == first


KILLED_BUILDS = """
import os, signal, sys, types
from datetime import date
from pathlib import Path

from knowledge import builder, index
from knowledge.settings import KnowledgeSettings
from tests.knowledge.content import fake_manifest, word_vectors

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def build(folder, moment):
    class PassageEmbedder:
        def __init__(self, encoder):
            pass

        def encode(self, texts, *, progress=None):
            return die() if moment == "embedding" else word_vectors(texts)

    sys.modules["knowledge.embedder"] = types.SimpleNamespace(PassageEmbedder=PassageEmbedder)
    builder.export_manifest = fake_manifest
    if moment == "writing":
        index._write_manifest = die
    if moment == "switching":
        builder.switch_current = die
    paths = {name: folder / name for name in ("articles", "build")}
    paths |= {"approvals": folder / "approvals.jsonl", "clinic": folder / "clinic.yml"}
    settings = KnowledgeSettings(vocabulary=folder / "vocabulary.yml", **paths)
    builder.build(settings, date.fromisoformat(sys.argv[2]))

for folder in sorted(Path(sys.argv[1]).iterdir()):
    child = os.fork()
    if child == 0:
        build(folder, folder.name)
        os._exit(0)
    print(folder.name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
MOMENTS = ("embedding", "switching", "writing")


def test_killed_build_leaves_the_old_index_serving_and_the_next_one_finishes(
    tmp_path: Path, embedder: FakeEmbedder
) -> None:
    bases: dict[str, tuple[KnowledgeSettings, str]] = {}
    for moment in MOMENTS:
        (tmp_path / moment).mkdir()
        settings = knowledge_base(tmp_path / moment)
        approve(settings)
        bases[moment] = (settings, build(settings, TODAY).name)
        edit(settings.articles / "kettles.md", "Steam leaves", "Hot steam leaves")
        approve(settings)
    command = [sys.executable, "-c", KILLED_BUILDS, str(tmp_path), TODAY.isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, timeout=120, check=True, capture_output=True, text=True)
    assert ran.stdout.split("\n")[:-1] == [f"{moment} {-signal.SIGKILL}" for moment in MOMENTS]
    for moment, (settings, first) in bases.items():
        assert current_name(settings.build) == first, moment
        assert "Hot steam" not in served(settings)["kettles#2"], moment
        assert bool(list(settings.build.glob(".staged-*"))) == (moment == "writing"), moment
        assert build(settings, TODAY).name != first, moment
        assert "Hot steam" in served(settings)["kettles#2"], moment
        assert not list(settings.build.glob(".staged-*")), moment
        assert rollback(settings) == first, moment


def test_build_exports_the_encoder_only_when_the_wanted_one_is_not_there(
    settings: KnowledgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports: list[Path] = []

    def exported(folder: Path, manifest: dict[str, object]) -> None:
        exports.append(folder)
        write_fake_export(folder, manifest)

    monkeypatch.setattr(sys.modules["knowledge.embedder"], "export_encoder", exported)
    build(settings, TODAY)
    build(settings, TODAY)
    assert exports == [settings.encoder]
    (settings.encoder / "model.fp32.onnx").unlink()
    build(settings, TODAY)
    manifest = json.loads((settings.encoder / "encoder.json").read_text())
    (settings.encoder / "encoder.json").write_text(json.dumps({**manifest, "onnxruntime": "0"}))
    build(settings, TODAY)
    assert len(exports) == 3


def test_export_makes_the_encoder_and_no_index(tmp_path: Path, embedder: FakeEmbedder) -> None:
    settings = knowledge_base(tmp_path)
    approve(settings)
    export(settings)
    assert (settings.encoder / "encoder.json").is_file()
    assert current_name(settings.build) is None
