"""``once``: polls every workspace once, and writes what it found."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random

import click

from exporter.clock import SystemClock
from exporter.commands.common import Command, Common, Failure, Word, common_flags, only, say
from exporter.config.problems import ConfigError
from exporter.event_loop import run_interruptibly
from exporter.once.collecting import Collected, Watch, choose, collect
from exporter.once.files import OutputError, check_writable
from exporter.once.formats import Format, all_trunks, write

_SUFFIX = ".prom"


@click.command(cls=Command)
@common_flags
@click.option(
    "--format",
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
    "--workspace", metavar="NAME", multiple=True, help="Poll this workspace alone. May be given several times."
)
@click.option(
    "--status", metavar="STATUS", multiple=True, help="List trunks with this status alone. May be given several times."
)
@click.option("--unbound", is_flag=True, help="List trunks alone that ought to have an agent and have none.")
@click.pass_obj
@click.pass_context
def once(  # noqa: PLR0913 - one for each flag
    context: click.Context,
    common: Common,
    *,
    format: str,  # noqa: A002 - as the flag is called
    output: Path | None,
    workspace: Sequence[str],
    status: Sequence[str],
    unbound: bool,
) -> None:
    """Poll every workspace once, write what was found, and end.

    The status is 1 if a poll failed: standard error says which and what to do, and the others are written.
    Of the log, errors alone are shown unless --log.level says otherwise.
    """
    common.set_up_logs("error")  # failures are reported at the end
    if format == Format.PROMETHEUS and (unbound or status):
        raise click.UsageError(
            "--unbound and --status choose trunks from a list, and the totals of --format prometheus are about all; "
            "add --format json or --format table"
        )
    try:
        if output is not None:
            check_writable(output)
            if format == Format.PROMETHEUS and not output.name.endswith(_SUFFIX):
                say(f"warning: node_exporter reads files that end in {_SUFFIX} alone, and {output} does not")
        with _progress() as watch:
            collected = run_interruptibly(_collect(common, workspace, watch))
        write(Format(format), choose(collected, unbound=unbound, statuses=status), output)
    except (ConfigError, OutputError) as error:
        raise Failure(str(error)) from error
    failures = [f"{one.workspace}: {one.failure.message}" for one in collected if one.failure]
    for failure in failures:
        say(failure)
    if not failures:  # a trunk that was not read may have any status
        statuses = {trunk.status for trunk in all_trunks(collected)}
        for missing in sorted({*status} - statuses):
            found = ", ".join(sorted(statuses)) or "none"
            say(f"no trunk has the status {missing!a}; the statuses found are {found}")
    context.exit(1 if failures else 0)


async def _collect(common: Common, names: Sequence[str], watch: Watch) -> list[Collected]:
    async with common.configuration() as config:
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
    from exporter.once.progress import progress_bar  # noqa: PLC0415 - rich is for those who see it

    return progress_bar()
