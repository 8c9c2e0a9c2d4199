"""The linter: what it stops, what it mentions, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import time
from datetime import date
from pathlib import Path

import pytest

from knowledge import linter
from knowledge.linter import Finding, LintRulesError, as_sentences, blocking, lint, passage_findings, readability
from knowledge.models import Passage, Source
from knowledge.settings import ROOT, KnowledgeSettings

TODAY = date(2026, 3, 1)
SOURCE = Source("a-page", "A page about kettles", 2020, "https://example.net/kettles")


def passage(text: str, *, heading: str = "What is it?", simple: str = "") -> Passage:
    return Passage("kettles", 1, heading, text, 0, len(text), "Kettles", sources=(SOURCE,), simple=simple)


def rules(text: str, **changes: str) -> set[str]:
    return {finding.rule for finding in passage_findings(passage(text, **changes))}


def errors(text: str) -> set[str]:
    return {finding.rule for finding in passage_findings(passage(text)) if finding.level == "error"}


@pytest.fixture
def settings(tmp_path: Path) -> KnowledgeSettings:
    (tmp_path / "articles").mkdir()
    (tmp_path / "vocabulary.yml").write_text(
        "concepts:\n  - {id: tea, kind: food, label: tea}\n  - {id: sore_feet, kind: symptom, label: sore feet}\n",
        encoding="utf-8",
    )
    return KnowledgeSettings(
        articles=tmp_path / "articles",
        approvals=tmp_path / "a.jsonl",
        vocabulary=tmp_path / "vocabulary.yml",
        build=tmp_path / "build",
    )


def article(settings: KnowledgeSettings, slug: str, body: str, **fields: str) -> None:
    front = {
        "title": "A made-up page",
        "slug": slug,
        "topics": "[tea]",
        "sources": "\n- {key: a-page, name: A page about tea, year: 2020, address: 'https://example.net/tea'}",
        "written": "2025-12-01",
        "review_by": "2026-12-01",
        **fields,
    }
    head = "\n".join(f"{name}: {value}" for name, value in front.items())
    (settings.articles / f"{slug}.md").write_text(f"---\n{head}\n---\n\n{body}\n", encoding="utf-8")


def found(settings: KnowledgeSettings) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.rule, finding.place) for finding in lint(settings, TODAY)]


CLEAN = "## Is tea warm?\n\nYes, tea is warm. It can be nice on a cold day. [^a-page]"


def test_a_finding_reads_as_one_line() -> None:
    finding = Finding("error", "grade", "tea#1", "too hard", "Is tea warm?")
    assert str(finding) == "error: tea.md #1 'Is tea warm?': too hard (grade)"
    assert str(Finding("error", "source", "tea", "sources: none")) == "error: tea.md: sources: none (source)"
    assert finding.as_json() == {
        "level": "error",
        "rule": "grade",
        "place": "tea#1",
        "message": "too hard",
        "heading": "Is tea warm?",
    }


def test_every_finding_names_its_file_and_a_passages_its_heading(settings: KnowledgeSettings) -> None:
    words = "Tea is a guaranteed cure. " * 30
    article(settings, "one", f"## Is tea warm?\n\n{words}", sources=[])
    article(settings, "two", f"## Why tea?\n\n{words}", review_by="2020-01-01", written="2019-01-01")
    article(settings, "six", "No heading here.")
    said = [str(finding) for finding in lint(settings, TODAY)]
    assert {line.split(": ")[1] for line in said} == {
        "one.md",
        "one.md #1 'Is tea warm?'",
        "one.md #2 'Is tea warm?'",
        "two.md",
        "two.md #1 'Why tea?'",
        "two.md #2 'Why tea?'",
        "six.md",
    }
    assert (
        "error: six.md: text before the first heading: 'No heading here.'. Put it under a ## heading. (article)" in said
    )


def test_a_clean_article_has_no_findings(settings: KnowledgeSettings) -> None:
    article(settings, "tea", CLEAN)
    assert lint(settings, TODAY) == []
    assert blocking(settings, lint(settings, TODAY)) == set()


def test_hard_text_is_an_error_and_easy_text_is_not() -> None:
    hard = (
        "Comprehensive gastrointestinal evaluation necessitates multidisciplinary consideration "
        "of physiological variability."
    )
    assert "grade" in errors(hard)
    assert "grade" in rules("Tea is warm.", simple=hard)
    assert not errors("Tea is warm. It can be nice on a cold day.")


def test_each_item_of_a_list_counts_as_a_sentence() -> None:
    text = "Check first if you have:\n- heart or lung trouble\n- a broken bone\n- trouble with walking\n\nThen start."
    assert (
        as_sentences(text)
        == "Check first if you have. heart or lung trouble. a broken bone. trouble with walking. Then start."
    )
    assert readability(text).grade < 5
    assert readability(text).words == 20


def test_a_passage_of_more_than_130_words_is_an_error() -> None:
    assert "length" in errors("Tea is warm now. " * 33)
    assert "length" not in errors("Tea is warm now. " * 32)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("This tea cures back pain.", "promise"),
        ("The proof is undeniable.", "promise"),
        ("It works for everyone.", "promise"),
        ("You get lasting relief.", "promise"),
        ("It will end your pain.", "promise"),
        ("A breakthrough for sore knees.", "promise"),
        ("It is 100% safe.", "promise"),
        ("Please contact us to order a kit.", "promotion"),
        ("Our program helps with that.", "promotion"),
        ("Order now and save.", "promotion"),
        ("Some people take Tylenol for it.", "brand"),
        ("Ask about the KBMO test.", "brand"),
        ("Kettle\u2122 tea is nice.", "brand"),
        ("Take 400 mg with food.", "dosing"),
        ("Use 10 billion CFU a day.", "dosing"),
        ("Take one tablet at night.", "dosing"),
        ("Take it twice a day.", "dosing"),
        ("Take it every 4 to 6 hours.", "dosing"),
        ("You can stop taking your pain medicine.", "medicine-change"),
        ("Double your dose on bad days.", "medicine-change"),
        ("This means you have fibromyalgia.", "diagnosis"),
        ("Leaky gut causes joint pain.", "claim"),
        ("Pain often starts in the gut.", "claim"),
        ("Healing your gut will reduce your pain.", "claim"),
        ("IBS is an inflammatory disease.", "claim"),
        ("Fibromyalgia is caused by inflammation.", "claim"),
        ("Probiotics restore gut balance.", "claim"),
        ("Probiotics reduce migraine attacks.", "claim"),
        ("A food sensitivity test will show your trigger foods.", "claim"),
        ("Seed oils cause inflammation.", "claim"),
        ("Go gluten-free for a month.", "claim"),
        ("Push through the fatigue.", "claim"),
        ("Go gluten-free for a month before you see your doctor.", "claim"),
        ("Gluten causes fibromyalgia.", "claim"),
        ("Leaky gut is the reason for your pain.", "claim"),
        ("Fasting resets your microbiome.", "claim"),
        ("Fibromyalgia is a psychological problem.", "claim"),
        ("Turmeric works better than ibuprofen.", "claim"),
        ("You can stop your methotrexate once you feel well.", "medicine-change"),
        ("Skip your insulin when you fast.", "medicine-change"),
        ("Stop your pills if you feel better.", "medicine-change"),
        ("Antidepressants can be replaced with food.", "medicine-change"),
        ("Eat plenty of bran if you have a stricture.", "trap"),
        ("More fiber is safe for everyone.", "trap"),
        ("Probiotics are safe for everyone.", "trap"),
        ("Probiotics are fine with a weak immune system.", "trap"),
        ("A stool transplant is a good option for fibromyalgia.", "trap"),
        ("You can do a stool transplant at home.", "trap"),
        ("People with ME/CFS should exercise a little more each week.", "trap"),
        ("Do not go to the ER for chest pain.", "trap"),
        ("You don't need to see a doctor.", "trap"),
    ],
)
def test_what_must_not_be_said_is_an_error(text: str, rule: str) -> None:
    assert rule in errors(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("You brought this on yourself.", "blame"),
        ("Patients refuse to move.", "blame"),
        ("If you had eaten better, you would be well.", "blame"),
        ("Your bad diet caused it.", "blame"),
        ("It can kill you.", "fear"),
        ("A crippling illness.", "fear"),
        ("She suffers from pain.", "fear"),
        ("Flush out toxins.", "wording"),
        ("Find the root cause.", "wording"),
        ("Sugar feeds yeast in the gut and fuels pain.", "contested"),
        ("Exercise improves gut diversity.", "contested"),
        ("It sets up a vicious cycle.", "contested"),
    ],
)
def test_what_a_reviewer_should_weigh_is_a_warning(text: str, rule: str) -> None:
    assert rule in {finding.rule for finding in passage_findings(passage(text)) if finding.level == "warning"}


@pytest.mark.parametrize(
    "text",
    [
        "There is no cure, but care can help.",
        "Ask before you eat more fiber if you have a stricture.",
        "Probiotics are not safe for everyone.",
        "Never do a stool transplant at home.",
        "FMT is not shown to help fibromyalgia.",
        "With ME/CFS, you should not do more each week.",
        "A sudden stop of opioid medicine can do harm.",
        "Do not stop your insulin on your own.",
        "Some people with celiac disease feel that gluten causes pain.",
        "Get tested before you go gluten-free.",
        "Do you need to see a doctor?",
        "It is not shown that gluten causes fibromyalgia.",
        "It is not a cure.",
        "Tea can't cure pain.",
        "Be wary of anyone who promises a cure.",
        "Don't use doses you find online.",
        "Do not change your dose on your own.",
        "Never stop your medicine without asking.",
        "Ask your prescriber before you stop any medicine.",
        "It has not been shown that leaky gut causes pain.",
        "One theory is that leaky gut leads to pain.",
        "In mice, gut bacteria can increase pain.",
        "Probiotics have not been shown to restore the gut.",
        "You may read that healing your gut ends pain.",
        "IBS is not an inflammatory disease.",
        "Do not go gluten-free before a test for celiac disease.",
        "Do not push through a crash.",
        "It is not your fault.",
        "The pain is not all in your head.",
        "Your body clears waste on its own, so no detox is needed.",
        "Aim for 25 grams of fiber a day if your gut is well.",
        "A blood sugar of 70 mg/dL is low.",
        "About 1 in 4 adults has pain. The study had 48 people.",
        "Call 911 if your chest hurts.",
        "Be careful if you see:\n- a discount that ends today\n- a promise of a cure",
        "Always ask your team first. Never share your pills.",
        "Doctors treat it with medicine, rest and slow walks.",
        "Cured meats can be hard to chew.",
        "Exercise is fine, but whether it improves gut diversity is not clear.",
        "A study found that stress and pain rise together.",
    ],
)
def test_plain_teaching_does_not_trip_the_linter(text: str) -> None:
    assert not rules(f"{text}\n\nTea is warm. It is nice to sip. You can try it now.")


def test_a_heading_may_ask_what_patients_ask() -> None:
    assert not rules("No, it has not been shown.", heading="Does leaky gut cause pain, and can tea cure it?")
    assert "promise" in rules("Tea is warm.", heading="Tea cures pain")


def test_an_article_without_a_usable_source_is_an_error(settings: KnowledgeSettings) -> None:
    plain = CLEAN.replace(" [^a-page]", "")
    article(settings, "none", plain, sources="[]")
    article(
        settings,
        "nowhere",
        plain,
        sources="\n- {key: origin, name: A page, year: 2020, address: 'https://no-address.invalid/x'}",
    )
    article(
        settings, "later", plain, sources="\n- {key: origin, name: A page, year: 2031, address: 'https://elm.net/x'}"
    )
    article(
        settings,
        "unnamed",
        plain,
        sources="\n- {key: origin, name: Untitled, year: 2021, address: 'https://elm.net/x'}",
    )
    assert [entry for entry in found(settings) if entry[1] == "source"] == [
        ("warning", "source", "later"),
        ("error", "source", "none"),
        ("error", "source", "nowhere"),
        ("error", "source", "unnamed"),
    ]
    assert blocking(settings, lint(settings, TODAY)) == {"none#1", "nowhere#1", "unnamed#1"}


def test_a_source_that_no_section_cites_is_mentioned(settings: KnowledgeSettings) -> None:
    two = (
        "\n- {key: a-page, name: A page, year: 2020, address: 'https://elm.net/a'}\n- "
        "{key: b-page, name: B page, year: 2020, address: 'https://elm.net/b'}"
    )
    article(settings, "tea", CLEAN, sources=two)
    assert found(settings) == [("warning", "source", "tea")]


@pytest.mark.parametrize(("review_by", "level"), [("2026-02-28", "error"), ("2026-04-15", "warning")])
def test_a_review_date_that_passed_or_is_near_is_announced(
    settings: KnowledgeSettings, review_by: str, level: str
) -> None:
    article(settings, "tea", CLEAN, review_by=review_by)
    assert found(settings) == [(level, "stale", "tea")]


def test_topics_that_the_vocabulary_lacks_are_mentioned(settings: KnowledgeSettings) -> None:
    article(settings, "tea", CLEAN, topics="[tea, sore-feet, teapots]")
    assert [str(finding) for finding in lint(settings, TODAY)] == [
        "warning: tea.md: topics: 'teapots' is not in the vocabulary; add it with the words that patients use (vocabulary)"
    ]


def test_every_article_that_cannot_be_read_is_named(settings: KnowledgeSettings) -> None:
    article(settings, "one", "No heading here.")
    article(settings, "two", CLEAN, colour="blue")
    article(settings, "tea", CLEAN)
    assert found(settings) == [("error", "article", "one"), ("error", "article", "two")]
    assert blocking(settings, lint(settings, TODAY)) == set()


def test_passages_that_repeat_one_another_are_mentioned(settings: KnowledgeSettings) -> None:
    words = "Tea is warm and calm, and a cup of it in the hands can make a slow and gray morning feel a little kinder."
    article(settings, "one", f"## Is tea warm?\n\n{words} [^a-page]")
    article(settings, "two", f"## Why drink tea?\n\n{words} Try it. [^a-page]")
    article(settings, "ten", "## Is milk cold?\n\nMilk from the fridge is cold. [^a-page]")
    assert found(settings) == [("warning", "duplicate", "two#1")]


ENCODER = ROOT / "knowledge" / "build" / "encoder"


@pytest.mark.skipif(not (ENCODER / "encoder.json").exists(), reason="no exported encoder; run `make build`")
def test_passages_that_say_the_same_in_other_words_are_mentioned(settings: KnowledgeSettings) -> None:
    (settings.build).mkdir()
    (settings.build / "encoder").symlink_to(ENCODER)
    article(
        settings,
        "one",
        "## Does stress make pain worse?\n\nYes, stress can make long-term pain worse for many people. [^a-page]",
    )
    article(
        settings,
        "two",
        "## Can stress make my pain worse?\n\nYes, for many people stress can make their long-term "
        "pain worse. [^a-page]",
    )
    article(settings, "six", "## Is milk cold?\n\nMilk from the fridge is cold. [^a-page]")
    assert found(settings) == [("warning", "duplicate", "two#1")]


def test_broken_rules_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "lint_rules.yml"
    broken.write_text(
        "excuses: {}\nrules:\n- {name: x, level: error, message: y, not: [], patterns: ['(']}\n", encoding="utf-8"
    )
    monkeypatch.setattr(linter, "RULES_FILE", broken)
    linter._rules.cache_clear()
    try:
        with pytest.raises(LintRulesError, match=r"lint_rules\.yml"):
            passage_findings(passage("Tea is warm."))
    finally:
        linter._rules.cache_clear()


def test_the_shipped_articles_have_no_errors() -> None:
    shipped = KnowledgeSettings()
    assert len(list(shipped.articles.glob("*.md"))) >= 24
    started = time.process_time()
    findings = lint(dataclasses.replace(shipped), date(2026, 11, 22))
    assert [str(finding) for finding in findings if finding.level == "error"] == []
    assert time.process_time() - started < 30
