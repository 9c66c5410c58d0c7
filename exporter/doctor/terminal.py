"""The report on a terminal, in colours, and how far the examination is meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from exporter.doctor.examination import Tell
from exporter.doctor.finding import Outcome
from exporter.doctor.report import Report
from exporter.doctor.text import MARKS, NAME_WIDTH, Row, conclusion, sections

_STYLES = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "dim",
}


def show(report: Report) -> None:
    """Print the report on standard output."""
    console = Console(highlight=False)
    for section in sections(report):
        if section.heading:
            console.print(Text(section.heading, "bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(width=NAME_WIDTH)
        table.add_column(overflow="fold")
        for row in section.rows:
            table.add_row(*_cells(row))
        console.print(table)
        console.print()
    console.print(Text(conclusion(report), _STYLES[Outcome.OK if report.ok else Outcome.FAILED]))


@contextmanager
def progress(workspaces: int) -> Iterator[Tell]:
    """Show on standard error how far the examination is, and leave nothing of it behind."""
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

        def tell(workspace: str, words: str) -> None:
            if words:
                bar.update(task, description=escape(f"{workspace}: {words}"))
            else:
                bar.advance(task)

        yield tell


def _cells(row: Row) -> tuple[Text, Text, Text]:
    style = _STYLES[row.outcome] if row.outcome else ""
    quiet = "" if row.outcome is not Outcome.SKIPPED else style
    mark = MARKS[row.outcome] if row.outcome else ""
    return Text(mark, style), Text(row.name, quiet), Text(row.words, quiet)
