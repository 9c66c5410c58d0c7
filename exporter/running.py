"""Runs the exporter and its commands in an event loop, until they or a signal end it."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import structlog

from exporter import logs, signals
from exporter.app import Exporter, log_start
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.event_loop import EventLoop
from exporter.process import keep_one_arena
from exporter.web.listening import ListenAddress, ListenError, listen, url
from exporter.web.settings import WebSettings

T = TypeVar("T")

_TURN = 0.0002  # seconds that a thread computes while others wait

_left_open: list[asyncio.Runner] = []

_log = structlog.get_logger()


def run_exporter(
    config: ValidatedConfig, load: Callable[[], ValidatedConfig], web: WebSettings, storage_path: Path | None
) -> None:
    """Poll the workspaces and answer scrapes; SIGHUP loads the configuration anew.

    Raises:
        ListenError: an address cannot be listened on.
    """
    with listening(web.listen_addresses) as listeners:
        exporter = Exporter(config, load, web, storage_path=storage_path)
        run_until_signalled(lambda stop: serve(exporter, config, web, listeners, stop))


@contextlib.contextmanager
def listening(addresses: Sequence[ListenAddress]) -> Iterator[list[socket.socket]]:
    """Open every socket before anything else happens, so that a port that is taken is the first thing said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(listen(address))) for address in addresses]


def run_until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run what goes on until the event that it is given is set, as SIGINT and SIGTERM do."""
    prepare_interpreter()
    logs.write_in_thread()
    try:
        _run(_until_signalled(main))
    finally:
        logs.flush()


def run_interruptibly(main: Coroutine[Any, Any, T]) -> T:
    """Run what ends by itself; a signal cancels it.

    Raises:
        SystemExit: a signal came; with 128 and the signal's number.
    """
    return _run(_cancelled_by_signals(main))


def _run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop that stays open: to close it takes as long as what hangs in its threads."""
    runner = asyncio.Runner(loop_factory=EventLoop)
    _left_open.append(runner)
    return runner.run(main)


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

    with _handled(stop_because_of):
        await main(stop)


async def _cancelled_by_signals(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    caught: list[signal.Signals] = []

    def cancel(signum: signal.Signals) -> None:
        caught.append(signum)
        task.cancel()

    with _handled(cancel):
        try:
            return await task
        except asyncio.CancelledError:
            signals.end_because_of(caught[0])


@contextlib.contextmanager
def _handled(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for signum in signals.ENDING:
        loop.add_signal_handler(signum, handle, signum)
    try:
        yield
    finally:
        for signum in signals.ENDING:
            loop.remove_signal_handler(signum)


def show(text: str) -> None:
    """Write to standard output in a thread: it waits where nobody reads that, and the event loop does not."""

    def write() -> None:
        with contextlib.suppress(OSError):
            logs.write_past_buffer(sys.stdout, text)

    Thread(target=write, daemon=True).start()


async def serve(
    exporter: Exporter,
    config: ValidatedConfig,
    web: WebSettings,
    listeners: Sequence[socket.socket],
    stop: asyncio.Event,
) -> None:
    """Poll and answer until ``stop`` is set.

    Raises:
        ListenError: an address cannot be listened on any more.
    """
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        with contextlib.suppress(ConfigError):  # the log has it
            await exporter.reload()

    def start_reload() -> None:
        # The event loop keeps weak references to tasks only.
        task = asyncio.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    log_start(config, [url(listener, web.scheme) + web.metrics_path for listener in listeners])
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, start_reload)
    signals.release_reload()
    try:
        await exporter.serve(listeners, stop)
    except ListenError as error:
        _log.error("stopped", error=str(error))
        raise
    _log.info("stopped")
