"""Runs the exporter or the simulated API until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence

import structlog
import uvloop

from exporter.app import Exporter, log_start
from exporter.clock import SystemClock
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.demo import demo_config, what_to_look_at
from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.churn import Churn
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, ListenError, cannot_listen, listen, url
from exporter.web.settings import WebSettings

_log = structlog.get_logger()


def run_exporter(config: ValidatedConfig, load: Callable[[], ValidatedConfig], web: WebSettings) -> None:
    """Poll the workspaces and answer scrapes; SIGHUP loads the configuration anew.

    Raises:
        ListenError: an address cannot be listened on.
    """
    with _listening(web.listen_addresses) as listeners:
        _run(lambda stop: _serve(config, load, web, listeners, stop))


def run_demo(web: WebSettings) -> None:
    """Do the same on a simulated API inside the process.

    Raises:
        ListenError: an address cannot be listened on.
    """
    with _listening(web.listen_addresses) as listeners:
        _run(lambda stop: _demonstrate(web, listeners, stop))


def run_simulator(
    tenants: Sequence[Tenant], behaviour: Behaviour, address: ListenAddress, *, churn_per_minute: float
) -> None:
    """Serve the simulated API.

    Raises:
        ListenError: the address cannot be listened on.
    """
    try:
        _run(lambda stop: _simulate(tenants, behaviour, address, churn_per_minute, stop))
    except OSError as error:
        raise cannot_listen(address, error) from error


@contextlib.contextmanager
def _listening(addresses: Sequence[ListenAddress]) -> Iterator[list[socket.socket]]:
    """Open every socket before anything else happens, so that a port that is taken is the first thing said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(listen(address))) for address in addresses]


def _run(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    uvloop.run(_until_signalled(main))


async def _until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    stop = asyncio.Event()

    def stop_because_of(signum: signal.Signals) -> None:
        _log.info("stopping", signal=signum.name)
        stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop_because_of, signum)
    await main(stop)


async def _serve(
    config: ValidatedConfig,
    load: Callable[[], ValidatedConfig],
    web: WebSettings,
    listeners: Sequence[socket.socket],
    stop: asyncio.Event,
) -> None:
    exporter = Exporter(config, load, web)
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        with contextlib.suppress(ConfigError):  # the log has it
            await exporter.reload()

    def start_reload() -> None:
        # The event loop keeps weak references to tasks only.
        task = asyncio.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, start_reload)
    log_start(config, [url(listener, web.scheme) + web.metrics_path for listener in listeners])
    try:
        await exporter.serve(listeners, stop)
    except ListenError as error:
        _log.error("stopped", error=str(error))
        raise
    _log.info("stopped")


async def _demonstrate(web: WebSettings, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
    async with demo_config() as config:
        sys.stdout.write(what_to_look_at(url(listeners[0], web.scheme) + web.route_prefix, web.telemetry_path))
        sys.stdout.flush()
        await _serve(config, lambda: config, web, listeners, stop)


async def _simulate(
    tenants: Sequence[Tenant],
    behaviour: Behaviour,
    address: ListenAddress,
    churn_per_minute: float,
    stop: asyncio.Event,
) -> None:
    async with Simulator(tenants, behaviour, host=address.host or "127.0.0.1", port=address.port) as simulator:
        sys.stdout.write(_configuration(tenants, simulator))
        sys.stdout.flush()
        churning = [
            asyncio.create_task(Churn(tenant.fleet, index).run(SystemClock(), churn_per_minute))
            for index, tenant in enumerate(tenants)
            if churn_per_minute
        ]
        await stop.wait()
        for task in churning:
            task.cancel()


def _configuration(tenants: Sequence[Tenant], simulator: Simulator) -> str:
    """Return a configuration that polls the simulated workspaces, as YAML."""
    lines = [
        "# The simulated API runs; poll it with this configuration.",
        "global: {poll_interval: 5s}  # so that whoever looks sees something move",
        "workspaces:",
    ]
    for tenant in tenants:
        lines += [
            f"  - name: {tenant.name}",
            f"    base_url: {simulator.base_url(tenant.name)}",
            f"    authorization: {{credentials: {tenant.token}}}",
        ]
    return "\n".join(lines) + "\n"
