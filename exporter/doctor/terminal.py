"""The report on a terminal, in colours, and a progress bar before it. It imports rich, which takes a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from exporter.doctor.checks import Outcome
from exporter.doctor.report import MARKS, NAME_WIDTH, Report, ReportProgress, conclusion, sections

_STYLES = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "dim",
}


def print_report(report: Report) -> None:
    console = Console(highlight=False)
    for heading, rows in sections(report):
        if heading:
            console.print(Text(heading, "bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(width=NAME_WIDTH)
        table.add_column(overflow="fold")
        for outcome, name, text in rows:
            style = _STYLES[Outcome.SKIPPED] if outcome is Outcome.SKIPPED else ""
            mark = Text(MARKS[outcome], _STYLES[outcome]) if outcome else ""
            table.add_row(mark, Text(name, style), Text(text, style))
        console.print(table)
        console.print()
    console.print(Text(conclusion(report), _STYLES[Outcome.OK if report.ok else Outcome.FAILED]))


@contextmanager
def progress_bar(workspaces: int) -> Iterator[ReportProgress]:
    """Draw a bar on standard error until the block is left; yield what is to be called with progress."""
    bar = Progress(
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=workspaces)

        def report_progress(workspace: str, words: str) -> None:
            if words:
                bar.update(task, description=escape(f"{workspace}: {words}"))
            else:
                bar.advance(task)

        yield report_progress
