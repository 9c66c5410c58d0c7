"""``simulate``: serves the simulated API."""

import asyncio
from collections.abc import Sequence

import click
import yaml

from exporter.commands.common import Command, Common, Failure, Parsed, common_flags
from exporter.config.problems import did_you_mean
from exporter.config.values import format_duration, parse_duration
from exporter.demo import CHURN, POLL_INTERVAL, running
from exporter.event_loop import run_service, show
from exporter.process import run_as_service
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.behaviour import Behaviour, RowPer
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, cannot_listen, parse_listen_address


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
    type=click.FloatRange(0),
    default=CHURN,
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
        async with running(simulator, tenants, churn):
            show(_configuration(tenants, simulator))
            await asyncio.Event().wait()  # until a signal cancels it

    try:
        run_service(serve())
    except OSError as error:
        raise Failure(str(cannot_listen(listen_address, error))) from error


def _configuration(tenants: Sequence[Tenant], simulator: Simulator) -> str:
    workspaces = [
        {
            "name": tenant.name,
            "base_url": simulator.base_url(tenant.name),
            "authorization": {"credentials": tenant.token},
        }
        for tenant in tenants
    ]
    config = {"global": {"poll_interval": format_duration(POLL_INTERVAL)}, "workspaces": workspaces}
    return f"# The simulated API runs; poll it with this configuration.\n{yaml.safe_dump(config, sort_keys=False)}"
