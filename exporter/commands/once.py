"""``once``: polls every workspace once, and writes what it found."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random

import click

from exporter.clock import Clock
from exporter.commands.common import Command, Common, Failure, common_flag, common_flags, demo_flag, say
from exporter.config.problems import ConfigError, did_you_mean
from exporter.config.settings import ValidatedConfig
from exporter.event_loop import run_until_signalled
from exporter.once.collecting import Collected, Watch, choose, collect, progress_bar
from exporter.once.files import OutputError, check_writable
from exporter.once.formats import FORMATS, all_trunks, counts, write
from exporter.polling.storage import Storage, StorageInUseError

_SUFFIX = ".prom"


@click.command(cls=Command)
@common_flags
@demo_flag
@common_flag(
    "--storage.path",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory that remembers since when trunks are out of service, and their last agents; only read while an "
    "exporter uses it.",
)
@click.option(
    "--format",
    type=click.Choice([*FORMATS]),
    default="prometheus",
    help="Output format: gauges for node_exporter's textfile collector, JSON for scripts, or the trunks as a table or "
    "as CSV.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, replaced atomically.  [default: standard output]",
)
@click.option("--workspace", metavar="NAME", multiple=True, help="Only poll this workspace. Repeatable.")
@click.option("--out-of-service", "--unbound", is_flag=True, help="Only list trunks that are out of service.")
@click.option("--status", metavar="STATUS", multiple=True, help="Only list trunks with this status. Repeatable.")
@click.option(
    "--search",
    metavar="TEXT",
    default="",
    help="Only list trunks whose number, uuid, location or agent contains this text.",
)
@click.pass_obj
@click.pass_context
def once(  # noqa: PLR0913 - one for each flag
    context: click.Context,
    common: Common,
    *,
    format: str,  # noqa: A002 - as the flag is called
    output: Path | None,
    workspace: Sequence[str],
    out_of_service: bool,
    status: Sequence[str],
    search: str,
) -> None:
    """Poll every workspace once, write the result, and exit.

    The exit status is 1 if a poll failed; standard error then says why and what to do, and the other workspaces are
    written all the same. Only errors are logged unless --log.level is given.
    """
    common.set_up_logs("error")  # failures are reported at the end
    search = search.strip()
    if format == "prometheus" and (out_of_service or status or search):
        raise click.UsageError(
            "--out-of-service, --status and --search choose trunks from a list, and the totals of --format prometheus "
            "are about all; add --format table, csv or json"
        )
    try:
        if output is not None:
            check_writable(output)
            if format == "prometheus" and not output.name.endswith(_SUFFIX):
                say(f"warning: node_exporter only reads files that end in {_SUFFIX}, and {output} does not")
        with progress() as watch:
            collected = run_until_signalled(_collect(common, workspace, watch))
        if format != "prometheus":
            collected = choose(collected, out_of_service=out_of_service, statuses=status, search=search)
        write(format, collected, output)
        if format == "table" and sys.stderr.isatty() and (output or not sys.stdout.isatty()):
            # As the last line of the table it would be one more trunk to wc, sort and awk; to cron it would be a mail.
            say(counts(list(all_trunks(collected))))
    except (ConfigError, OutputError) as error:
        raise Failure(str(error)) from error
    failures = [f"{one.workspace}: {one.failure.message}" for one in collected if one.failure]
    # A trunk that was not read may have any status.
    for line in failures or _missing(collected, status, search):
        say(line)
    context.exit(1 if failures else 0)


def _missing(collected: Sequence[Collected], wanted: Sequence[str], search: str) -> Iterator[str]:
    statuses = {status for one in collected if one.listing for status in one.listing.statuses()}
    for status in sorted({*wanted} - statuses):
        yield f"no trunk has the status {status!a}; the statuses found are {', '.join(sorted(statuses)) or 'none'}"
    if search and not any(all_trunks(collected)):
        yield f"no trunk that is listed has {search!a} in its number, uuid, location or agents"


async def _collect(common: Common, names: Sequence[str], watch: Watch) -> list[Collected]:
    clock = Clock()
    folder = None if common.demo else common.storage_path
    async with configuration(common, names) as config, _storage(folder, clock) as storage:
        return await collect(
            config,
            watch=watch,
            clock=clock,
            random=Random(),  # noqa: S311 - spreads retries, keeps no secret
            executor=ThreadPoolExecutor(1, thread_name_prefix="pages"),
            storage=storage,
        )


@asynccontextmanager
async def _storage(folder: Path | None, clock: Clock) -> AsyncIterator[Storage | None]:
    """Open a folder for as long as the block lasts; one that another process stores in is read all the same."""
    if folder is None:
        yield None
        return
    health: list[float] = []
    storage = Storage(folder, clock, health.append)
    try:
        await storage.open()
    except StorageInUseError:
        yield storage
        return
    try:
        yield storage
    finally:
        await storage.end()
    if not health[-1]:
        say(f"warning: what is remembered in {folder} cannot be read or written; --log.level warn says why")


@asynccontextmanager
async def configuration(common: Common, names: Sequence[str]) -> AsyncIterator[ValidatedConfig]:
    """Yield the configuration with the named workspaces, without names with all; a demo's API runs until the end."""
    if common.demo:
        from exporter.commands.simulate import demo_config  # noqa: PLC0415 - only the demo needs the simulated API

        async with demo_config() as config:
            yield _only(names, config)
    else:
        yield _only(names, common.load())


def _only(names: Sequence[str], config: ValidatedConfig) -> ValidatedConfig:
    configured = [workspace.name for workspace in config.workspaces]
    for name in names:
        if name not in configured:
            shard = f" in shard {config.shard}" if config.shard.total > 1 else ""
            raise click.BadParameter(
                f"there is no workspace called {name!r}{shard}{did_you_mean(name, configured)}",
                param_hint="'--workspace'",
            )
    chosen = (workspace for workspace in config.workspaces if not names or workspace.name in names)
    return replace(config, workspaces=tuple(chosen))


def progress() -> AbstractContextManager[Watch]:
    """Draw a progress bar on standard error, if it is a terminal, until the block is left."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _workspace, _page: None)
    return progress_bar()
