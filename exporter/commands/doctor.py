"""``doctor``: tries each workspace and says what is wrong and what to do."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from itertools import chain
from random import Random
from typing import NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter import __version__
from exporter.clock import SystemClock
from exporter.commands.common import Command, Common, common_flags, demo_flag
from exporter.commands.once import configuration, only, progress
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.doctor.checks import CHECKS, CHECKS_OF_A_FLEET, Outcome, Result, check
from exporter.doctor.recording import Recording, record
from exporter.event_loop import run_until_signalled
from exporter.once.collecting import Watch

_AT_ONCE = 8  # workspaces

_MARKS = {Outcome.OK: "✓", Outcome.WARNING: "!", Outcome.FAILED: "✗", Outcome.SKIPPED: "-"}
_STYLES = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "bold red", Outcome.SKIPPED: "dim"}
_NAME_WIDTH = max(map(len, (*CHECKS, *CHECKS_OF_A_FLEET)))
_UNLIMITED = 100_000  # columns
_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">"})


class WorkspaceReport(NamedTuple):
    """The results about one workspace, by the name of the check."""

    name: str
    address: str
    results: dict[str, Result]

    @property
    def ok(self) -> bool:
        return all(result.outcome is not Outcome.FAILED for result in self.results.values())


@dataclass(frozen=True, slots=True)
class Report:
    configuration: Result
    workspaces: tuple[WorkspaceReport, ...] = ()

    @property
    def results(self) -> list[Result]:
        return [self.configuration, *chain(*(workspace.results.values() for workspace in self.workspaces))]

    @property
    def ok(self) -> bool:
        return all(result.outcome is not Outcome.FAILED for result in self.results)


@click.command(cls=Command)
@common_flags
@demo_flag
@click.option(
    "--format", type=click.Choice(("text", "json")), default="text", help="Output format: for people or for programs."
)
@click.option("--workspace", metavar="NAME", multiple=True, help="Only try this workspace. Repeatable.  [default: all]")
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
    report = run_until_signalled(_check(common, workspace))
    if format == "json":
        click.echo(as_json(report), nl=False)
    elif sys.stdout.isatty():
        _print_report(report, Console(highlight=False))
    else:
        click.echo(as_text(report, sys.stdout.encoding), nl=False)
    context.exit(0 if report.ok else 1)


async def _check(common: Common, names: Sequence[str]) -> Report:
    try:
        async with configuration(common) as config:
            chosen = only(config, names)
            with progress() as watch:
                workspaces = await _check_workspaces(chosen, watch)
    except ConfigError as error:
        remedy = "correct these problems; --config.check checks the file without polling"
        problems = tuple(map(str, error.problems))
        return Report(Result(Outcome.FAILED, f"{common.source} cannot be used", remedy, problems))
    outcome = Outcome.WARNING if config.warnings else Outcome.OK
    count = len(config.workspaces)
    seen = f"{'the demo' if common.demo else common.source}: {count} workspace{'' if count == 1 else 's'}"
    return Report(Result(outcome, seen, details=config.warnings), workspaces)


async def _check_workspaces(config: ValidatedConfig, watch: Watch) -> tuple[WorkspaceReport, ...]:
    """Poll every workspace once, several at a time; return reports in the order of the configuration."""
    slots = asyncio.Semaphore(_AT_ONCE)
    with ThreadPoolExecutor(1) as executor:

        async def check_workspace(workspace: Workspace) -> WorkspaceReport:
            on_page = partial(watch, workspace.name)
            random = Random()  # noqa: S311 - spreads retries, keeps no secret
            async with slots:
                return report_of(
                    await record(
                        workspace, config.metrics, on_page, clock=SystemClock(), random=random, executor=executor
                    )
                )

        return tuple(await asyncio.gather(*map(check_workspace, config.workspaces)))


def report_of(recording: Recording) -> WorkspaceReport:
    return WorkspaceReport(recording.workspace.name, recording.workspace.base_url, check(recording))


def as_json(report: Report) -> bytes:
    workspaces = [
        {
            "workspace": workspace.name,
            "address": workspace.address,
            "ok": workspace.ok,
            "steps": [{"step": name, **asdict(result)} for name, result in workspace.results.items()],
        }
        for workspace in report.workspaces
    ]
    configuration = report.configuration
    document = {"version": __version__, "ok": report.ok, "configuration": configuration, "workspaces": workspaces}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _print_report(report: Report, console: Console) -> None:
    """Print the report; long lines go on in their column."""
    _print_findings({"configuration": report.configuration}, console)
    for workspace in report.workspaces:
        console.print(Text(f"{workspace.name} at {workspace.address}", "bold"))
        _print_findings(workspace.results, console)
    console.print(Text(_conclusion(report), _STYLES[Outcome.OK if report.ok else Outcome.FAILED]))


def _print_findings(results: Mapping[str, Result], console: Console) -> None:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(width=_NAME_WIDTH + 1)
    table.add_column(overflow="fold")
    for name, result in results.items():
        style = _STYLES[Outcome.SKIPPED] if result.outcome is Outcome.SKIPPED else ""
        mark = Text(_MARKS[result.outcome], _STYLES[result.outcome])
        table.add_row(mark, Text(name, style), Text(result.seen, style))
        remedy = [f"→ {result.remedy}"] if result.remedy else []
        for line in "\n".join([*result.details, *remedy]).splitlines():
            table.add_row("", "", Text(line))
    console.print(table)
    console.print()


def _conclusion(report: Report) -> str:
    if report.configuration.outcome is Outcome.FAILED:
        return "Nothing can be polled."
    if not report.workspaces:
        return "There is nothing to poll."
    if failed := [workspace.name for workspace in report.workspaces if not workspace.ok]:
        return f"{len(failed)} of {len(report.workspaces)} cannot be polled: {', '.join(failed)}."
    warnings = sum(result.outcome is Outcome.WARNING for result in report.results)
    return f"Everything can be polled{f'; what has a ! deserves attention ({warnings})' if warnings else ''}."


def as_text(report: Report, encoding: str) -> str:
    """Return plain text in the characters of an encoding."""
    file = StringIO()
    _print_report(report, Console(file=file, width=_UNLIMITED, highlight=False, color_system=None))
    text = "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "replace").decode(encoding)
    return text
