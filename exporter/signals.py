"""Signals: held until they can be served, and obeyed even where the rest of the program hangs."""

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM)

_GRACE = 4.0  # seconds that the program has to end by itself; five is what is promised
_NO_HANDLER = (signal.SIG_DFL, signal.default_int_handler)


class _Status:
    """The status with which a signal ends the program, once it is known what runs."""

    def __init__(self) -> None:
        self.is_known = Event()
        self.of: Callable[[int], int] = _as_shells_have_it


def _as_shells_have_it(signum: int) -> int:
    return 128 + signum


_status = _Status()


def hold() -> None:
    """Hold signals from now on; those that end the program are taken by a thread of their own.

    A held signal reaches the first process of a container too, which otherwise is sent none that it has no handler for.
    """
    # Threads begun later hold them as well, so that the one below is the only taker.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGHUP})
    Thread(target=_take, name="signals", daemon=True).start()


def run_as_service() -> None:
    """Let SIGINT and SIGTERM end the program with status 0; SIGHUP is held until ``release_reload``."""
    _status.of = lambda _: 0
    _status.is_known.set()


def run_as_command() -> None:
    """Let signals end the program with the status that shells expect."""
    _status.is_known.set()
    release_reload()


def release_reload() -> None:
    """Let SIGHUP through, also one that came before."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _take() -> NoReturn:
    """Hand a signal to its handler, and end the program where there is none or where it does not help in time."""
    signum = signal.Signals(signal.sigwait(ENDING))
    end = time.monotonic() + _GRACE
    _status.is_known.wait(_GRACE)
    if signal.getsignal(signum) not in _NO_HANDLER:
        _thread.interrupt_main(signum)
        time.sleep(max(end - time.monotonic(), 0))
    os._exit(_status.of(signum))


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal end the block as an exception does, so that what it has begun is cleaned up.

    Raises:
        SystemExit: a signal came; with 128 and the signal's number.
    """
    before = {signum: signal.signal(signum, end_because_of) for signum in ENDING}
    try:
        yield
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)


def end_because_of(signum: int, _: FrameType | None = None) -> NoReturn:
    """End a command with the status that shells expect."""
    raise SystemExit(_as_shells_have_it(signum))
