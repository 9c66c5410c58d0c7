"""The event loop of services and commands, and signals that end them."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

import structlog
import uvloop

from exporter import logs
from exporter.process import ENDING, end, limit_ending, prepare_interpreter

T = TypeVar("T")

_NAME_THREADS = "128"  # libuv resolves names in half of them at a time

_log = structlog.get_logger()

_left_open: list[asyncio.AbstractEventLoop] = []


def run_service(main: Coroutine[Any, Any, None]) -> None:
    """Run a service until a signal cancels it, as :func:`run_until_signalled` does."""
    prepare_interpreter()
    with logs.written_in_thread():
        run_until_signalled(main)


def run_until_signalled(main: Coroutine[Any, Any, T]) -> T:
    """Run a program in an event loop; a signal cancels it and ends the process by SystemExit.

    The event loop is not closed: closing would wait for threads that hang.
    """
    # libuv has four threads for names unless told otherwise: a few that do not resolve would hold up all others.
    os.environ.setdefault("UV_THREADPOOL_SIZE", _NAME_THREADS)
    loop = uvloop.new_event_loop()
    _left_open.append(loop)
    program = loop.create_task(main)
    signals: list[signal.Signals] = []

    def cancel(signum: signal.Signals) -> None:
        if not signals:
            _log.info("stopping", signal=signum.name)
            program.cancel()
        signals.append(signum)

    def pass_on(signum: int, _: FrameType | None) -> None:
        limit_ending(signum)
        loop.call_soon_threadsafe(cancel, signal.Signals(signum))

    before = {signum: signal.signal(signum, pass_on) for signum in ENDING}
    try:
        return loop.run_until_complete(program)
    except asyncio.CancelledError:
        end(signals[0])
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
