"""Keeps the C library from holding on to memory that the exporter has freed."""

import ctypes
from collections.abc import Callable
from typing import cast

_Function = Callable[..., int]
_ARENA_MAX = -8  # glibc's M_ARENA_MAX, malloc.h


def _of_glibc(name: str) -> _Function | None:
    """Return a function of the C library; others than glibc do not have these, and do not need them."""
    try:
        return cast("_Function", getattr(ctypes.CDLL(None), name))
    except (OSError, AttributeError):
        return None


_trim = _of_glibc("malloc_trim")
_mallopt = _of_glibc("mallopt")


def keep_one_arena() -> None:
    """Let all threads take memory from the same place: one for each would only keep more, as they take turns anyway."""
    if _mallopt is not None:
        _mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free to the system; it takes some milliseconds, in which other threads run on."""
    if _trim is not None:
        _trim(0)
