"""The exported encoder against sentence-transformers itself, which made it."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge.encoder import SentenceEncoder, Vectors
from knowledge.errors import EncoderError
from knowledge.settings import ROOT
from knowledge.weights import export_manifest, int8_instruction_set, is_exported, model_folder, weights_fingerprint
from tests.knowledge.content import real_encoder

RASA_PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
QUESTIONS = [
    "does stress hurt the gut?",
    "What is leaky gut?",
    "can i exercise with fibromyalgia",
    "my belly is bloated after every meal and i am so tired of it",
    "Should I take probiotics for IBS?",
    "why do my joints hurt when my stomach is upset",
    "\u00bfEl estr\u00e9s afecta el intestino?",
    "what foods fight inflammation? " * 30,
]
WORDS = ["ok", "yes", "thanks", "\U0001f642"]
"""Too short for int8 to come as near: its rounding weighs more when there are two or three tokens."""
PASSAGES = [
    "Stress can change how the gut moves and feels.",
    "Leaky gut is a name for a gut lining that lets more through than it should.",
    "Gentle movement, a little more each week, helps many people with fibromyalgia.",
    "Bloating has many causes; eating slowly can help.",
    "Some people with irritable bowel feel better with a probiotic; studies disagree.",
    "Inflammation of the bowel can come with sore joints.",
    "Clean windows with a soft cloth.",
]


@pytest.fixture(scope="module")
def reference() -> Iterator[tuple[Vectors, Vectors, Vectors]]:
    """What sentence-transformers makes of the questions, the passages and the single words, with torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of while it is imported is not ours
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(model_folder()), device="cpu", local_files_only=True)

        def encode(texts: list[str]) -> Vectors:
            rows: Vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
            return rows

        yield encode(QUESTIONS), encode(PASSAGES), encode(WORDS)


@pytest.fixture(scope="module")
def folder() -> Path:
    return real_encoder()


def encoder(folder: Path, precision: str) -> SentenceEncoder:
    if not (folder / f"model.{precision}.onnx").exists():
        pytest.skip(f"this processor has no int8 instruction set, so no {precision} file was exported")
    return SentenceEncoder(folder, precision=precision)


def test_build_embeds_passages_as_sentence_transformers_does(
    folder: Path, reference: tuple[Vectors, Vectors, Vectors]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from knowledge.embedder import PassageEmbedder

        done: list[int] = []
        rows = PassageEmbedder(folder).encode([*QUESTIONS, *PASSAGES, *WORDS], progress=done.append)
    np.testing.assert_allclose(rows, np.vstack(reference), atol=1e-5)
    assert sum(done) == len(rows)


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999), ("int8", 0.98)])
def test_encoder_agrees_with_sentence_transformers(
    folder: Path, reference: tuple[Vectors, Vectors, Vectors], precision: str, least: float
) -> None:
    found = encoder(folder, precision).encode([*QUESTIONS, *PASSAGES])
    cosines = (found * np.vstack(reference[:2])).sum(axis=1)
    worst = int(cosines.argmin())
    assert cosines[worst] > least, [*QUESTIONS, *PASSAGES][worst]


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999), ("int8", 0.96)])
def test_encoder_agrees_on_single_words_too(
    folder: Path, reference: tuple[Vectors, Vectors, Vectors], precision: str, least: float
) -> None:
    cosines = (encoder(folder, precision).encode(WORDS) * reference[2]).sum(axis=1)
    assert cosines.min() > least, WORDS[int(cosines.argmin())]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_encoder_ranks_passages_as_sentence_transformers_does(
    folder: Path, reference: tuple[Vectors, Vectors, Vectors], precision: str
) -> None:
    wanted_scores = reference[0] @ reference[1].T
    chosen = [row for row in range(len(QUESTIONS)) if clear_winner(wanted_scores[row])]
    assert len(chosen) >= 5
    scores = encoder(folder, precision).encode([QUESTIONS[row] for row in chosen]) @ reference[1].T
    for row, found in zip(chosen, scores, strict=True):
        assert found.argmax() == wanted_scores[row].argmax(), QUESTIONS[row]
    if precision == "fp32":
        np.testing.assert_array_equal(np.argsort(-scores, axis=1), np.argsort(-wanted_scores[chosen], axis=1))


def clear_winner(scores: Vectors) -> bool:
    best, second = np.sort(scores)[::-1][:2]
    return bool(best - second > 0.05)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_encoder_gives_unit_rows_of_float32(folder: Path, precision: str) -> None:
    rows = encoder(folder, precision).encode(QUESTIONS)
    assert rows.shape == (len(QUESTIONS), 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_encoder_gives_a_text_the_same_vector_whatever_stands_beside_it(folder: Path) -> None:
    default = SentenceEncoder(folder)
    together = default.encode([*QUESTIONS, QUESTIONS[0]])
    alone = default.encode([QUESTIONS[0]])[0]
    atol = 0.0 if default.precision == "int8" else 1e-5
    np.testing.assert_allclose(together[0], alone, atol=atol)
    np.testing.assert_allclose(together[0], together[-1], atol=atol)


def test_encoder_keeps_the_order_of_its_texts(folder: Path) -> None:
    default = SentenceEncoder(folder)
    np.testing.assert_allclose(default.encode(QUESTIONS[::-1]), default.encode(QUESTIONS)[::-1], atol=1e-5)


def test_encoder_cuts_very_long_texts_and_takes_empty_ones(folder: Path) -> None:
    default = SentenceEncoder(folder)
    assert default.encode([]).shape == (0, 384)
    rows = default.encode(["", " ", "gut " * 20_000])
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(default.encode(["gut " * 300]), default.encode(["gut " * 400]))


def test_export_is_of_the_installed_weights(folder: Path) -> None:
    assert SentenceEncoder(folder).fingerprint == weights_fingerprint()
    assert is_exported(folder, export_manifest())
    assert not is_exported(folder, {**export_manifest(), "weights_sha256": "0" * 64})


@pytest.mark.parametrize("fails_at", ["exporting", "putting in place"])
def test_export_that_fails_leaves_the_old_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from knowledge import embedder

    target = tmp_path / "encoder"
    target.mkdir()
    (target / "encoder.json").write_text("old")
    real = Path.rename

    def make(scratch: Path, staged: Path, instruction_set: str | None) -> None:
        assert (target / "encoder.json").read_text() == "old"
        if fails_at == "exporting":
            raise OSError("disk full")

    def rename(self: Path, to: Path) -> Path:
        if to == target and self.parent.name.startswith(".staged-") and self.name == "encoder":
            raise OSError("disk full")
        return real(self, to)

    monkeypatch.setattr(embedder, "_export_models", make)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(OSError, match="disk full"):
            embedder.export_encoder(target, {"instruction_set": None})
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]
    assert (target / "encoder.json").read_text() == "old"


def test_export_takes_the_place_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from knowledge import embedder

    monkeypatch.setattr(embedder, "_export_models", lambda scratch, staged, instruction_set: None)
    for version in (1, 2):
        embedder.export_encoder(tmp_path / "encoder", {"instruction_set": None, "export_version": version})
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]
    assert json.loads((tmp_path / "encoder" / "encoder.json").read_text())["export_version"] == 2


def test_encoder_runs_in_the_rasa_environment_with_the_same_vectors(folder: Path) -> None:
    if not RASA_PYTHON.exists():
        pytest.skip(f"{RASA_PYTHON} is not there: run `make setup` to test the encoder in Rasa's environment")
    script = (
        "import json, sys\nfrom pathlib import Path\nfrom knowledge.encoder import SentenceEncoder\n"
        "assert sys.version_info[:2] == (3, 10)\n"
        "rows = SentenceEncoder(Path(sys.argv[1])).encode(json.loads(sys.argv[2]))\n"
        "assert 'torch' not in sys.modules\nprint(json.dumps(rows.tolist()))"
    )
    command = [str(RASA_PYTHON), "-c", script, str(folder), json.dumps(QUESTIONS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    there = np.array(json.loads(ran.stdout), dtype=np.float32)
    assert ((there * SentenceEncoder(folder).encode(QUESTIONS)).sum(axis=1) > 0.98).all()


def test_encoder_needs_no_torch() -> None:
    script = "import sys, knowledge.encoder, knowledge.weights; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = str(ROOT / ".venv" / "bin" / "python")
    assert subprocess.run([python, "-c", script], cwd=ROOT, env=environment, timeout=60, check=False).returncode == 0


# Damaged exports


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """An export whose files a test may replace."""
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("name", ["encoder.json", "model.fp32.onnx", "tokenizer.json"])
def test_encoder_names_a_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(copy, precision="fp32")
    assert str(caught.value).startswith(f"{copy / name}: missing")
    assert "`make build`" in str(caught.value)


@pytest.mark.parametrize("name", ["encoder.json", "model.fp32.onnx", "tokenizer.json"])
@pytest.mark.parametrize("length", [0, 60, 0.9])
def test_encoder_names_a_truncated_file(copy: Path, folder: Path, name: str, length: float) -> None:
    content = (folder / name).read_bytes()
    (copy / name).unlink()
    (copy / name).write_bytes(content[: int(length * len(content)) if length < 1 else int(length)])
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(copy, precision="fp32")
    assert str(caught.value).startswith(f"{copy / name}: ")
    assert "`make build`" in str(caught.value)


@pytest.mark.parametrize("manifest", ["[]", "3", "{}", '{"model_id": "x", "dimension": 384}'])
def test_encoder_says_what_its_manifest_lacks(copy: Path, manifest: str) -> None:
    (copy / "encoder.json").unlink()
    (copy / "encoder.json").write_text(manifest)
    with pytest.raises(EncoderError, match=r"encoder\.json: lacks .*weights_sha256"):
        SentenceEncoder(copy)


def test_encoder_refuses_an_unknown_precision(folder: Path) -> None:
    with pytest.raises(EncoderError, match="precision 'int4' is not one of fp32, int8"):
        SentenceEncoder(folder, precision="int4")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [("avx2 sse4", "avx2"), ("avx2 avx512_vnni", "avx512_vnni"), ("sse4", None), ("", None)],
)
def test_int8_is_chosen_by_what_the_processor_can_do(tmp_path: Path, flags: str, chosen: str | None) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    assert int8_instruction_set(cpuinfo) == chosen
    assert int8_instruction_set(tmp_path / "none") is None
