"""The HTML report of `tests.golden.evaluate`: one file, no address in it, plots as inline SVG."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tests.golden.evaluate import BINS, Evaluation, by_style, reliability

mpl.rcParams["svg.hashsalt"] = "vagus"  # same figures, same bytes

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
pre { font-size: 13px; background: #f4f6f8; padding: 1rem; overflow-x: auto; white-space: pre-wrap }
figure { margin: 0 0 1rem } svg { max-width: 100%; height: auto } .plots { display: flex; flex-wrap: wrap; gap: 1rem }
"""
LABELS = {"answerable": "answerable", "off-topic-medical": "off-topic medical", "off-topic-other": "off-topic other"}


def write_report(path: Path, evaluation: Evaluation, tables: Sequence[str], misses: Sequence[str], note: str) -> None:
    """Write the report.

    Args:
        path: Where to.
        evaluation: What was measured.
        tables: The printed tables.
        misses: One text a miss.
        note: Said in place of the misses when there are none to show.
    """
    plots = (
        ("Reliability: how often the best passage answers, by the probability given", reliability_plot(evaluation)),
        ("Probabilities given, by kind of question", probability_plot(evaluation)),
        ("Top-1 and served right, by style (answerable)", style_plot(evaluation)),
    )
    title = f"Retrieval, {evaluation.split} split"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>"
        + "".join(f"<pre>{html.escape(text)}</pre>" for text in tables[:1])
        + '<div class="plots">'
        + "".join(f"<figure>{_svg(plot)}<figcaption>{caption}</figcaption></figure>" for caption, plot in plots)
        + "</div>"
        + "".join(f"<pre>{html.escape(text)}</pre>" for text in tables[1:])
        + f"<h2>Misses</h2><pre>{html.escape(chr(10).join(misses) or note)}</pre></html>\n",
        encoding="utf-8",
    )


def reliability_plot(evaluation: Evaluation) -> Figure:
    single = [one for name in LABELS for one in evaluation.asked[name]]
    bins = reliability([one.probability for one in single], [one.came_true for one in single])
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999", linestyle="--", linewidth=1)
    axes.plot([b.promised for b in bins], [b.true for b in bins], marker="o", color="#0b6e99")
    for b in bins:
        axes.annotate(str(b.count), (b.promised, b.true), textcoords="offset points", xytext=(6, -10), fontsize=8)
    axes.set(xlabel="probability given", ylabel="came true", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"ECE {evaluation.figures['ece']:.1f} points; numbers are questions", fontsize=9)
    return figure


def probability_plot(evaluation: Evaluation) -> Figure:
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    edges = np.linspace(0, 1, 2 * BINS + 1)
    for name, label in LABELS.items():
        values = [one.probability for one in evaluation.asked[name]]
        axes.hist(values, bins=edges.tolist(), weights=[1 / len(values)] * len(values), histtype="step", label=label)
    axes.set(xlabel="probability given", ylabel="share of questions")
    axes.legend(fontsize=8)
    return figure


def style_plot(evaluation: Evaluation) -> Figure:
    styles = by_style(evaluation.asked["answerable"])[::-1]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(styles))
    first = [100 * float(np.mean([one.first_is_right for one in every])) for _, every in styles]
    right = [100 * float(np.mean([one.right for one in every])) for _, every in styles]
    axes.barh(rows + 0.2, first, height=0.4, label="top-1", color="#0b6e99")
    axes.barh(rows - 0.2, right, height=0.4, label="served right", color="#8cc5dd")
    axes.set_yticks(rows, [f"{style} ({len(every)})" for style, every in styles], fontsize=8)
    axes.set(xlim=(0, 100))
    axes.legend(fontsize=8, loc="lower left")
    return figure


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
