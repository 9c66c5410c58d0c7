"""The event loop of services and commands, and signals that end them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

import structlog
import uvloop

from exporter import logs
from exporter.config.files import start_thread
from exporter.process import ENDING, end, limit_ending, prepare_interpreter

T = TypeVar("T")

_NAME_THREADS = "128"  # libuv resolves names in half of them at a time

_log = structlog.get_logger()

_left_open: list[asyncio.AbstractEventLoop] = []


def run_until_signalled(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run a service until its event is set; SIGINT and SIGTERM set it."""

    async def run() -> None:
        stop = asyncio.Event()

        def begin_to_end(signum: signal.Signals) -> None:
            stop.set()
            _log.info("stopping", signal=signum.name)

        with _handled(begin_to_end):
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
                end(caught[0])

    return _run(run())


def _run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop that is not closed: closing would wait for threads that hang."""
    # libuv has four threads for names unless told otherwise: a few that do not resolve would hold up all others.
    os.environ.setdefault("UV_THREADPOOL_SIZE", _NAME_THREADS)
    loop = uvloop.new_event_loop()
    _left_open.append(loop)
    return loop.run_until_complete(main)


@contextlib.contextmanager
def _handled(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Let the event loop handle signals, which otherwise end the program by an exception."""
    loop = asyncio.get_running_loop()

    def pass_on(signum: int, _: FrameType | None) -> None:
        limit_ending(signum)
        loop.call_soon_threadsafe(handle, signal.Signals(signum))

    before = {signum: signal.signal(signum, pass_on) for signum in ENDING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def show(text: str) -> None:
    """Write to standard output in a thread, so that a full pipe does not block the event loop."""
    start_thread(lambda: logs.write_past_buffer(sys.stdout, text))
