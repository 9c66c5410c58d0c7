"""Cuts long lists into pages."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def part(items: Sequence[T], page: int, size: int) -> tuple[int, int, Sequence[T]]:
    """Return a page's number, how many pages there are, and what is on it; beyond the last it is the last."""
    pages = max(1, -(-len(items) // size))
    page = min(page, pages)
    return page, pages, items[(page - 1) * size : page * size]
