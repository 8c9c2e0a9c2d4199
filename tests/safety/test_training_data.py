"""The training messages: enough of them, of every kind, complete, and none of the golden ones among them."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.safety.errors import SafetyDataError
from bot.safety.flags import GROUPS
from bot.safety.learning.data import TRAINING, Example, load
from bot.safety.normalise import Normaliser
from tests.safety.golden import load as load_golden


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return load()


def test_there_are_four_thousand_messages_by_several_authors(examples: list[Example]) -> None:
    assert len(examples) >= 4_000
    assert len({example.author for example in examples}) >= 3


def test_every_group_has_its_messages_and_benign_ones_are_as_many(examples: list[Example]) -> None:
    counts = Counter(example.group for example in examples)
    assert min(counts[group] for group in GROUPS) >= 60
    assert counts[0] >= 0.8 * (len(examples) - counts[0])


def test_spanish_is_among_red_flags_and_benign_messages(examples: list[Example]) -> None:
    spanish = Counter(example.group > 0 for example in examples if example.lang == "es")
    assert spanish[True] >= 200
    assert spanish[False] >= 100


def test_no_golden_message_is_trained_on(examples: list[Example]) -> None:
    normalise = Normaliser()
    trained = {example.message.text for example in examples}
    golden = {case.id: normalise(case.text).text for case in load_golden() if not case.previous}
    assert golden
    # Greetings and the like are everybody's words.
    shared = [name for name, text in golden.items() if text in trained and len(text.split()) > 4]
    assert shared == []


def test_messages_are_no_template_with_swapped_words(examples: list[Example]) -> None:
    openings = Counter(" ".join(example.message.words[:5]) for example in examples if len(example.message.words) > 8)
    assert openings.most_common(1)[0][1] <= len(examples) * 0.004


def test_an_incomplete_message_is_refused_by_file_and_line(tmp_path) -> None:
    (tmp_path / "x-bad.jsonl").write_text(
        '{"text": "a b", "group": null, "kind": null, "style": "s", "lang": "en"}\n'
        '{"text": "c", "group": 3, "kind": null, "style": "s", "lang": "en"}\n',
        encoding="utf-8",
    )
    with pytest.raises(SafetyDataError, match=r"x-bad\.jsonl:2"):
        load(tmp_path)


def test_training_folder_is_the_shipped_one() -> None:
    assert len(list(TRAINING.glob("*.jsonl"))) >= 3
