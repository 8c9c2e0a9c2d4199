"""The learned half: its shipped numbers, how it cuts long messages, and what happens when its files are not right."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bot.safety.classifier import MODEL, Classifier, SequenceClassifier
from bot.safety.decision import OPINIONS, Weighing
from bot.safety.embeddings import word_vectors
from bot.safety.errors import SafetyDataError
from bot.safety.normalise import Normaliser
from bot.safety.screen import SafetyScreen
from bot.safety.stretches import LONG, STRETCH, WINDOW, stretches, windows
from tests.knowledge.content import real_encoder

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def encoder() -> Path:
    return real_encoder()


@pytest.fixture(scope="module")
def classifier(encoder: Path) -> Classifier:
    return Classifier.open(encoder)


@pytest.fixture(scope="module")
def normalise() -> Normaliser:
    return Normaliser()


def test_weights_are_plain_numbers_of_at_most_twelve_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 12 * MEGABYTE
    with np.load(MODEL / "weights.npz", allow_pickle=False) as weights:
        assert {weights[name].dtype.kind for name in weights.files} <= {"i", "u", "f"}


def test_the_graph_holds_no_weights() -> None:
    assert (MODEL / "graph.onnx").stat().st_size < 0.05 * MEGABYTE


def test_word_vectors_are_those_of_the_published_model(encoder: Path) -> None:
    vectors = word_vectors(encoder / "model.fp32.onnx")
    assert vectors.shape == (30522, 384)
    assert float(np.linalg.norm(vectors[2023])) == pytest.approx(1.0, abs=0.6)


def test_word_vectors_refuses_a_file_without_them(tmp_path: Path) -> None:
    broken = tmp_path / "model.fp32.onnx"
    broken.write_bytes(b"\x3a\x05\x2a\x03\x0a\x01\x01")
    with pytest.raises(SafetyDataError, match=r"model\.fp32\.onnx"):
        word_vectors(broken)


@pytest.mark.parametrize(
    ("red", "green"),
    [
        (
            "whats coming out looks like roofing goop and i get woozy on stairs",
            "whats coming out of the oven looks like roofing felt, i overbaked the oats",
        ),
        (
            "there's a hand wringing out my heart like a dishrag when i carry laundry",
            "carrying laundry is my daily workout, does that count as exercise",
        ),
        ("my boy's lips look like plums and he's whistling when he breathes", "my boy whistles while he eats plums"),
    ],
)
def test_classifier_tells_everyday_images_from_everyday_life(
    classifier: Classifier, normalise: Normaliser, red: str, green: str
) -> None:
    assert classifier.score(normalise(red)).flag > classifier.score(normalise(green)).flag + 2


def test_equal_messages_get_equal_scores_from_any_thread(classifier: Classifier, normalise: Normaliser) -> None:
    message = normalise("my arm went dead and my words come out wrong")
    expected = classifier.score(message).flag
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.append(classifier.score(message).flag)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_windows_cover_every_word_of_a_long_message(normalise: Normaliser) -> None:
    message = normalise("word " * 400)
    read = windows(message)
    assert read[0][0] == 0
    assert read[-1][1] == 400
    assert all(later[0] < earlier[1] for earlier, later in pairwise(read))
    assert max(end - start for start, end in read) == WINDOW


def test_stretches_are_sentences_of_bearable_length(normalise: Normaliser) -> None:
    message = normalise(
        "One. Two three. " + "Here is a longer sentence that has quite a few words in it. " * 4 + "and " * 90
    )
    read = stretches(message)
    assert read
    assert max(end - start for start, end in read) <= STRETCH[1]
    covered = {word for start, end in read for word in range(start, end)}
    assert covered == set(range(len(message.words)))


def test_one_line_does_not_hide_in_a_very_long_message(encoder: Path) -> None:
    screen = SafetyScreen.load(encoder)
    chatter = "We had such a nice summer and the garden gave us more beans than we could eat. " * 12
    flag = screen.screen(f"{chatter} My left arm is numb and half my face has dropped since lunch. {chatter}")
    assert flag is not None
    assert len(chatter.split()) > LONG


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped model that the screen will open, to be damaged."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    monkeypatch.setattr(Classifier.open.__func__, "__defaults__", (folder,))
    monkeypatch.setattr(SequenceClassifier.open.__func__, "__defaults__", (folder,))
    return folder


def damage_settings(model: Path, name: str, value: object) -> None:
    settings = json.loads((model / "model.json").read_text(encoding="utf-8"))
    settings[name] = value
    (model / "model.json").write_text(json.dumps(settings), encoding="utf-8")


@pytest.mark.parametrize("damage", ["no weights", "torn weights", "other encoder", "no thresholds", "no encoder"])
def test_screen_keeps_its_linear_model_when_the_transformer_is_not_right(
    encoder: Path, model: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    if damage == "no weights":
        (model / "weights.npz").unlink()
    elif damage == "torn weights":
        (model / "weights.npz").write_bytes((MODEL / "weights.npz").read_bytes()[:5000])
    elif damage == "other encoder":
        damage_settings(model, "encoder_sha256", "0" * 64)
    elif damage == "no thresholds":
        damage_settings(model, "alarm", None)
    with caplog.at_level(logging.ERROR):
        screen = SafetyScreen.load(encoder / "missing" if damage == "no encoder" else encoder)
    assert not screen.learned
    assert len(caplog.records) == 1
    unruly = "the goop in the bowl looks like roofing tar and i get woozy on the stairs"
    flag = screen.screen(unruly)
    assert flag is not None
    assert flag.group == 8
    assert screen.screen("how much fiber is in an apple") is None


@pytest.mark.parametrize("damage", ["torn settings", "no sequences", "torn sequences"])
def test_screen_keeps_its_rules_when_nothing_learned_is_right(
    encoder: Path, model: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    if damage == "torn settings":
        (model / "model.json").write_text("{", encoding="utf-8")
    elif damage == "no sequences":
        (model / "sequences.npz").unlink()
    else:
        (model / "sequences.npz").write_bytes((MODEL / "sequences.npz").read_bytes()[:500])
    with caplog.at_level(logging.ERROR):
        screen = SafetyScreen.load(encoder)
    assert not screen.learned
    assert len(caplog.records) == 2
    flag = screen.screen("tight chest, and it runs down my left arm")
    assert flag is not None
    assert flag.level == "alarm"


def test_a_classifier_that_fails_on_a_message_leaves_it_to_the_rules(
    encoder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    screen = SafetyScreen.load(encoder)

    def fail(*_: object) -> None:
        raise RuntimeError("zanzibar")

    monkeypatch.setattr(Classifier, "score", fail)
    flag = screen.screen("tight chest, and it runs down my left arm, zanzibar")
    assert flag is not None
    assert flag.group == 1
    assert "zanzibar" not in caplog.text


def test_weighing_names_what_is_missing() -> None:
    with pytest.raises(SafetyDataError, match="is missing or no number"):
        Weighing.parse({"weights": dict.fromkeys(OPINIONS, 1.0)})


MEASURE = r"""
import re, sys, time
begin = time.process_time()
from pathlib import Path
from bot.safety import SafetyScreen
screen = SafetyScreen.load(Path(sys.argv[1]))
assert screen.learned
started = time.process_time() - begin
for i in range(50):
    screen.screen(f"hello, message {i}: my stomach is bloated after bread and I wonder about fiber. Is rye better than wheat?")
taken = []
for i in range(60):
    begin = time.process_time()
    screen.screen(f"message {i}: my stomach is bloated after bread and beans and I wonder about fiber, what do you think?")
    taken.append(time.process_time() - begin)
taken.sort()
# This process's own peak: ru_maxrss also counts the process that started it, from before exec.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
print(started, peak / 1024, taken[57] * 1000)
assert "torch" not in sys.modules and "transformers" not in sys.modules and "rasa" not in sys.modules
"""


def test_screen_alone_is_small_starts_fast_and_needs_no_torch(encoder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(encoder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    started, megabytes, slow = map(float, done.stdout.split())
    # Seconds and milliseconds of this process's own processor time: a busy machine does not count.
    assert started <= 2.0
    assert megabytes <= 250
    assert slow <= 12.0


def test_answers_to_a_form_in_a_row_are_no_alarm(encoder: Path) -> None:
    screen = SafetyScreen.load(encoder)
    said = ["sure", "my name is Rosa Diaz", "it's 646 555 0123", "tomorrow morning", "a question about my bill"]
    flags = [screen.screen(text, previous=said[max(0, place - 2) : place]) for place, text in enumerate(said)]
    assert flags == [None] * len(said)


def test_form_answers_in_a_row_say_nothing_together(encoder: Path) -> None:
    screen = SafetyScreen.load(encoder)
    turns = ["can someone call me back", "yes", "my name is Ana Lopez", "it's  thanks", "tomorrow morning", "my knees"]
    assert [screen.screen(turn, previous=turns[:place]) for place, turn in enumerate(turns)] == [None] * len(turns)
