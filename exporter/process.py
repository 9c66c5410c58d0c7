"""The process: standard streams, signals, open files, memory, and its end.

This module is loaded before anything that takes time: signals may come meanwhile.
"""

import _thread
import contextlib
import gc
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM)

_GRACE = 4.0  # seconds in which the program ends by itself; users are promised five
_ARENA_MAX = -8  # glibc's M_ARENA_MAX, malloc.h
_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
_LARGE = 256 * 1024  # bytes of a block
_SWITCH_INTERVAL = 0.0002  # seconds that a thread computes while others wait

# Exit statuses after signals, as shells expect of commands.
_statuses: dict[int, int] = {signum: 128 + signum for signum in ENDING}


def prepare() -> None:
    """Prepare standard streams and signals, and raise the limit on open files for many workspaces.

    Signals are held back until it is known how the program runs; those that end it then do so by an exception.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:  # it is closed, and another file would take its number
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name in a configuration may have characters that a terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGHUP})
    for signum in ENDING:
        signal.signal(signum, end)  # the first process of a container only gets signals that it handles
    # The soft limit is 1,024 for programs that use select().
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def leave(main: Callable[[], object]) -> NoReturn:
    """Run the program and end the process, without waiting for threads: one may hang on a file or a name."""
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - shown as the interpreter shows it
        sys.excepthook(*sys.exc_info())
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status if isinstance(status, int) else 1)


def run_as_service() -> None:
    """Let SIGINT and SIGTERM end the program with status 0; SIGHUP stays blocked until it can be handled."""
    _statuses.update(dict.fromkeys(ENDING, 0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def run_as_command() -> None:
    """Let signals end the program with the status that shells expect."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*ENDING, signal.SIGHUP})


def end(signum: int, _: FrameType | None = None) -> NoReturn:
    """End the program after a signal; what is under way cleans up."""
    limit_ending(signum)
    raise SystemExit(_statuses[signum])


def limit_ending(signum: int) -> None:
    """End the process if the program has not ended by itself in time."""

    def end_late() -> None:
        time.sleep(_GRACE)
        os._exit(_statuses[signum])

    _thread.start_new_thread(end_late, ())  # threading takes locks, which the code that is interrupted may hold


class Files(NamedTuple):
    """Shares of the limit on open files."""

    connections: int  # of scrapers
    requests: int  # to the API
    idle: int  # connections to the API


def share_files() -> Files:
    """Divide the limit on open files, so that requests that hang leave enough for scrapes."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections, idle, others = min(512, limit // 2), min(256, limit // 4), min(128, limit // 8)
    return Files(connections, requests=limit - connections - idle - others, idle=idle)


def prepare_interpreter() -> None:
    """Make the interpreter keep little memory, and answer scrapes promptly while another thread renders.

    All threads share one arena of memory: they take turns anyway, and one for each would only keep more. They switch
    more often than every 5 ms. Large blocks go back to the system once they are freed; glibc would soon keep them. The
    garbage collector, which stops all threads, skips existing objects.
    """
    _call_glibc("mallopt", _ARENA_MAX, 1)
    _call_glibc("mallopt", _MMAP_THRESHOLD, _LARGE)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    gc.freeze()


def release_memory() -> None:
    """Return free memory to the system; other threads run meanwhile."""
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc; with another C library do nothing."""
    # Not at the start: its library may keep a file open, which must not take a missing stream's number.
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), name)(*arguments)
