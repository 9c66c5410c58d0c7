"""The simulated API inside the process, and the demo: the exporter on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from exporter.clock import SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.event_loop import run_service, show
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.churn import Churn
from exporter.simulator.server import Simulator
from exporter.web.listening import listen, url
from exporter.web.settings import WebSettings

POLL_INTERVAL = 5.0  # seconds; often, so that users see changes
CHURN = 6.0  # changes per minute in each workspace


@asynccontextmanager
async def running(simulator: Simulator, tenants: Sequence[Tenant], churn_per_minute: float) -> AsyncIterator[Simulator]:
    """Run a simulated API whose trunks change all the time."""
    async with simulator:
        churning = [
            asyncio.create_task(Churn(tenant.fleet, index).run(SystemClock(), churn_per_minute))
            for index, tenant in enumerate(tenants)
            if churn_per_minute
        ]
        try:
            yield simulator
        finally:
            for task in churning:
                task.cancel()


@asynccontextmanager
async def demo_config() -> AsyncIterator[ValidatedConfig]:
    """Run a simulated API with two workspaces; yield the configuration that polls it."""
    tenants = generate_tenants(workspaces=2, trunks=30, seed=1)
    async with running(Simulator(tenants), tenants, CHURN) as simulator:
        yield ValidatedConfig(
            workspaces=tuple(
                Workspace(
                    name=tenant.name,
                    base_url=simulator.base_url(tenant.name),
                    credentials=InlineCredentials(Secret(tenant.token)),
                    poll_interval=POLL_INTERVAL,
                    poll_timeout=POLL_INTERVAL,
                    request_timeout=POLL_INTERVAL,
                    max_staleness=5 * POLL_INTERVAL,
                )
                for tenant in tenants
            )
        )


def run_demo(web: WebSettings) -> None:
    """Run the exporter on the simulated API.

    Raises:
        ListenError: an address cannot be listened on.
    """
    from exporter.app import Exporter, serve  # noqa: PLC0415 - the simulated API runs without them

    listeners = [listen(address) for address in web.listen_addresses]

    async def main() -> None:
        async with demo_config() as config:
            address = url(listeners[0], web.scheme) + web.route_prefix
            show(_DEMO.format(address=address, metrics=address + web.telemetry_path))
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
