"""The process: what it begins with, how much memory it holds, and how it ends."""

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, NoReturn, cast

from exporter import signals

_Function = Callable[..., int]
_ARENA_MAX = -8  # glibc's M_ARENA_MAX, malloc.h
_FILES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class Files(NamedTuple):
    """How many files may be open at once, by what they are for."""

    connections: int  # of those who scrape
    requests: int  # to the API
    idle: int  # connections to the API


def share_files() -> Files:
    """Share the files that may be open, so that requests that hang leave enough for scrapes and everything else."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections, idle, others = min(512, limit // 2), min(256, limit // 4), min(128, limit // 8)
    return Files(connections, requests=limit - connections - idle - others, idle=idle)


def prepare() -> None:
    """Set up what everything else relies on: standard streams, signals, and files enough for many workspaces."""
    _open_missing_streams()
    signals.hold()
    _raise_file_limit()


def leave(main: Callable[[], object]) -> NoReturn:
    """Run the program and end the process, which does not wait for threads: one may hang on a file or a name."""
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - the interpreter's own way of showing it
        sys.excepthook(*sys.exc_info())
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status if isinstance(status, int) else 1)


def _open_missing_streams() -> None:
    """Open /dev/null in the place of standard streams that are closed: another file would take their numbers."""
    for number, (name, mode) in enumerate(_FILES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115


def _raise_file_limit() -> None:
    """Allow as many open files as the system lets us: the soft limit is 1,024 for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@cache
def _of_glibc(name: str) -> _Function | None:
    """Return a function of the C library; others than glibc do not have these, and do not need them."""
    # Not at the start: its library may keep a file open, which must not take a missing stream's number.
    import ctypes  # noqa: PLC0415

    try:
        return cast("_Function", getattr(ctypes.CDLL(None), name))
    except (OSError, AttributeError):
        return None


def keep_one_arena() -> None:
    """Let all threads take memory from the same place: one for each would only keep more, as they take turns anyway."""
    if mallopt := _of_glibc("mallopt"):
        mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free to the system; it takes some milliseconds, in which other threads run on."""
    if trim := _of_glibc("malloc_trim"):
        trim(0)
