"""Gives memory back that the C library keeps once a large snapshot was replaced."""

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


def give_back() -> None:
    """Return what is free to the system; it takes some milliseconds, in which other threads run on."""
    if _trim is not None:
        _trim(0)
