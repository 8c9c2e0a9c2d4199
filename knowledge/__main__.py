"""The knowledge base from the command line: `python -m knowledge import | check | review | build | search | ask | rollback`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from knowledge.clinic import load_clinic
from knowledge.errors import KnowledgeError
from knowledge.models import Answer, Refusal
from knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from knowledge.answering import AnswerService
    from knowledge.importer import ImportResult


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 after an error or, for `check` and `ask`, when there is something to say no to."""
    options = _parser().parse_args(arguments)
    settings = KnowledgeSettings.from_env(os.environ)
    try:
        result: int = options.run(options, settings)
        sys.stdout.flush()
    except KnowledgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output, such as `head`, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m knowledge", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    importing = command("import", _import, "turn saved pages and documents into article drafts that wait for review")
    importing.add_argument(
        "paths", nargs="+", type=Path, help="HTML, Markdown, text, DOCX or PDF files, or folders of them"
    )
    importing.add_argument("--address", help="web address the document was saved from (one file only)")
    importing.add_argument("--dropped", action="store_true", help="list every line that was left out")
    checking = command("check", _check, "lint the articles and say where each passage stands")
    checking.add_argument("--json", action="store_true", help="one JSON object a finding")
    reviewing = command("review", _review, "walk through the passages that wait for a reviewer's decision")
    reviewing.add_argument(
        "names", nargs="*", help="passages or articles to decide on again, whatever was decided before; all that waits"
    )
    reviewing.add_argument("--reviewer", help="the reviewer's name")
    reviewing.add_argument("--credential", help="such as MD or RN")
    reviewing.add_argument(
        "--sample", action="store_true", help="approve all that waits as sample content (demo mode only)"
    )
    reviewing.add_argument("--list", action="store_true", help="only list what waits")
    building = command("build", _build, "build the index from what is approved and let it serve")
    building.add_argument("--encoder", action="store_true", help="only export the sentence encoder")
    command("rollback", _rollback, "let the index before the current one serve again")
    searching = command("search", _search, "show the passages nearest to a question, with their scores")
    searching.add_argument("question")
    searching.add_argument("--limit", type=int, default=5)
    asking = command("ask", _ask, "answer a question as a patient would see it, without Rasa")
    asking.add_argument("question", nargs="?")
    asking.add_argument("--json", action="store_true", help="print the Answer as JSON")
    asking.add_argument("--jsonl", action="store_true", help="read {text, previous} lines, write one answer a line")
    return parser


def _import(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.importer import import_document, importable

    paths = importable(options.paths)
    if options.address and len(paths) > 1:
        raise KnowledgeError(
            "import: --address: given with several files. Import the page that it belongs to by itself."
        )
    today = _today(settings)
    failures: list[str] = []
    taken: dict[Path, Path] = {}
    with _progress() as bar:
        task = bar.add_task("Importing", total=len(paths))
        for path in paths:
            try:
                result = import_document(path, settings.articles, address=options.address, today=today, taken=taken)
            except KnowledgeError as error:
                failures.append(f"error: {error}")
            else:
                _print_beside(bar, _import_report(result, every_line=options.dropped))
            bar.advance(task)
    for failure in failures:
        print(failure, file=sys.stderr)
    done = len(paths) - len(failures)
    print(f"{done} imported, {len(failures)} failed. Next: `python -m knowledge check`, then `review`.")
    return 1 if failures else 0


def _import_report(result: ImportResult, *, every_line: bool) -> str:
    left_out = f" ({len(result.dropped)} left out: menus, forms, offers)" if result.dropped else ""
    lines = [f"{result.status}: {result.article}{left_out}"]
    lines += [f"  left out: {line}" for line in result.dropped if every_line]
    return "\n".join([*lines, *([result.diff] if result.diff else [])])


def _check(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.builder import read_standings
    from knowledge.linter import lint
    from knowledge.vetting import expiring

    today = _today(settings)
    findings = lint(settings, today)
    for finding in findings:
        print(json.dumps(finding.as_json()) if options.json else finding)
    found = read_standings(settings, today)
    for standing in found:
        if standing.status != "approved":
            print(
                f"{standing.status}: {standing.passage.id} {standing.passage.heading!r} is not served until it is approved"
            )
    for standing in expiring(found, today):
        if standing.approval:
            print(f"expires {standing.approval.expires}: {standing.passage.id} needs a new review")
    counts = Counter(standing.status for standing in found)
    errors = sum(finding.level == "error" for finding in findings)
    print(
        f"{len(found)} passages: "
        + ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        + f"; {errors} errors, {len(findings) - errors} warnings"
    )
    return 1 if errors or counts["approved"] < len(found) else 0


def _review(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.builder import read_standings
    from knowledge.linter import blocking, lint
    from knowledge.reviewing import SAMPLE_REVIEWER, Reviewer, approved_wordings, decide, named, queue, walk
    from knowledge.vetting import Ledger

    reviewer = Reviewer(SAMPLE_REVIEWER, "", sample=True) if options.sample else None
    if reviewer and load_clinic(settings.clinic).content_mode == "live":
        raise KnowledgeError("review: --sample: does not count in live mode. Name the clinician: --reviewer 'A. Name'.")
    if not reviewer and not options.list:
        reviewer = Reviewer(_given(options, "reviewer", "A. Name"), _given(options, "credential", "MD"))
    now, today = datetime.now(UTC), _today(settings)
    ledger = Ledger(settings.approvals)
    found = read_standings(settings, today)
    findings = lint(settings, today)
    blocked = blocking(settings, findings)
    clinician = bool(options.reviewer) and not options.sample
    chosen = named(found, options.names) if options.names else queue(found, today, clinician=clinician)
    if not reviewer:
        for standing in chosen:
            mend = " (cannot be approved before its errors are mended)" if standing.passage.id in blocked else ""
            print(f"{standing.status}: {standing.passage.id} {standing.passage.heading}{mend}")
        return 0
    free = [standing for standing in chosen if standing.passage.id not in blocked]
    for slug, count in Counter(s.passage.article for s in chosen if s.passage.id in blocked).items():
        print(f"{slug}: {count} passages cannot be approved before their errors are mended; see `check`")
    if reviewer.sample:
        note = "Shipped sample: lets the demo answer. Not a clinical review."
        made = ledger.append(decide(s.passage, "approved", reviewer, note=note, now=now) for s in free)
    else:
        made = walk(
            chosen if options.names else free,
            ledger,
            reviewer,
            ask=input,
            show=print,
            approved_words=approved_wordings(settings),
            findings=findings,
            blocked=blocked,
            now=now,
        )
    print(f"{made} decisions recorded. Next: `python -m knowledge build`.")
    return 0


def _given(options: argparse.Namespace, name: str, example: str) -> str:
    value = str(getattr(options, name) or "").strip()
    if not value:
        raise KnowledgeError(f"review: --{name}: missing. Name the clinician who decides: --{name} {example!r}.")
    return value


def _build(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.builder import build, export
    from knowledge.vetting import expiring

    if options.encoder:
        export(settings)
        return 0
    today = _today(settings)
    with _progress() as bar:
        task = bar.add_task("Embedding", total=None)
        report = build(settings, today, progress=lambda done, total: bar.update(task, completed=done, total=total))
    out = Counter(standing.status for standing in report.standings if standing.status != "approved")
    print(
        f"index {report.name[:12]}: {report.passages} passages, {report.phrases} phrasings, {report.embedded} newly embedded"
    )
    if out:
        print(
            "not served: " + ", ".join(f"{count} {status}" for status, count in sorted(out.items())) + "; see `check`"
        )
    soon = expiring(report.standings, today)
    if soon:
        first = min(standing.approval.expires for standing in soon if standing.approval)
        print(f"{len(soon)} approvals run out within 60 days, the first on {first}; see `check`")
    if not report.passages:
        mode = load_clinic(settings.clinic).content_mode
        print(f"warning: no approved passage in {mode} mode, so nothing clinical will be answered", file=sys.stderr)
    return 0


def _rollback(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.builder import rollback

    del options
    print(f"index {rollback(settings)[:12]} serves again; the running assistant follows by itself")
    return 0


def _search(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.answering import AnswerService

    for hit in AnswerService.open(settings).search(options.question, limit=options.limit):
        print(f"{hit.score:.3f}  {hit.passage.id:32}  {hit.passage.heading}")
    return 0


def _ask(options: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.answering import AnswerService, answer_as_json, refusal_as_json

    service = AnswerService.open(settings)
    if options.jsonl:
        return _ask_lines(service, sys.stdin, sys.stdout)
    if not options.question:
        raise KnowledgeError('ask: question: missing. Write it in quotes: python -m knowledge ask "what is leaky gut?"')
    outcome = service.ask(options.question)
    if options.json:
        as_json = answer_as_json(outcome) if isinstance(outcome, Answer) else refusal_as_json(outcome)
        print(json.dumps(as_json, ensure_ascii=False, indent=2))
    else:
        _print_outcome(outcome)
    return 0 if isinstance(outcome, Answer) else 1


def _ask_lines(service: AnswerService, lines: TextIO, out: TextIO) -> int:
    from knowledge.answering import answer_as_json, refusal_as_json

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            text, previous = str(asked["text"]), [str(turn) for turn in asked.get("previous") or []]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KnowledgeError(
                f'ask: line {number}: not {{"text": ..., "previous": [...]}}. Mend the line.'
            ) from error
        outcome = service.ask(text, previous=previous)
        as_json = answer_as_json(outcome) if isinstance(outcome, Answer) else refusal_as_json(outcome)
        out.write(json.dumps(as_json, ensure_ascii=False) + "\n")
        out.flush()
    return 0


def _print_outcome(outcome: Answer | Refusal) -> None:
    if isinstance(outcome, Refusal):
        print("No approved passage answers that.")
        for suggestion in outcome.nearest:
            print(f"  Near by: {suggestion.question}")
        return
    if outcome.notice:
        print(outcome.notice + "\n")
    for vetted in outcome.passages:
        passage, approval = vetted.passage, vetted.approval
        print(f"{passage.heading}\n\n{passage.text}\n")
        print("Source: " + "; ".join(f"{s.name} ({s.year}), {s.address}" for s in passage.sources))
        print(f"Reviewed: {approval.reviewer} {approval.credential}, {approval.at.date()}\n")
    print(outcome.disclaimer)
    for suggestion in outcome.related:
        print(f"  Related: {suggestion.question}")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def _print_beside(bar: Progress, text: str) -> None:
    """Print above the bar on a terminal, and plainly where the output goes elsewhere."""
    if bar.console.is_terminal and sys.stdout.isatty():
        bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        print(text)


def _today(settings: KnowledgeSettings) -> date:
    return datetime.now(load_clinic(settings.clinic).zone).date()


if __name__ == "__main__":
    sys.exit(main())
