"""One walk through the list, from its first page to its last."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from exporter.api.errors import ApiError, Reason
from exporter.api.wire import CHANNELS
from exporter.polling.page import Page
from exporter.trunks.rows import Group, Row, by_trunk

GetPage = Callable[[int], Awaitable[Page]]

_MAX_ROWS_PER_TRUNK = len(CHANNELS)
_GONE = {404, 422}  # answers for a page after the last


@dataclass(frozen=True)
class Walk:
    """The pages that one walk saw, in their order."""

    pages: tuple[Page, ...]

    @cached_property
    def trunks(self) -> Mapping[str, Group]:
        """The rows of each trunk."""
        return by_trunk(self.rows)

    @property
    def rows(self) -> Iterator[Row]:
        """The rows, in the order of the list."""
        return (row for page in self.pages for row in page.rows)

    @cached_property
    def row_count(self) -> int:
        """How many rows came."""
        return sum(len(page.rows) for page in self.pages)

    @cached_property
    def totals(self) -> frozenset[int | None]:
        """The totals that the pages reported."""
        return frozenset(page.answer.position.total for page in self.pages)

    @property
    def last_total(self) -> int | None:
        """The total that the last page reported."""
        return self.pages[-1].answer.position.total

    @cached_property
    def is_echoed(self) -> bool:
        """Tell whether every page was the one asked for."""
        return all(page.is_echoed for page in self.pages)


class ListShrankError(Exception):
    """A page that the first one promised is not there any more."""


async def walk(get: GetPage, *, concurrency: int, max_trunks: int) -> Walk:
    """Read every page of the list.

    How many there are is what page 1 reports; where it reports nothing to tell that by, the walk goes on page
    by page until there are no more.

    Raises:
        ListShrankError: a page after the first does not exist.
        ApiError: a page could not be had, or there are more trunks than ``max_trunks``.
    """
    first = await get(1)
    guard = _Guard(max_trunks)
    guard.admit(first)
    last = last_page(first)
    if last is None:
        return Walk((first, *await _until_the_end(first, get, guard)))
    # One page more than there is room for is enough to find that there are too many.
    last = min(last, max_trunks * _MAX_ROWS_PER_TRUNK // max(_page_size(first), 1) + 1)
    pages: dict[int, Page] = {}
    numbers = iter(range(2, last + 1))
    # A TaskGroup would do the same, but in Python 3.11 and 3.12 one whose task fails may leave its parent marked as
    # being cancelled, and then the next time-out ends the polling.
    takers = [asyncio.create_task(_take_pages(numbers, get, guard, pages)) for _ in range(min(concurrency, last - 1))]
    try:
        await asyncio.gather(*takers)
    finally:
        for taker in takers:
            taker.cancel()
        await asyncio.gather(*takers, return_exceptions=True)
    return Walk((first, *(pages[number] for number in sorted(pages))))


class _Guard:
    """Stops a walk through a list that is too long, or that never ends."""

    def __init__(self, max_trunks: int) -> None:
        self._max_trunks = max_trunks
        self._rows = 0

    def admit(self, page: Page) -> None:
        self._rows += len(page.rows)
        seen = max(self._rows, page.answer.position.total or 0)
        if seen > self._max_trunks * _MAX_ROWS_PER_TRUNK:
            raise too_many(self._max_trunks, f"the API lists {seen} rows")


def too_many(max_trunks: int, seen: str) -> ApiError:
    """Return the fault of a list with more trunks than ``max_trunks``."""
    return ApiError(Reason.TOO_LARGE, f"{seen}, but max_trunks is {max_trunks}")


def last_page(first: Page) -> int | None:
    """Return the number of the last page as the first one reports it; None where it reports nothing to tell that by.

    A last page beyond what the total leaves room for is not believed: the pages between would be empty.
    """
    position = first.answer.position
    if position.total is None:
        return position.last_page
    size = _page_size(first)
    by_total = -(-position.total // size) if size else 1
    return by_total if position.last_page is None else max(1, min(position.last_page, by_total))


def _page_size(first: Page) -> int:
    """Return how many rows a full page has: what the first one reports, unless it has fewer itself."""
    return min(first.answer.position.per_page or len(first.rows), len(first.rows))


async def _until_the_end(first: Page, get: GetPage, guard: _Guard) -> list[Page]:
    pages: list[Page] = []
    page = first
    while page.rows and page.answer.position.has_more is not False:
        page = await _get_later(page.number + 1, get)
        guard.admit(page)
        pages.append(page)
    return pages


async def _take_pages(numbers: Iterator[int], get: GetPage, guard: _Guard, pages: dict[int, Page]) -> None:
    """Take page numbers from a common supply until it is empty, or the list has ended."""
    for number in numbers:
        page = await _get_later(number, get)
        guard.admit(page)
        pages[number] = page
        # Without a total, nothing else contradicts a last page that is far too high.
        if not page.rows and page.answer.position.total is None:
            break


async def _get_later(number: int, get: GetPage) -> Page:
    try:
        return await get(number)
    except ApiError as fault:
        if fault.status in _GONE:
            raise ListShrankError(f"page {number} is gone (HTTP {fault.status})") from fault
        raise
