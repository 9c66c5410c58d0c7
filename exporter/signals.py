"""Signals to a command that ends by itself: they end it early, with the status that shells expect."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

import uvloop

from exporter.event_loop import EventLoop

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own; a signal cancels it.

    Raises:
        SystemExit: a signal came; with 128 and the signal's number.
    """
    return uvloop.run(_cancelled_by_signals(main), loop_factory=EventLoop)


async def _cancelled_by_signals(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    caught: list[int] = []

    def cancel(signum: int) -> None:
        caught.append(signum)
        task.cancel()

    for signum in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, cancel, signum)
    try:
        return await task
    except asyncio.CancelledError:
        _exit(caught[0])


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal end the block as an exception does, so that what it has begun is cleaned up.

    Raises:
        SystemExit: a signal came; with 128 and the signal's number.
    """
    with _handled(_exit):
        yield


@contextmanager
def killable() -> Iterator[None]:
    """Let a signal end the program at once, also while it waits for somebody to read what it writes."""
    with _handled(signal.SIG_DFL):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> Iterator[None]:
    before = {signum: signal.signal(signum, handler) for signum in _SIGNALS}
    try:
        yield
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)


def _exit(signum: int, _: FrameType | None = None) -> NoReturn:
    raise SystemExit(128 + signum)
