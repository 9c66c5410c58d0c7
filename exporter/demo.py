"""The demo: the exporter on a simulated API inside the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from exporter.app import Exporter, serve
from exporter.clock import SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.event_loop import run_until_signalled, show
from exporter.simulator.api import demo_tenants
from exporter.simulator.churn import Churn
from exporter.simulator.server import Simulator
from exporter.web.listening import listen, url
from exporter.web.settings import WebSettings

_SEED = 1
_POLL_INTERVAL = 5.0  # seconds, so that something moves while the user watches
_EVENTS_PER_MINUTE = 6.0  # in each workspace


@asynccontextmanager
async def demo_config() -> AsyncIterator[ValidatedConfig]:
    """Run a simulated API with two workspaces that change all the time; yield the configuration to poll it."""
    tenants = demo_tenants(_SEED)
    async with Simulator(tenants) as simulator:
        churning = [
            asyncio.create_task(Churn(tenant.fleet, _SEED).run(SystemClock(), _EVENTS_PER_MINUTE)) for tenant in tenants
        ]
        try:
            yield ValidatedConfig(
                workspaces=tuple(
                    Workspace(
                        name=tenant.name,
                        base_url=simulator.base_url(tenant.name),
                        credentials=InlineCredentials(Secret(tenant.token)),
                        poll_interval=_POLL_INTERVAL,
                        poll_timeout=_POLL_INTERVAL,
                        request_timeout=_POLL_INTERVAL,
                        max_staleness=5 * _POLL_INTERVAL,
                    )
                    for tenant in tenants
                )
            )
        finally:
            for task in churning:
                task.cancel()


def run_demo(web: WebSettings) -> None:
    """Run the exporter on the simulated API.

    Raises:
        ListenError: an address cannot be listened on.
    """
    listeners = [listen(address) for address in web.listen_addresses]

    async def main(stop: asyncio.Event) -> None:
        async with demo_config() as config:
            show(_what_to_look_at(url(listeners[0], web.scheme) + web.route_prefix, web.telemetry_path))
            await serve(Exporter(config, lambda: config, web), listeners, stop)

    run_until_signalled(main)


def _what_to_look_at(address: str, telemetry_path: str) -> str:
    metrics = f"{address}{telemetry_path}"
    return f"""\
The exporter runs on a simulated Mihu API: two workspaces, about 60 trunks, polled every 5 seconds.

  Open    {address}/
  or run  curl -s {metrics} | grep mihu_unbound_channels

Look at   mihu_unbound_channels       trunks that ought to have an agent and have none, by channel
          mihu_trunks                 trunks by status
          mihu_trunk_channel_unbound  which trunks they are: the series with value 1
          mihu_monthly_fees           list-price fees by currency
They change while you watch. Ctrl-C ends it.
"""
