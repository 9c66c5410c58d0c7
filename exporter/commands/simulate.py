"""The simulated API: ``simulate`` serves it, and the demo polls it inside the process."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import click
import yaml

from exporter.clock import Clock
from exporter.commands.common import Command, Common, Failure, Parsed, common_flags
from exporter.config.files import start_thread
from exporter.config.loading import load_plain
from exporter.config.problems import Place, did_you_mean
from exporter.config.settings import ValidatedConfig
from exporter.config.values import parse_duration
from exporter.event_loop import run_service
from exporter.logs import write_past_buffer
from exporter.process import run_as_service
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.behaviour import Behaviour, RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, cannot_listen, listen, parse_listen_address, url
from exporter.web.settings import WebSettings

_POLL_INTERVAL = "5s"  # often, so that users see changes
_CHURN = 6.0  # changes per minute in each workspace


def _fault_rate(value: str) -> tuple[str, float]:
    if value == "list":
        click.echo(described(), nl=False)
        click.get_current_context().exit()
    name, _, rate = value.partition("=")
    if name not in FAULTS:
        hint = did_you_mean(name, FAULTS)
        raise ValueError(f"there is no fault called {name!r}{hint}\nThere are: {', '.join(FAULTS)}.")
    try:
        share = float(rate)
    except ValueError as error:
        raise ValueError(f"{value!r} has no rate; write {name}=0.1 to strike a tenth of the requests") from error
    if not 0 <= share <= 1:
        raise ValueError(f"{rate} is not from 0 to 1; write {name}=1 to strike all requests")
    return name, share


def _events(value: str) -> float:
    with suppress(ValueError):
        if 0 <= (number := float(value)) < math.inf:
            return number
    raise ValueError(f"{value!r} is not a number of at least 0")


@click.command(cls=Command)
@common_flags
@click.option(
    "--listen-address",
    type=Parsed("address", parse_listen_address),
    default="127.0.0.1:10156",
    help="Address to listen on.",
)
@click.option("--workspaces", type=click.IntRange(1), default=2, help="Number of workspaces.")
@click.option("--trunks", type=click.IntRange(0), default=30, help="Trunks in each workspace.")
@click.option("--seed", type=int, default=1, help="Seed of the random fleets; equal seeds make equal fleets.")
@click.option("--latency", type=Parsed("duration", parse_duration), default="0s", help="Delay of every response.")
@click.option(
    "--churn",
    metavar="EVENTS",
    type=Parsed("events", _events),
    default=_CHURN,
    help="Changes per minute in each workspace; 0 for none.",
)
@click.option(
    "--rate-limit",
    metavar="REQUESTS",
    type=click.IntRange(1),
    help="Requests allowed per minute and workspace; others get 429.  [default: no limit]",
)
@click.option(
    "--listing",
    type=click.Choice([listing.value for listing in RowPer]),
    default=RowPer.NUMBER.value,
    help="List a number once, or once per channel that it is bound on.",
)
@click.option(
    "--fault",
    type=Parsed("name=rate", _fault_rate),
    multiple=True,
    help="A fault, and the share of requests (0 to 1) that it strikes. Repeatable; "
    "--fault list prints the names. Faults of paging need more trunks than per_page.",
)
@click.pass_obj
def simulate(  # noqa: PLR0913 - one for each flag
    common: Common,
    *,
    listen_address: ListenAddress,
    workspaces: int,
    trunks: int,
    seed: int,
    latency: float,
    churn: float,
    rate_limit: int | None,
    listing: str,
    fault: Sequence[tuple[str, float]],
) -> None:
    """Serve a simulated Mihu API, and print a configuration for it."""
    common.set_up_logs()
    run_as_service()
    tenants = generate_tenants(workspaces, trunks, seed)
    behaviour = Behaviour(
        latency=latency, rate_limit=rate_limit, listing=RowPer(listing), faults=dict(fault), fault_seed=seed
    )

    async def serve() -> None:
        simulator = Simulator(tenants, behaviour, host=listen_address.host or "127.0.0.1", port=listen_address.port)
        async with _running(simulator, tenants, churn) as configuration:
            text = yaml.safe_dump(configuration, sort_keys=False)
            _show(f"# The simulated API runs; poll it with this configuration.\n{text}")
            await asyncio.Event().wait()  # until a signal cancels it

    try:
        run_service(serve())
    except (OSError, UnicodeError) as error:
        raise Failure(str(cannot_listen(listen_address, error))) from error


def _show(text: str) -> None:
    """Write to standard output in a thread, so that a full pipe does not block the event loop."""
    start_thread(lambda: write_past_buffer(sys.stdout, text))


@asynccontextmanager
async def _running(simulator: Simulator, tenants: Sequence[Tenant], churn: float) -> AsyncIterator[dict[str, Any]]:
    """Run a simulated API whose trunks change all the time; yield the configuration that polls it."""
    async with simulator:
        churning = [
            asyncio.create_task(Churn(tenant.fleet, index).run(Clock(), churn))
            for index, tenant in enumerate(tenants)
            if churn
        ]
        workspaces = [
            {
                "name": tenant.name,
                "base_url": simulator.base_url(tenant.name),
                "authorization": {"credentials": tenant.token},
            }
            for tenant in tenants
        ]
        try:
            yield {"global": {"poll_interval": _POLL_INTERVAL}, "workspaces": workspaces}
        finally:
            for task in churning:
                task.cancel()


@asynccontextmanager
async def demo_config() -> AsyncIterator[ValidatedConfig]:
    """Run a simulated API with two workspaces; yield the configuration that polls it."""
    tenants = generate_tenants(workspaces=2, trunks=30, seed=1)
    async with _running(Simulator(tenants), tenants, _CHURN) as configuration:
        yield replace(load_plain(configuration, Place("the demo")), warnings=())  # about tokens in the configuration


def run_demo(web: WebSettings) -> None:
    """Run the exporter on the simulated API."""
    from exporter.app import Exporter, serve  # noqa: PLC0415 - the simulated API runs without them

    listeners = [listen(address) for address in web.listen_addresses]

    async def main() -> None:
        async with demo_config() as config:
            address = url(listeners[0], web.scheme) + web.route_prefix
            _show(_DEMO.format(address=address, metrics=address + web.telemetry_path))
            await serve(Exporter(config, lambda: config, web), listeners)

    run_service(main())


_DEMO = """\
The exporter runs on a simulated Mihu API: two workspaces, about 60 trunks, polled every 5 seconds.

  Open    {address}/
  or run  curl -s {metrics} | grep mihu_trunks_out_of_service

Look at   mihu_trunks_out_of_service                   how many trunks are out of service, also by reason
          mihu_trunk_out_of_service_timestamp_seconds  which trunks they are, and since when
          mihu_trunk_channel_lost_timestamp_seconds    channels that lost their agents: when, and which agents
          mihu_trunks                                  trunks by status
They change while you watch. Ctrl-C ends it.
"""
