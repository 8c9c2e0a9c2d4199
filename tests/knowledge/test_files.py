from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from knowledge.clinic import load_clinic
from knowledge.errors import ArticleError, SettingsError
from knowledge.files import locked, parse_yaml, replace_text, yaml_problem
from knowledge.reader import parse_article
from knowledge.settings import ROOT
from knowledge.vocabulary import VocabularyError, load_vocabulary
from tests.knowledge.content import article_text, write_clinic


def test_yaml_gives_plain_values() -> None:
    assert parse_yaml("a: 1\nb: [x, {a: 2}]\nc: {a: 3}\n") == {"a": 1, "b": ["x", {"a": 2}], "c": {"a": 3}}


def test_yaml_lets_a_merged_key_be_given_anew() -> None:
    assert parse_yaml("one: &one {a: 1, b: 2}\ntwo: {<<: *one, a: 3}\n")["two"] == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3\n", "x:\n  - {b: 1}\n  - {a: 1, a: 2}\n", "'a': 1\nb: 0\n\"a\": 2\n"]
)
def test_yaml_refuses_a_key_that_stands_twice_and_says_where(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match=r"the key 'a' stands twice; keep one[\s\S]*line 3"):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 13: the key 'a' stands twice; keep one."),
        ("a: 1\nb: 2026-02-30\n", "line 12: 2026-02-30 is no day that exists; write days as YYYY-MM-DD."),
        ("a: b: c\n", "line 11: mapping values are not allowed in this context. Quote texts that hold a colon."),
        ("a: \x00\n", "not valid YAML (control characters are not allowed)."),
    ],
)
def test_yaml_problem_names_line_and_fix(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        parse_yaml(text)
    assert yaml_problem(caught.value, first_line=11) == said


def test_yaml_makes_no_objects() -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml("!!python/object/apply:os.getcwd []")


def test_key_that_stands_twice_is_named_with_its_file(tmp_path: Path) -> None:
    clinic = write_clinic(tmp_path / "clinic.yml")
    clinic.write_text(clinic.read_text() + "phone: '+1 312-555-0111'\n")
    with pytest.raises(SettingsError, match=r"clinic\.yml: .*'phone' stands twice"):
        load_clinic(clinic)
    vocabulary = tmp_path / "vocabulary.yml"
    vocabulary.write_text("concepts: []\nconcepts: []\n")
    with pytest.raises(VocabularyError, match=r"vocabulary\.yml: .*'concepts' stands twice"):
        load_vocabulary(vocabulary)
    text = article_text("chairs", {"How?": "So."}).replace("written:", "title: Chairs again\nwritten:")
    with pytest.raises(
        ArticleError, match=r"chairs\.md: front matter, line \d+: the key 'title' stands twice; keep one\.$"
    ):
        parse_article(text, Path("chairs.md"))


def test_no_key_stands_twice_in_any_yaml_file_of_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.yml", "*.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = listed.stdout.split()
    assert len(files) > 50
    for file in files:
        try:
            parse_yaml((ROOT / file).read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            pytest.fail(f"{file}: {error}")


def test_replaced_text_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    replace_text(tmp_path / "NAME", "one\n")
    replace_text(tmp_path / "NAME", "two\n")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"NAME": "two\n"}


def test_text_stays_when_the_new_one_cannot_be_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_text(tmp_path / "NAME", "one\n")

    def fails(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        replace_text(tmp_path / "NAME", "two\n")
    assert (tmp_path / "NAME").read_text() == "one\n"


def test_lock_is_free_again_when_its_holder_was_killed(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from knowledge.files import locked
with locked(Path({str(tmp_path / "lock")!r})):
    print("held", flush=True)
    os.kill(os.getpid(), 9)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (ran.stdout, ran.returncode) == ("held\n", -9)
    with locked(tmp_path / "lock"):
        pass
