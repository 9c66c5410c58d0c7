"""``once``: polls every workspace once, and writes what it found."""

import sys
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import click
import httpx

from exporter.api.client import Client
from exporter.clock import Clock
from exporter.commands.common import Command, Common, Failure, OptionalPath, common_flag, common_flags, demo_flag, say
from exporter.commands.workspaces import Watch, configuration, for_each, progress
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.event_loop import run_until_signalled
from exporter.listing.description import ListedTrunk
from exporter.listing.lookup import Lookup, look_up
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.once.files import OutputError, check_writable
from exporter.once.formats import FORMATS, Collected, all_trunks, counts, write
from exporter.polling.buckets import BucketMaker
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.storage import Storage, StorageInUseError
from exporter.trunks.lines import by_number, with_tag, without_since
from exporter.trunks.out_of_service import Concern

_AT_ONCE = 16  # workspaces; each has several pages in flight itself


@click.command(cls=Command)
@common_flags
@demo_flag
@common_flag(
    "--storage.path",
    metavar="DIR",
    type=OptionalPath(),
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
    show_default=False,
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
            if format == "prometheus" and not output.name.endswith(".prom"):
                say(f"warning: node_exporter only reads files that end in .prom, and {output} does not")
        with progress() as watch:
            collected = run_until_signalled(_collect(common, workspace, watch))
        if format != "prometheus":
            collected = choose(collected, out_of_service=out_of_service, statuses=status, search=search)
        failures = [f"{one.name}: {one.poll.failure.message}" for one in collected if one.poll.failure]
        try:
            write(format, collected, output)
            if format == "table" and sys.stderr.isatty() and (output or not sys.stdout.isatty()):
                # As the table's last line it would be one more trunk to wc, sort and awk; to cron it would be a mail.
                say(counts(list(all_trunks(collected))))
        finally:  # also where nobody reads to the end; a trunk that was not read may have any status
            for line in failures or _missing(collected, status, search):
                say(line)
    except (ConfigError, OutputError) as error:
        raise Failure(str(error)) from error
    context.exit(1 if failures else 0)


def _missing(collected: Sequence[Collected], wanted: Sequence[str], search: str) -> Iterator[str]:
    statuses = look_up([one.status for one in collected], Lookup(), limit=1).options.get("status", [])
    for status in sorted({*wanted}.difference(statuses)):
        yield f"no trunk has the status {status!a}; the statuses found are {', '.join(statuses) or 'none'}"
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


async def collect(  # noqa: PLR0913 - what polling depends on
    config: ValidatedConfig,
    *,
    watch: Watch,
    clock: Clock,
    random: Random,
    executor: Executor,
    storage: Storage | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Collected]:
    """Poll every workspace of a configuration once; a poll that fails is an outcome like others.

    ``random`` spreads retries, pages are decoded and rendered in ``executor``, and ``transport`` carries requests, the
    network by default. Trunks are compared with those that ``storage`` remembers.
    """

    async def collect_one(workspace: Workspace) -> Collected:
        api_metrics = ApiMetrics(workspace.name)
        api_metrics.configure(workspace)
        client = Client(workspace, clock=clock, observer=api_metrics, transport=transport)
        polling = PollContext(
            workspace=workspace,
            maker=BucketMaker(workspace, config.metrics),
            client=client,
            clock=clock,
            random=random,
            executor=executor,
            on_page=partial(watch, workspace.name),
        )
        exposition = Exposition(ExporterMetrics(), clock)
        poller = Poller(polling, api_metrics, exposition, storage=storage)
        try:
            await poller.poll()
        finally:
            await client.aclose()
        (view,) = exposition.views()
        return Collected(poller.status, view.at(clock.monotonic()), has_memory=storage is not None)

    return await for_each(config, collect_one, _AT_ONCE)


def choose(
    collected: Iterable[Collected], *, out_of_service: bool, statuses: Collection[str], search: str
) -> list[Collected]:
    """Choose the trunks to list: those with one of the statuses, or any, and with a text; totals stay those of all."""
    lookup = Lookup(search=search, reason=Concern.OUT_OF_SERVICE if out_of_service else None)

    def chosen(one: Collected) -> list[ListedTrunk]:
        found = look_up([one.status], lookup)
        lines = found.lines
        if statuses:
            lines = [line for status in set(statuses) for line in with_tag(lines, "status", status)]
        if not one.has_memory:
            lines = list(map(without_since, lines))  # a single poll cannot know it
        trunks = found.listing.trunks(sorted(lines, key=by_number))
        return [listed for listed in trunks if Concern.GONE not in listed.entry.concerns]

    return [replace(one, trunks=chosen(one) if one.status.snapshot.fleet else None) for one in collected]
