"""The event loop of services and commands, and signals that end them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import structlog
import uvloop

from exporter import logs
from exporter.config.files import start_thread
from exporter.process import ENDING, exit_after, prepare_interpreter

T = TypeVar("T")

_log = structlog.get_logger()

_left_open: list[asyncio.AbstractEventLoop] = []


class EventLoop(uvloop.Loop):
    """uvloop's event loop, in which a name that does not resolve delays only requests to that host.

    libuv resolves all names in four threads: other names, and the end of the program, would wait for them.
    """

    def __init__(self, resolve: Callable[..., Any] = socket.getaddrinfo) -> None:
        super().__init__()
        self._resolve = resolve
        self._lookups: dict[tuple[Any, ...], Future[Any]] = {}

    async def getaddrinfo(  # noqa: PLR0913 - the event loop's interface
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as above
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # noqa: ANN401 - as above
        """Look up a name in a thread of its own; lookups of the same name share it."""
        key = (host, port, family, type, proto, flags)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = start_thread(partial(self._look_up, *key))
            lookup.add_done_callback(lambda _: self._lookups.pop(key))
        return await asyncio.wrap_future(lookup)

    def _look_up(self, *arguments: Any) -> Any:  # noqa: ANN401 - as above
        try:
            return self._resolve(*arguments)
        except socket.gaierror:
            # Without a free file descriptor, the resolver reports an unknown name; opening a file raises the reason.
            os.close(os.open(os.devnull, os.O_RDONLY))
            raise


def run_until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run a service until its event is set; SIGINT and SIGTERM set it."""

    async def run() -> None:
        stop = asyncio.Event()

        def end(signum: signal.Signals) -> None:
            stop.set()
            _log.info("stopping", signal=signum.name)

        with _handled(end):
            await main(stop)

    prepare_interpreter()
    logs.write_in_thread()
    try:
        _run(run())
    finally:
        logs.flush()


def run_interruptibly(main: Coroutine[Any, Any, T]) -> T:
    """Run a command; a signal cancels it.

    Raises:
        SystemExit: a signal came; with 128 and the signal's number.
    """

    async def run() -> T:
        task = asyncio.ensure_future(main)
        caught: list[signal.Signals] = []

        def cancel(signum: signal.Signals) -> None:
            caught.append(signum)
            task.cancel()

        with _handled(cancel):
            try:
                return await task
            except asyncio.CancelledError:
                exit_after(caught[0])

    return _run(run())


def _run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop that is not closed: closing would wait for threads that hang."""
    loop = EventLoop()
    _left_open.append(loop)
    return loop.run_until_complete(main)


@contextlib.contextmanager
def _handled(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for signum in ENDING:
        loop.add_signal_handler(signum, handle, signum)
    try:
        yield
    finally:
        for signum in ENDING:
            loop.remove_signal_handler(signum)


def show(text: str) -> None:
    """Write to standard output in a thread, so that a full pipe does not block the event loop."""
    start_thread(lambda: logs.write_past_buffer(sys.stdout, text))
