"""``once``: polls every workspace once, and writes what it found."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random

import click

from exporter.clock import SystemClock
from exporter.commands.command import Command
from exporter.commands.failure import Failure, say
from exporter.commands.workspaces import configuration, only
from exporter.config.problems import ConfigError
from exporter.flags import Common, Word, common_flags
from exporter.once.collecting import Collected, Watch, choose, collect
from exporter.once.files import OutputError, check_writable
from exporter.once.formats import Format, all_trunks, write
from exporter.running import run_interruptibly

_SUFFIX = ".prom"


@click.command(cls=Command)
@common_flags
@click.option(
    "--format",
    "format_",
    type=Word([format_.value for format_ in Format]),
    default=Format.PROMETHEUS.value,
    help="What to write: gauges for node_exporter's textfile collector, a document for scripts, or a table of trunks.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; the file is replaced whole or not at all.  [default: standard output]",
)
@click.option(
    "--workspace",
    "workspaces",
    metavar="NAME",
    multiple=True,
    help="Poll this workspace alone. May be given several times.",
)
@click.option(
    "--status",
    "statuses",
    metavar="STATUS",
    multiple=True,
    help="List trunks with this status alone. May be given several times.",
)
@click.option(
    "--unbound",
    is_flag=True,
    help="List trunks alone that ought to have an agent and have none.",
)
@click.pass_context
def once(  # noqa: PLR0913 - one for each flag
    context: click.Context,
    *,
    format_: str,
    output: Path | None,
    workspaces: Sequence[str],
    statuses: Sequence[str],
    unbound: bool,
) -> None:
    """Poll every workspace once, write what was found, and end.

    The status is 1 if a poll failed: standard error says which and what to do, and the others are written.
    Of the log, errors alone are shown unless --log.level says otherwise.
    """
    common = context.ensure_object(Common)
    common.set_up_logs("error")  # what failed is said at the end
    if format_ == Format.PROMETHEUS and (unbound or statuses):
        raise click.UsageError(
            "--unbound and --status choose trunks from a list, and the totals of --format prometheus are about all; "
            "add --format json or --format table"
        )
    try:
        if output is not None:
            check_writable(output)
            if format_ == Format.PROMETHEUS and not output.name.endswith(_SUFFIX):
                say(f"warning: node_exporter reads files that end in {_SUFFIX} alone, and {output} does not")
        with _progress() as watch:
            collected = run_interruptibly(_collect(common, workspaces, watch))
        write(Format(format_), choose(collected, unbound=unbound, statuses=statuses), output)
    except (ConfigError, OutputError) as error:
        raise Failure(str(error)) from error
    failures = [f"{one.workspace}: {one.failure.message}" for one in collected if one.failure]
    for failure in failures:
        say(failure)
    if not failures:  # a trunk that was not read may have any status
        there_are = {trunk.status for trunk in all_trunks(collected)}
        for status in sorted({*statuses} - there_are):
            found = ", ".join(sorted(there_are)) or "none"
            say(f"no trunk has the status {status!a}; the statuses that there are: {found}")
    context.exit(1 if failures else 0)


async def _collect(common: Common, names: Sequence[str], watch: Watch) -> list[Collected]:
    async with configuration(common) as config:
        return await collect(
            only(config, names),
            watch=watch,
            clock=SystemClock(),
            random=Random(),  # noqa: S311 - spreads retries, keeps no secret
            executor=ThreadPoolExecutor(1, thread_name_prefix="pages"),
        )


def _progress() -> AbstractContextManager[Watch]:
    if not sys.stderr.isatty():
        return nullcontext(lambda _workspace, _page: None)
    from exporter.once.progress import progress_bar  # noqa: PLC0415 - rich takes a moment to import

    return progress_bar()
