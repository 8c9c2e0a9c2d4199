from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from knowledge import index
from knowledge.builder import read_passages
from knowledge.errors import IndexArtifactError
from knowledge.index import (
    PassageIndex,
    artifact_name,
    current_name,
    dense_index,
    load_artifact,
    load_current,
    phrases_of,
    switch_current,
    write_artifact,
)
from knowledge.models import Vetted
from knowledge.out_of_scope import OutOfScope
from knowledge.reviewing import decide
from knowledge.vocabulary import Concept, Vocabulary
from tests.knowledge.content import CLINICIAN, FINGERPRINT, NOW, knowledge_base, word_vectors, write_article

OUTSIDE = OutOfScope(
    ("who fixes roofs", "when do trains leave"), word_vectors(["who fixes roofs", "when do trains leave"])
)
VOCABULARY = Vocabulary((Concept("kettle", "topic", "kettle", ("kettle", "tea maker")),), "a" * 64)
FILES = [
    "manifest.json",
    "passages.jsonl",
    "phrases.jsonl",
    "concepts.json",
    "outside.jsonl",
    "outside.npy",
    "dense.faiss",
    "lexical/data.csc.index.npy",
    "lexical/indices.csc.index.npy",
    "lexical/indptr.csc.index.npy",
    "lexical/params.index.json",
    "lexical/vocab.index.json",
]


@pytest.fixture(scope="module")
def vetted(tmp_path_factory: pytest.TempPathFactory) -> list[Vetted]:
    settings = knowledge_base(tmp_path_factory.mktemp("knowledge"))
    write_article(settings, "lamps", {"Why is it dark?": "The lamp is off."}, asks={"Why is it dark?": ["no light"]})
    return [Vetted(passage, decide(passage, "approved", CLINICIAN, now=NOW)) for passage in read_passages(settings)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, vetted: list[Vetted]) -> tuple[Path, str]:
    build = tmp_path_factory.mktemp("index")
    return build, write(build, vetted)


@pytest.fixture
def built(tmp_path: Path, written: tuple[Path, str]) -> tuple[Path, str]:
    """A copy of the artifact that a test may damage."""
    build, name = written
    shutil.copytree(build, tmp_path / "build")
    return tmp_path / "build", name


def write(build: Path, passages: list[Vetted]) -> str:
    vectors = word_vectors(phrase.text for phrase in phrases_of(passages))
    name = write_artifact(build, passages, vectors, FINGERPRINT, VOCABULARY, OUTSIDE)
    switch_current(build, name)
    return name


def refused(build: Path, name: str) -> str:
    with pytest.raises(IndexArtifactError) as caught:
        load_artifact(build, name, encoder=FINGERPRINT)
    return str(caught.value)


def test_index_gives_back_what_was_written(built: tuple[Path, str], vetted: list[Vetted]) -> None:
    loaded = load_current(built[0], encoder=FINGERPRINT)
    assert loaded.name == built[1]
    assert list(loaded.passages) == vetted
    assert loaded.by_id[vetted[1].passage.id] == 1
    assert [phrase.text for phrase in loaded.phrases if phrase.kind == "ask"] == ["no light"]


def test_index_holds_a_vector_for_each_lead_text_and_other_way_to_ask(
    built: tuple[Path, str], vetted: list[Vetted]
) -> None:
    loaded = load_current(built[0], encoder=FINGERPRINT)
    texts = [phrase.text for phrase in phrases_of(vetted)]
    assert len(texts) == 2 * len(vetted) + 1
    kept = loaded.vectors()
    np.testing.assert_array_equal(np.array([kept[text] for text in texts]), word_vectors(texts))


def test_index_finds_by_vector_and_by_word(built: tuple[Path, str]) -> None:
    loaded = load_current(built[0], encoder=FINGERPRINT)
    _, rows = loaded.dense.search(word_vectors(["Why does the kettle whistle? Steam leaves"]), 1)
    heading = loaded.passages[loaded.phrase_passage[rows[0][0]]].passage.heading
    assert heading == "Why does the kettle whistle?"
    best = loaded.lexical.match(["chair", "leg"]).best(1)
    assert [loaded.passages[position].passage.article for position in best] == ["chairs"]
    assert loaded.lexical.match("zzz qqq").best(1) == []


@pytest.mark.parametrize("file", FILES)
def test_index_refuses_a_missing_file_and_names_it(built: tuple[Path, str], file: str) -> None:
    build, name = built
    (build / name / file).unlink()
    assert refused(build, name).startswith(f"{build / name / file}: missing. Run `make build`.")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("length", [0, 0.5, -1])
def test_index_refuses_a_truncated_file_and_names_it(built: tuple[Path, str], file: str, length: float) -> None:
    build, name = built
    path = build / name / file
    content = path.read_bytes().rstrip(b"\n") if file == "manifest.json" else path.read_bytes()
    path.write_bytes(content[: int(len(content) * length) if length >= 0 else -1])
    assert refused(build, name).startswith(f"{path}: ")


@pytest.mark.parametrize("file", [file for file in FILES if file != "manifest.json"])
def test_index_refuses_a_file_with_one_bit_changed_and_names_it(built: tuple[Path, str], file: str) -> None:
    build, name = built
    path = build / name / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert refused(build, name).startswith(f"{path}: truncated or altered")


def test_index_refuses_a_file_with_bytes_added(built: tuple[Path, str]) -> None:
    build, name = built
    with (build / name / "passages.jsonl").open("a") as file:
        file.write("\n")
    assert "passages.jsonl: truncated or altered" in refused(build, name)


def test_index_refuses_an_altered_passage_even_with_a_manifest_made_to_fit(built: tuple[Path, str]) -> None:
    build, name = built
    path = build / name / "passages.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("holds water", "holds petrol"), encoding="utf-8")
    manifest = json.loads((build / name / "manifest.json").read_text())
    manifest["files"]["passages.jsonl"] = index._sha256(path)
    (build / name / "manifest.json").write_text(json.dumps(manifest))
    assert f"{build / name / 'manifest.json'}: altered" in refused(build, name)


BAD_MANIFESTS: dict[str, Callable[[dict[str, object]], object]] = {
    "no-object": lambda manifest: [],
    "other-format": lambda manifest: {**manifest, "format": 99},
    "no-encoder": lambda manifest: {key: value for key, value in manifest.items() if key != "encoder"},
    "other-count": lambda manifest: {**manifest, "passages": 1},
    "no-count": lambda manifest: {key: value for key, value in manifest.items() if key != "phrases"},
    "files-no-object": lambda manifest: {**manifest, "files": ["passages.jsonl", "phrases.jsonl", "dense.faiss"]},
    "file-not-listed": lambda manifest: {**manifest, "files": {}},
    "lexical-not-listed": lambda manifest: {
        **manifest,
        "files": {file: digest for file, digest in manifest["files"].items() if "lexical" not in file},  # type: ignore[attr-defined]
    },
}


@pytest.mark.parametrize("kind", BAD_MANIFESTS)
def test_index_refuses_a_manifest_that_is_none(built: tuple[Path, str], kind: str) -> None:
    build, name = built
    path = build / name / "manifest.json"
    path.write_text(json.dumps(BAD_MANIFESTS[kind](json.loads(path.read_text()))))
    assert str(build / name) in refused(build, name)


def test_index_refuses_another_encoder(built: tuple[Path, str]) -> None:
    build, name = built
    with pytest.raises(
        IndexArtifactError, match=r"built for another encoder than the exported one\. Run `make build`\."
    ):
        load_current(build, encoder="0" * 64)
    assert load_artifact(build, name, encoder=None).name == name


def test_index_says_when_nothing_was_built(tmp_path: Path) -> None:
    with pytest.raises(IndexArtifactError, match=r"CURRENT: missing\. Run `make build` to build the index\."):
        load_current(tmp_path, encoder=None)


def test_index_says_when_current_names_nothing(built: tuple[Path, str]) -> None:
    build, _ = built
    switch_current(build, "0" * 32)
    with pytest.raises(IndexArtifactError, match=r"0{32}/manifest\.json: missing"):
        load_current(build, encoder=None)


def test_index_keeps_out_of_scope_questions_with_their_vectors(built: tuple[Path, str]) -> None:
    build, name = built
    loaded = load_artifact(build, name, encoder=FINGERPRINT)
    assert loaded.outside.texts == OUTSIDE.texts
    assert np.array_equal(loaded.outside.vectors, OUTSIDE.vectors)
    assert set(OUTSIDE.texts) <= loaded.vectors().keys()


def test_index_leaves_out_an_out_of_scope_question_that_a_passage_answers(tmp_path: Path, vetted: list[Vetted]) -> None:
    vectors = word_vectors(phrase.text for phrase in phrases_of(vetted))
    texts = ("no light", "who fixes roofs")
    name = write_artifact(tmp_path, vetted, vectors, FINGERPRINT, VOCABULARY, OutOfScope(texts, word_vectors(texts)))
    assert load_artifact(tmp_path, name, encoder=FINGERPRINT).outside.texts == ("who fixes roofs",)


def test_index_name_depends_on_what_goes_in_and_on_nothing_else(tmp_path: Path, vetted: list[Vetted]) -> None:
    name = write(tmp_path / "one", vetted)
    assert write(tmp_path / "two", vetted) == name
    other_words = Vocabulary((), "b" * 64)
    listed = OUTSIDE.texts
    assert artifact_name(vetted, FINGERPRINT, VOCABULARY, listed) == name
    assert artifact_name(vetted[:-1], FINGERPRINT, VOCABULARY, listed) != name
    assert artifact_name(vetted[::-1], FINGERPRINT, VOCABULARY, listed) != name
    assert artifact_name(vetted, "0" * 64, VOCABULARY, listed) != name
    assert artifact_name(vetted, FINGERPRINT, other_words, listed) != name
    assert artifact_name(vetted, FINGERPRINT, VOCABULARY, listed[:-1]) != name
    for file in FILES:
        assert (tmp_path / "one" / name / file).read_bytes() == (tmp_path / "two" / name / file).read_bytes(), file


def test_index_holds_no_pickle(built: tuple[Path, str]) -> None:
    build, name = built
    files = [path for path in (build / name).rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(build / name)) for path in files) == sorted(FILES)
    for path in files:
        assert not path.read_bytes().startswith(b"\x80")
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)


def test_index_writes_a_damaged_artifact_anew(built: tuple[Path, str], vetted: list[Vetted]) -> None:
    build, name = built
    (build / name / "dense.faiss").write_bytes(b"junk")
    assert write(build, vetted) == name
    assert load_current(build, encoder=FINGERPRINT).name == name


def test_index_of_nothing_loads_and_finds_nothing(tmp_path: Path) -> None:
    write(tmp_path, [])
    loaded = load_current(tmp_path, encoder=FINGERPRINT)
    assert isinstance(loaded, PassageIndex)
    assert loaded.passages == ()
    assert loaded.vectors().keys() == set(OUTSIDE.texts)
    assert loaded.lexical.match("anything").best(3) == []


def test_index_switch_leaves_the_old_name_until_the_new_one_is_whole(built: tuple[Path, str]) -> None:
    build, name = built
    (build / ".CURRENT.new").write_text("half a na")
    assert current_name(build) == name
    switch_current(build, "1" * 32)
    assert current_name(build) == "1" * 32
    assert not (build / ".CURRENT.new").exists()


def test_index_is_exact_up_to_its_limit_and_a_graph_above(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = word_vectors(f"text {number} words{number * 7}" for number in range(50))
    monkeypatch.setattr(index, "FLAT_UP_TO", 50)
    assert type(dense_index(vectors)).__name__ == "IndexFlatIP"
    monkeypatch.setattr(index, "FLAT_UP_TO", 49)
    graph = dense_index(vectors)
    assert "HNSW" in type(graph).__name__
    _, rows = graph.search(vectors, 1)
    assert graph.ntotal == 50
    similarity = (vectors[rows[:, 0]] * vectors).sum(axis=1)
    np.testing.assert_allclose(similarity, 1.0, atol=1e-5)


def test_graph_finds_what_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(7)
    topics = dice.standard_normal((200, 384))
    near = topics[dice.integers(0, 200, 6_000)] + 1.5 * dice.standard_normal((6_000, 384))
    rows = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    vectors, questions = rows[:-200], rows[-200:]
    _, exact = dense_index(vectors).search(questions, 10)
    monkeypatch.setattr(index, "FLAT_UP_TO", 1_000)
    _, found = dense_index(vectors).search(questions, 10)
    recall = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(exact, found, strict=True)])
    assert recall >= 0.95, recall
