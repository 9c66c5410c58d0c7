"""One walk through the list, from its first page to its last."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exporter.api.body import Body
from exporter.api.errors import ApiError, Reason
from exporter.api.wire import Pagination, decode_page
from exporter.trunks.rows import Row, RowsByTrunk, by_trunk, read_rows
from exporter.trunks.trunk import CHANNELS

_MAX_ROWS_PER_TRUNK = len(CHANNELS)
_GONE = {404, 422}  # answers for a page after the last


@dataclass(frozen=True, slots=True)
class Page:
    """A page as one walk saw it."""

    number: int  # the page that was asked for
    digest: bytes  # of the body
    pagination: Pagination  # where the API says that it stands in the list
    rows: tuple[Row, ...]

    @property
    def is_echoed(self) -> bool:
        return self.pagination.current_page == self.number


EncodedTrunks = Sequence[tuple[Row, bytes]]


def read_page(number: int, body: Body, earlier: Mapping[bytes, Row], listed: RowsByTrunk) -> tuple[Page, EncodedTrunks]:
    """Decode a page; return it, and its new rows with their trunks, encoded.

    Rows whose digests are in ``earlier`` are taken from there. ``listed`` are the rows of the fleet before.

    Raises:
        ApiError: ``api_error`` or ``invalid_response``.
    """
    items, pagination = decode_page(body.plain)
    rows, trunks = read_rows(items, earlier, listed)
    return Page(number, body.digest, pagination, rows), trunks


@dataclass(frozen=True)
class Walk:
    pages: tuple[Page, ...]

    @cached_property
    def trunks(self) -> RowsByTrunk:
        return by_trunk([*self.rows])

    @property
    def rows(self) -> Iterator[Row]:
        return (row for page in self.pages for row in page.rows)

    @cached_property
    def row_count(self) -> int:
        return sum(len(page.rows) for page in self.pages)

    @cached_property
    def totals(self) -> frozenset[int | None]:
        return frozenset(page.pagination.total for page in self.pages)

    @property
    def last_total(self) -> int | None:
        return self.pages[-1].pagination.total

    @cached_property
    def is_echoed(self) -> bool:
        return all(page.is_echoed for page in self.pages)


class ListShrankError(Exception):
    """A page that the first one promised does not exist any more; ``walk`` has those that came before."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk


def too_many(max_trunks: int, seen: str) -> ApiError:
    return ApiError(Reason.TOO_LARGE, f"{seen}, but max_trunks is {max_trunks}")


async def walk(get: Callable[[int], Awaitable[Page]], *, concurrency: int, max_trunks: int) -> Walk:
    """Read every page of the list.

    Page 1 reports how many there are; where it does not, the walk goes on page by page until there are no more.

    Raises:
        ListShrankError: a page after the first does not exist.
        ApiError: a page could not be had, or there are more trunks than ``max_trunks``.
    """
    pages: dict[int, Page] = {}
    rows = 0

    async def read(number: int) -> Page:
        nonlocal rows
        try:
            page = pages[number] = await get(number)
        except ApiError as error:
            if number > 1 and error.status in _GONE:
                raise ListShrankError(Walk(tuple(pages.values()))) from error
            raise
        rows += len(page.rows)
        seen = max(rows, page.pagination.total or 0)
        if seen > max_trunks * _MAX_ROWS_PER_TRUNK:
            raise too_many(max_trunks, f"the API lists {seen} rows")
        return page

    async def read_several() -> None:
        for number in remaining:
            page = await read(number)
            # Without a total, nothing else contradicts a last page that is far too high.
            if not page.rows and page.pagination.total is None:
                break

    first = page = await read(1)
    if (last := last_page(first)) is None:
        while page.rows and page.pagination.has_more is not False:
            page = await read(page.number + 1)
        return Walk(tuple(pages.values()))
    # One page more than there is room for is enough to find that there are too many.
    last = min(last, max_trunks * _MAX_ROWS_PER_TRUNK // max(_page_size(first), 1) + 1)
    remaining = iter(range(2, last + 1))  # one iterator, from which each task takes the next number
    await _run_all([read_several() for _ in range(min(concurrency, last - 1))])
    return Walk(tuple(pages[number] for number in sorted(pages)))


async def _run_all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    # A TaskGroup would do the same, but in Python 3.11 and 3.12 one whose task fails may leave its parent marked as
    # being cancelled, and then the next time-out ends the polling.
    tasks = list(map(asyncio.create_task, work))
    try:
        if tasks:
            # If one fails just before this is cancelled, gather() raises its error, and the cancellation is lost.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in filter(asyncio.Task.done, tasks):
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def last_page(first: Page) -> int | None:
    """Return the number of the last page as the first one reports it; None where it does not.

    A last page beyond what the total leaves room for is not believed: the pages between would be empty.
    """
    pagination = first.pagination
    if pagination.total is None:
        return pagination.last_page
    size = _page_size(first)
    by_total = -(-pagination.total // size) if size else 1
    return by_total if pagination.last_page is None else max(1, min(pagination.last_page, by_total))


def _page_size(first: Page) -> int:
    # A page that has fewer rows than it reports is believed, not the report.
    return min(first.pagination.per_page or len(first.rows), len(first.rows))
