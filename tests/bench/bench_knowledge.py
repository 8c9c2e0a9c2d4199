"""Imports, approves and builds 1,000 made-up articles, then edits one and builds again: time and memory of each step.

The articles are shuffled from the sentences of ours, so that no two passages are alike. Each step is the command that a
clinic would run, in a process of its own. `python -m tests.bench.bench_knowledge [number of articles]`
"""

from __future__ import annotations

import html
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from knowledge.builder import read_passages
from knowledge.models import Passage
from knowledge.settings import ROOT, KnowledgeSettings

SECTIONS = 5
SEED = 7


@dataclass(frozen=True, slots=True)
class Step:
    """What one command took. `peak` is the process's largest resident memory in MB."""

    name: str
    seconds: float
    cpu: float
    peak: float
    said: str


def main(count: int = 1_000) -> int:
    """Run the steps and print a table."""
    shipped = KnowledgeSettings()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        pages = base / "pages"
        pages.mkdir()
        write_pages(pages, read_passages(shipped), count)
        environment = environment_of(base, shipped)
        steps = [
            run(f"import {count}", ["import", str(pages)], environment),
            run("check", ["check"], environment),
            run("approve all as sample", ["review", "--sample"], environment),
            run("first build", ["build"], environment),
            run("build again", ["build"], environment),
        ]
        page = sorted(pages.glob("*.html"))[0]
        page.write_text(
            page.read_text("utf-8").replace("<p>", "<p>Here is a sentence that was not there before. ", 1), "utf-8"
        )
        steps += [
            run("import the edited one", ["import", str(page)], environment),
            run("approve it", ["review", "--sample"], environment),
            run("build after one edit", ["build"], environment),
            run("answer a question", ["ask", "does stress make my gut worse?"], environment),
        ]
    print(
        f"{count} articles, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    )
    print(f"{'':24}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}")
    for step in steps:
        print(f"{step.name:24}{step.seconds:9.1f}{step.cpu:9.1f}{step.peak:9.0f}  {step.said}")
    return 0


def environment_of(base: Path, shipped: KnowledgeSettings) -> dict[str, str]:
    """A knowledge base of its own, with the exported encoder that is there already."""
    (base / "articles").mkdir()
    (base / "build").mkdir()
    (base / "build" / "encoder").symlink_to(shipped.encoder, target_is_directory=True)
    paths = {"ARTICLES": base / "articles", "APPROVALS": base / "approvals.jsonl", "BUILD": base / "build"}
    return {**os.environ, **{f"VAGUS_{name}": str(path) for name, path in paths.items()}}


def write_pages(folder: Path, ours: list[Passage], count: int) -> None:
    """Half saved web pages, half Markdown; each section takes its heading and its sentences from several of ours."""
    dice = random.Random(SEED)
    sentences = [line for passage in ours for line in passage.text.splitlines() if len(line.split()) > 5]
    for number in range(count):
        address = dice.choice(ours).sources[0].address
        title = f"Page {number}: {dice.choice(ours).title}"
        sections = {dice.choice(ours).heading: dice.sample(sentences, 4) for _ in range(SECTIONS)}
        if number % 2:
            body = "\n\n".join(f"## {heading}\n\n" + "\n\n".join(text) for heading, text in sections.items())
            text = f'---\ntitle: "{title}"\ncanonical_url: {address}?page={number}\n---\n\n{body}\n'
            (folder / f"page-{number:04}.md").write_text(text, encoding="utf-8")
        else:
            body = "".join(
                f"<h2>{html.escape(heading)}</h2>" + "".join(f"<p>{html.escape(line)}</p>" for line in text)
                for heading, text in sections.items()
            )
            page = (
                f'<html><head><title>{html.escape(title)}</title><link rel="canonical" href="{address}?page={number}">'
                f"</head><body><nav>Home About Contact</nav><article><h1>{html.escape(title)}</h1>{body}</article>"
                "<footer>All rights reserved</footer></body></html>"
            )
            (folder / f"page-{number:04}.html").write_text(page, encoding="utf-8")


def run(name: str, arguments: list[str], environment: dict[str, str]) -> Step:
    """Run one `python -m knowledge` command, and say what it took."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "knowledge", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0  # it was waited for above
        out.seek(0)
        said = [line for line in out.read().splitlines() if line.strip()]
    seconds = time.perf_counter() - started
    return Step(name, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, _summary(said))


def _summary(said: list[str]) -> str:
    """The line that counts: what a build embedded, else the last one."""
    return next((line for line in said if "newly embedded" in line), said[-1] if said else "")[:100]


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
