"""Lays the segments of pages out in one piece for each family, so that a scrape has little to put together."""

from collections.abc import Sequence

from msgspec.structs import replace

from exporter.metrics.segment import Segment, gather
from exporter.polling.page import Page

_TOGETHER = 128  # pages: pieces large enough to be sent as they are, and few pages to copy when one has changed

Column = tuple[Segment, ...]  # what the pages show of one family, in pieces


def gather_pages(
    pages: Sequence[Page], before: Sequence[Page], columns: Sequence[Column]
) -> tuple[tuple[Page, ...], tuple[Column, ...]]:
    """Return the pages with their segments as parts of larger pieces, and these pieces by family.

    The same text is not held twice. Where the same segments stood ``before``, which has the same families, their piece
    is one of its ``columns``.
    """
    found = _by_family(pages)
    nothing = [()] * len(found)
    gathered = list(map(_gather_column, found, _by_family(before) or nothing, columns or nothing))
    by_page = zip(*(parts for _, parts in gathered), strict=True) if gathered else [()] * len(pages)
    return (
        tuple(_with(page, segments) for page, segments in zip(pages, by_page, strict=True)),
        tuple(pieces for pieces, _ in gathered),
    )


def _by_family(pages: Sequence[Page]) -> list[tuple[Segment, ...]]:
    return list(zip(*(page.rendered.segments for page in pages), strict=True))


def _gather_column(
    segments: Sequence[Segment], before: Sequence[Segment], pieces_before: Column
) -> tuple[Column, list[Segment]]:
    """Return the pieces of one family, and the pages' segments as parts of them."""
    pieces: list[Segment] = []
    parts: list[Segment] = []
    for number, start in enumerate(range(0, len(segments), _TOGETHER)):
        group = segments[start : start + _TOGETHER]
        if _same(group, before[start : start + _TOGETHER]):
            pieces.append(pieces_before[number])
            parts += group
        else:
            piece, found = gather(group)
            pieces.append(piece)
            parts += found
    return tuple(pieces), parts


def _with(page: Page, segments: tuple[Segment, ...]) -> Page:
    if _same(segments, page.rendered.segments):
        return page
    return replace(page, rendered=replace(page.rendered, segments=segments))


def _same(some: Sequence[Segment], others: Sequence[Segment]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))
