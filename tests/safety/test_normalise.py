"""Normalisation: what people type becomes the spelling that the rules and the classifier are written for."""

from __future__ import annotations

import pytest

from bot.safety.normalise import COMMA, MAX_CHARACTERS, SENTENCE, Normaliser


@pytest.fixture(scope="module")
def normalise() -> Normaliser:
    return Normaliser()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("CANT BREATH", "cannot breath"),
        ("I can't breathe", "i cannot breathe"),
        ("i cant breeathe", "i cannot breathe"),
        ("cheast pain", "chest pain"),
        ("my chest is tiiiiight", "my chest is tight"),
        ("su1c1de", "suicide"),
        ("i want to k!ll myself", "i want to kill myself"),
        ("k i l l myself", "kill myself"),
        ("kms", "kill myself"),
        ("gonna unalive myself", "going to kill myself"),
        ("chestpain", "chest pain"),
        ("throwing up 🩸", "throwing up blood"),
        ("ｃｈｅｓｔ ｐａｉｎ", "chest pain"),
        ("ch\u200best pain", "chest pain"),
        ("my arm went nubm", "my arm went numb"),
        ("he's not brething", "he is not breathing"),
        ("sugar is 48", "sugar is 48"),
        ("fever 102.5", "fever 102.5"),
        ("havent peed", "have not peed"),
        ("nine one one", "911"),
    ],
)
def test_normalise_reads_what_people_type(normalise: Normaliser, typed: str, read: str) -> None:
    assert normalise(typed).text == read


@pytest.mark.parametrize("ordinary", ["kale", "vitamin b12", "black bean soup", "what is kefir", "sourdough", "fodmap"])
def test_normalise_leaves_ordinary_words_alone(normalise: Normaliser, ordinary: str) -> None:
    assert normalise(ordinary).text == ordinary


@pytest.mark.parametrize(
    ("typed", "spanish"),
    [
        ("me duele el pecho y no puedo respirar", True),
        ("¿qué puedo comer?", True),
        ("no quiero vivir", True),
        ("my chest hurts and I can't breathe", False),
        ("no pain today", False),
        ("taco tuesday: are beans ok", False),
    ],
)
def test_normalise_tells_spanish_from_english(normalise: Normaliser, typed: str, spanish: bool) -> None:
    assert normalise(typed).spanish is spanish


def test_normalise_drops_spanish_accents(normalise: Normaliser) -> None:
    assert normalise("vomitó sangre, está pálida").text == "vomito sangre esta palida"


def test_normalise_remembers_where_sentences_and_clauses_begin(normalise: Normaliser) -> None:
    message = normalise("No fever, no chills. My leg is numb")
    assert message.boundaries == (0, 0, COMMA, 0, SENTENCE, 0, 0, 0)
    assert message.sentences == ((0, 4), (4, 8))
    assert message.stretch(0, 8) == "no fever, no chills. my leg is numb"


def test_normalise_does_not_end_a_sentence_within_a_number(normalise: Normaliser) -> None:
    assert len(normalise("fever of 101.3 since noon").sentences) == 1


@pytest.mark.parametrize("empty", ["", "   ", "...", "\n\n", "\u200b", "🙂"])
def test_normalise_takes_messages_without_words(normalise: Normaliser, empty: str) -> None:
    assert normalise(empty).words == ()


def test_normalise_reads_both_ends_of_a_very_long_message(normalise: Normaliser) -> None:
    message = normalise("hello " * MAX_CHARACTERS + "my chest hurts")
    assert message.words[0] == "hello"
    assert message.words[-3:] == ("my", "chest", "hurts")
    assert len(message.text) <= MAX_CHARACTERS + 3
