"""``doctor``: tries each workspace and says what is wrong and what to do."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from random import Random
from typing import Any, NamedTuple

import click
import msgspec

from exporter import __version__
from exporter.clock import Clock
from exporter.commands.common import Command, Common, common_flags, demo_flag
from exporter.commands.workspaces import configuration, for_each, progress
from exporter.config.problems import ConfigError, printable
from exporter.config.settings import Workspace
from exporter.doctor.checks import CHECKS, CHECKS_OF_A_FLEET, Outcome, Result, check
from exporter.doctor.recording import record
from exporter.event_loop import run_until_signalled

_AT_ONCE = 8  # workspaces

_MARKS: Mapping[Outcome, tuple[str, Mapping[str, Any]]] = {  # and click's styles
    Outcome.OK: ("✓", {"fg": "green"}),
    Outcome.WARNING: ("!", {"fg": "yellow"}),
    Outcome.FAILED: ("✗", {"fg": "red", "bold": True}),
    Outcome.SKIPPED: ("-", {"dim": True}),
}
_NAME_WIDTH = max(map(len, (*CHECKS, *CHECKS_OF_A_FLEET)))
_INDENT = " " * (_NAME_WIDTH + 4)  # of the column beside the names
_UNLIMITED = 100_000  # columns
_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">"})


class Report(NamedTuple):
    configuration: Result
    workspaces: Sequence[tuple[Workspace, Mapping[str, Result]]] = ()  # with the results by the names of the checks

    @property
    def results(self) -> list[Result]:
        return [self.configuration, *(result for _, results in self.workspaces for result in results.values())]


def none_failed(results: Iterable[Result]) -> bool:
    return all(result.outcome is not Outcome.FAILED for result in results)


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
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
        text = as_text(report, width)
        try:
            text.encode(sys.stdout.encoding)
        except UnicodeEncodeError:
            text = text.translate(_IN_ASCII)
        is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        click.echo(text, color=False if is_plain else None)  # by default on a terminal only
    context.exit(0 if none_failed(report.results) else 1)


async def _check(common: Common, names: Sequence[str]) -> Report:
    source = printable(str(common.source))
    try:
        async with configuration(common, names) as config:
            with progress() as watch, ThreadPoolExecutor(1) as executor:

                async def check_one(workspace: Workspace) -> tuple[Workspace, Mapping[str, Result]]:
                    recording = await record(
                        workspace,
                        config.metrics,
                        partial(watch, workspace.name),
                        clock=Clock(),
                        random=Random(),  # noqa: S311 - spreads retries, keeps no secret
                        executor=executor,
                    )
                    return workspace, check(recording)

                workspaces = await for_each(config, check_one, _AT_ONCE)
    except ConfigError as error:
        remedy = "correct these problems; --config.check checks the file without polling"
        return Report(Result(Outcome.FAILED, f"{source} cannot be used", remedy, error.problems))
    outcome = Outcome.WARNING if config.warnings else Outcome.OK
    count = len(config.workspaces)
    seen = f"{'the demo' if common.demo else source}: {count} workspace{'' if count == 1 else 's'}"
    return Report(Result(outcome, seen, details=config.warnings), workspaces)


def as_json(report: Report) -> bytes:
    workspaces = [
        {
            "workspace": workspace.name,
            "address": workspace.base_url,
            "ok": none_failed(results.values()),
            "steps": [{"step": name, **asdict(result)} for name, result in results.items()],
        }
        for workspace, results in report.workspaces
    ]
    document = {
        "version": __version__,
        "ok": none_failed(report.results),
        "configuration": report.configuration,
        "workspaces": workspaces,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def as_text(report: Report, width: int = _UNLIMITED) -> str:
    """Return the report for people, in colours; long lines go on in their column."""
    lines = [*_lines({"configuration": report.configuration}, width)]
    for workspace, results in report.workspaces:
        lines.append(click.style(f"{workspace.name} at {workspace.base_url}", bold=True))
        lines += _lines(results, width)
    _, style = _MARKS[Outcome.OK if none_failed(report.results) else Outcome.FAILED]
    return "\n".join([*lines, click.style(_conclusion(report), **style)])


def _lines(results: Mapping[str, Result], width: int) -> Iterator[str]:
    for name, result in results.items():
        mark, style = _MARKS[result.outcome]
        text = "\n".join([result.seen, *result.details, *([f"→ {result.remedy}"] if result.remedy else [])])
        wrap = partial(textwrap.wrap, width=max(width - len(_INDENT), 1), break_on_hyphens=False)
        first, *others = (part for line in text.splitlines() for part in wrap(line))
        text_style = style if result.outcome is Outcome.SKIPPED else {}
        yield f"{click.style(mark, **style)} {click.style(f'{name:{_NAME_WIDTH}}  {first}', **text_style)}"
        yield from (_INDENT + line for line in others)
    yield ""


def _conclusion(report: Report) -> str:
    if report.configuration.outcome is Outcome.FAILED:
        return "Nothing can be polled."
    if not report.workspaces:
        return "There is nothing to poll."
    if failed := [workspace.name for workspace, results in report.workspaces if not none_failed(results.values())]:
        return f"{len(failed)} of {len(report.workspaces)} cannot be polled: {', '.join(failed)}."
    warnings = sum(result.outcome is Outcome.WARNING for result in report.results)
    return f"Everything can be polled{f'; what has a ! deserves attention ({warnings})' if warnings else ''}."
