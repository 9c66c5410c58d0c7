"""Frees what a poll leaves over, and gives memory back that the C library keeps."""

import ctypes
from collections.abc import Callable
from typing import cast

_Trim = Callable[[int], int]


def _malloc_trim() -> _Trim | None:
    """Return glibc's function of this name; other C libraries have none, and need none."""
    try:
        return cast("_Trim", ctypes.CDLL(None).malloc_trim)
    except (OSError, AttributeError):
        return None


_trim = _malloc_trim()


def let_go(leftovers: list[object]) -> None:
    """Empty a list one by one: at once, the rows of a large fleet would hold up the other threads for long."""
    while leftovers:
        leftovers.pop()


def give_back() -> None:
    """Return what is free to the system; it takes some milliseconds, in which other threads run on."""
    if _trim is not None:
        _trim(0)
