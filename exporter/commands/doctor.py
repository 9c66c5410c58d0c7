"""``doctor``: tries each workspace and says what is wrong and what to do."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from exporter.clock import SystemClock
from exporter.commands.common import Command, Common, common_flags, only
from exporter.config.problems import ConfigError
from exporter.doctor.report import (
    Report,
    ReportProgress,
    as_json,
    as_text,
    check_workspaces,
    invalid_configuration,
    print_report,
    valid_configuration,
)
from exporter.event_loop import run_interruptibly


@click.command(cls=Command)
@common_flags
@click.option(
    "--format", type=click.Choice(("text", "json")), default="text", help="Output format: for people or for programs."
)
@click.option(
    "--workspace",
    metavar="NAME",
    multiple=True,
    help="Only try this workspace. Repeatable.  [default: all]",
)
@click.pass_obj
@click.pass_context
def doctor(
    context: click.Context,
    common: Common,
    *,
    format: str,  # noqa: A002 - as the flag is called
    workspace: Sequence[str],
) -> None:
    """Try each workspace, and report what is wrong and what to do.

    Polls each workspace once, as the exporter does, and reports step by step: address, TLS, token, permission,
    pages, speed. The exit status is 1 if a workspace cannot be polled.
    """
    common.set_up_logs("error")
    report = run_interruptibly(_check(common, workspace))
    if format == "json":
        click.echo(as_json(report), nl=False)
    elif sys.stdout.isatty():
        print_report(report, Console(highlight=False))
    else:
        click.echo(as_text(report, sys.stdout.encoding), nl=False)
    context.exit(0 if report.ok else 1)


async def _check(common: Common, names: Sequence[str]) -> Report:
    try:
        async with common.configuration() as config:
            chosen = only(config, names)
            with _progress(len(chosen.workspaces)) as report_progress:
                workspaces = await check_workspaces(
                    chosen,
                    report_progress,
                    clock=SystemClock(),
                    random=Random(),  # noqa: S311 - spreads retries, keeps no secret
                )
    except ConfigError as error:
        return Report(invalid_configuration(common.source, error))
    source = "the demo" if common.demo else str(common.source)
    return Report(valid_configuration(source, config), workspaces)


@contextmanager
def _progress(workspaces: int) -> Iterator[ReportProgress]:
    """Draw a progress bar on standard error, if it is a terminal, until the block is left."""
    if not sys.stderr.isatty():
        yield lambda _workspace, _words: None
        return
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
