"""`python -m knowledge.content_report`: how hard the articles are to read, how long they are, and what they cover.

Writes a picture and a page around it, which need nothing from the network, to `var/reports/`.
"""

from __future__ import annotations

import base64
import html
import io
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from knowledge.builder import read_passages
from knowledge.errors import KnowledgeError
from knowledge.linter import MAX_GRADE, readability
from knowledge.models import Passage
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.splitter import MAX_WORDS

REPORTS = ROOT / "var" / "reports"
MEDIAN_GOAL = 6.5
HARDEST = 15
BLUE, RED, GREY = "#2f6f8f", "#b3452f", "#8a8f94"


@dataclass(frozen=True, slots=True)
class Measured:
    """A passage and its measures."""

    passage: Passage
    grade: float
    smog: float
    words: int


@dataclass(frozen=True, slots=True)
class ContentReport:
    """The measures of all passages."""

    passages: tuple[Measured, ...]

    @property
    def median_grade(self) -> float:
        """Median Flesch-Kincaid grade; 0 without passages."""
        return median(m.grade for m in self.passages) if self.passages else 0.0

    @property
    def over_grade(self) -> list[Measured]:
        """Passages harder than the limit, hardest first."""
        return sorted((m for m in self.passages if m.grade > MAX_GRADE), key=lambda m: -m.grade)

    @property
    def too_long(self) -> list[Measured]:
        """Passages longer than the limit."""
        return [m for m in self.passages if m.words > MAX_WORDS]

    @property
    def topics(self) -> dict[str, int]:
        """How many passages each topic has, most first."""
        counts = Counter(topic for m in self.passages for topic in m.passage.topics or ("(none)",))
        return dict(counts.most_common())

    @property
    def summary(self) -> str:
        """One line for the terminal and the page."""
        articles = len({m.passage.article for m in self.passages})
        return (
            f"{articles} articles, {len(self.passages)} passages, median grade {self.median_grade:.1f} "
            f"(goal {MEDIAN_GOAL} or lower), {len(self.over_grade)} over grade {MAX_GRADE:.0f}, "
            f"{len(self.too_long)} over {MAX_WORDS} words, {len(self.topics)} topics"
        )


def measure(passages: Sequence[Passage]) -> ContentReport:
    """Measure every passage: Flesch-Kincaid and SMOG grade, and words."""
    measured = []
    for passage in passages:
        found = readability(passage.text)
        measured.append(Measured(passage, found.grade, found.smog, found.words))
    return ContentReport(tuple(measured))


def draw(report: ContentReport) -> bytes:
    """The distribution of grades and words, and the passages of each topic, as a PNG."""
    topics = report.topics
    figure = Figure(figsize=(11, 4.2 + 0.24 * len(topics)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=[3.6, max(1.0, 0.26 * len(topics))])
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _histogram(left, [m.grade for m in report.passages], MAX_GRADE, "Reading grade (Flesch-Kincaid)", 0.5)
    left.axvline(report.median_grade, color=BLUE, linestyle="--", label=f"median {report.median_grade:.1f}")
    left.legend(frameon=False)
    _histogram(right, [float(m.words) for m in report.passages], MAX_WORDS, "Words in a passage", 10)
    right.legend(frameon=False)
    bars = figure.add_subplot(grid[1, :])
    names = list(topics)[::-1]
    bars.barh(names, [topics[name] for name in names], color=BLUE)
    bars.set_title("Passages of each topic", loc="left")
    bars.tick_params(axis="y", labelsize=8)
    for side in ("top", "right"):
        bars.spines[side].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _histogram(axes: Axes, values: list[float], limit: float, title: str, step: float) -> None:
    last = max([*values, limit]) + step
    edges = [step * i for i in range(int(last / step) + 2)]
    axes.hist([v for v in values if v <= limit], bins=edges, color=GREY)
    axes.hist([v for v in values if v > limit], bins=edges, color=RED)
    axes.axvline(limit, color=RED, label=f"limit {limit:g}")
    axes.set_title(title, loc="left")
    axes.set_ylabel("passages")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def as_page(report: ContentReport, picture: bytes) -> str:
    """The report as one HTML page with its picture inside."""
    hardest = sorted(report.passages, key=lambda m: -m.grade)[:HARDEST]
    rows = "".join(
        f"<tr><td>{html.escape(m.passage.id)}</td><td>{html.escape(m.passage.heading)}</td>"
        f"<td>{m.grade:.1f}</td><td>{m.smog:.1f}</td><td>{m.words}</td></tr>"
        for m in hardest
    )
    image = base64.b64encode(picture).decode("ascii")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Content report</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "img{max-width:100%}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0}"
        "</style></head>"
        f"<body><h1>Content report</h1><p>{html.escape(report.summary)}</p>"
        '<img alt="Histograms of reading grade and length, and the number of passages of each topic" '
        f'src="data:image/png;base64,{image}">'
        "<h2>The hardest passages</h2><table><thead><tr><th>Passage</th><th>Heading</th><th>Grade</th><th>SMOG</th>"
        f"<th>Words</th></tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )


def write_report(settings: KnowledgeSettings, folder: Path = REPORTS) -> ContentReport:
    """Measure the articles and write `content.html` and `content.png`.

    Raises:
        KnowledgeError: If an article cannot be used.
    """
    report = measure(read_passages(settings))
    picture = draw(report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "content.png").write_bytes(picture)
    (folder / "content.html").write_text(as_page(report, picture), encoding="utf-8")
    return report


def main(environ: Mapping[str, str], folder: Path = REPORTS) -> int:
    """Write the report and say what is in it. Returns 1 after an error."""
    try:
        report = write_report(KnowledgeSettings.from_env(environ), folder)
    except KnowledgeError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{report.summary}\n{folder / 'content.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
