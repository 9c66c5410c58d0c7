"""Runs the exporter until a signal ends it."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence

import structlog
import uvloop

from exporter.app import Exporter, log_start
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.event_loop import EventLoop
from exporter.polling.memory import keep_one_arena
from exporter.web.listening import ListenAddress, ListenError, listen, url
from exporter.web.settings import WebSettings

_TURN = 0.0002  # seconds that a thread computes while others wait

_log = structlog.get_logger()


def run_exporter(config: ValidatedConfig, load: Callable[[], ValidatedConfig], web: WebSettings) -> None:
    """Poll the workspaces and answer scrapes; SIGHUP loads the configuration anew.

    Raises:
        ListenError: an address cannot be listened on.
    """
    with listening(web.listen_addresses) as listeners:
        run_until_signalled(lambda stop: serve(config, load, web, listeners, stop))


@contextlib.contextmanager
def listening(addresses: Sequence[ListenAddress]) -> Iterator[list[socket.socket]]:
    """Open every socket before anything else happens, so that a port that is taken is the first thing said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(listen(address))) for address in addresses]


def run_until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run what goes on until the event that it is given is set, as SIGINT and SIGTERM do."""
    prepare_interpreter()
    uvloop.run(_until_signalled(main), loop_factory=EventLoop)


def prepare_interpreter() -> None:
    """Have the interpreter keep little memory, and answer scrapes soon while another thread renders a page.

    Threads take turns more often than every 5 ms, and the garbage collector, for which all threads wait, leaves alone
    what was there from the start.
    """
    keep_one_arena()
    sys.setswitchinterval(_TURN)
    gc.freeze()


async def _until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    stop = asyncio.Event()

    def stop_because_of(signum: signal.Signals) -> None:
        stop.set()
        _log.info("stopping", signal=signum.name)

    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop_because_of, signum)
    await main(stop)


async def serve(
    config: ValidatedConfig,
    load: Callable[[], ValidatedConfig],
    web: WebSettings,
    listeners: Sequence[socket.socket],
    stop: asyncio.Event,
) -> None:
    """Poll and answer until ``stop`` is set.

    Raises:
        ListenError: an address cannot be listened on any more.
    """
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
