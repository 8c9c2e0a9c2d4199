from pathlib import Path

import pytest

from knowledge.language import build_language, concepts_in, saved_language
from knowledge.settings import KnowledgeSettings
from knowledge.vocabulary import VocabularyError, load_vocabulary, main

FILE = KnowledgeSettings().vocabulary


@pytest.fixture(scope="module")
def language():
    return build_language(load_vocabulary(FILE))


def test_there_are_concepts_of_every_kind_and_more_than_150():
    vocabulary = load_vocabulary(FILE)
    assert len(vocabulary) >= 150
    assert {concept.kind for concept in vocabulary} == {
        "condition",
        "symptom",
        "food",
        "treatment",
        "body",
        "test",
        "topic",
    }


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("does coffee make my IBS worse", ("caffeine", "ibs")),
        ("my tummy hurts and i cant poop", ("belly_pain", "constipation")),
        ("is leeky gut why my fibro flares", ("leaky_gut", "fibromyalgia", "flare")),
        ("are poop pills safe", ("fmt",)),
        ("Crohn\u2019s and ibuprofin", ("crohns", "nsaids")),
        ("my kbmo fit test said no eggs", ("igg_test", "eggs")),
        ("vegas nerve exercises", ("vagus", "exercise")),
        ("probiotics probiotics probiotics", ("probiotics",)),
        ("what time is it", ()),
    ],
)
def test_concepts_are_found_in_patients_words(language, text, concepts):
    assert concepts_in(language(text)) == concepts


def test_everyday_words_are_no_concepts(language):
    assert concepts_in(language("i get what you mean, that is a lot to take in for me")) == ()


def test_sentences_and_lemmas_come_along(language):
    document = language("My joints were aching. I slept badly!")
    assert [sentence.text for sentence in document.sents] == ["My joints were aching.", "I slept badly!"]
    assert document[0:4].lemma_ == "my joint be ache" or "ache" in document[3].lemma_


def write(folder: Path, text: str) -> Path:
    path = folder / "vocabulary.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("concepts: [{id: a, kind: food}]", "a: label: missing"),
        ("concepts: [{id: a, kind: sport, label: x}]", "Use one of condition"),
        ("concepts: [{id: a, kind: food, label: x, slang: [y]}]", "unknown field slang"),
        ("concepts: [{id: a, kind: food, label: x, lay: y}]", "needs a list of texts"),
        ("concepts: [{id: a, kind: food, label: x, lay: [yes]}]", "Quote yes, no"),
        ("concepts: [{id: a, kind: food, label: x}, {id: a, kind: food, label: y}]", "id used twice"),
        ("concepts: [{id: a, kind: food, label: X}, {id: b, kind: food, label: x}]", "belongs to a already"),
        ("concepts: [text]", "is not a concept"),
        ("things: []", "one list named 'concepts'"),
        ("concepts: [", "not valid YAML"),
    ],
)
def test_a_wrong_entry_is_named_with_its_fix(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(VocabularyError) as caught:
        load_vocabulary(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(VocabularyError, match="cannot be read"):
        load_vocabulary(tmp_path / "none.yml")


def test_checking_from_the_command_line(tmp_path, capsys):
    assert main([]) == 0
    assert "concepts" in capsys.readouterr().out
    assert main([str(write(tmp_path, "concepts: [text]"))]) == 1
    assert "is not a concept" in capsys.readouterr().err


def test_a_changed_vocabulary_is_built_again_and_an_equal_one_is_not(tmp_path):
    path = write(tmp_path, "concepts: [{id: tea, kind: food, label: tea}]")
    folder = saved_language(path, tmp_path / "build")
    stamp = (folder / "meta.json").stat().st_mtime_ns
    assert saved_language(path, tmp_path / "build") == folder
    assert (folder / "meta.json").stat().st_mtime_ns == stamp
    write(tmp_path, "concepts: [{id: tea, kind: food, label: tea, lay: [cuppa]}]")
    saved_language(path, tmp_path / "build")
    assert (folder / "meta.json").stat().st_mtime_ns != stamp
    assert [p.name for p in folder.parent.iterdir()] == [folder.name], "no half-built folders are left"
