"""``simulate``: serves the simulated API."""

import click

from exporter.commands.command import Command
from exporter.commands.failure import Failure
from exporter.flags import Common, Word, common_flags, duration, fault_rates, one_address
from exporter.running import run_simulator
from exporter.simulator.behaviour import Behaviour, Listing
from exporter.simulator.tenants import generate_tenants
from exporter.web.listening import ListenAddress, ListenError

_SIMULATOR_ADDRESS = "127.0.0.1:10156"


@click.command(cls=Command)
@common_flags
@click.option(
    "--listen-address",
    metavar="ADDRESS",
    default=_SIMULATOR_ADDRESS,
    callback=one_address,
    help="Where to answer.",
)
@click.option("--workspaces", type=click.IntRange(1), default=2, help="How many.")
@click.option(
    "--trunks",
    type=click.IntRange(0),
    default=30,
    help="How many in each workspace.",
)
@click.option("--seed", type=int, default=1, help="Equal seeds make equal fleets.")
@click.option(
    "--latency",
    metavar="DURATION",
    default="0s",
    callback=duration,
    help="How long every answer takes.",
)
@click.option(
    "--churn",
    metavar="EVENTS",
    type=click.FloatRange(0),
    default=6.0,
    help="Changes per minute in each workspace; 0 for none.",
)
@click.option(
    "--rate-limit",
    metavar="REQUESTS",
    type=click.IntRange(1),
    help="Requests per minute and workspace, beyond which 429 is answered.  [default: no limit]",
)
@click.option(
    "--listing",
    type=Word([listing.value for listing in Listing]),
    default=Listing.NUMBER.value,
    help="Whether a number is listed once, or once per channel that it is bound on.",
)
@click.option(
    "--fault",
    "faults",
    metavar="NAME=RATE",
    multiple=True,
    callback=fault_rates,
    help="What goes wrong, and with which share of the requests, 0 to 1. May be given several times; "
    "--fault list says what there is. Those of paging need more than one page, so more trunks than per_page.",
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
    faults: dict[str, float],
) -> None:
    """Serve a simulated Mihu API, and print the configuration to poll it."""
    common.set_up_logs()
    tenants = generate_tenants(workspaces, trunks, seed)
    behaviour = Behaviour(
        latency=latency, rate_limit=rate_limit, listing=Listing(listing), faults=faults, fault_seed=seed
    )
    try:
        run_simulator(tenants, behaviour, listen_address, churn_per_minute=churn)
    except ListenError as error:
        raise Failure(str(error)) from error
