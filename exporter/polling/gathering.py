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

    The same text is not held twice. Where the same pages stood ``before``, their pieces are taken from its ``columns``.
    """
    gathered: list[Page] = []
    pieces: list[tuple[Segment, ...]] = []  # for each group of pages, one piece a family
    for number, start in enumerate(range(0, len(pages), _TOGETHER)):
        group = pages[start : start + _TOGETHER]
        if _same(group, before[start : start + _TOGETHER]):
            gathered += group
            pieces.append(tuple(column[number] for column in columns))
        else:
            found, whole = _gather_group(group)
            gathered += found
            pieces.append(whole)
    return tuple(gathered), tuple(zip(*pieces, strict=True))


def _same(group: Sequence[Page], before: Sequence[Page]) -> bool:
    return len(group) == len(before) and all(one is other for one, other in zip(group, before, strict=True))


def _gather_group(group: Sequence[Page]) -> tuple[list[Page], tuple[Segment, ...]]:
    by_family = [gather(segments) for segments in zip(*(page.rendered.segments for page in group), strict=True)]
    by_page = zip(*(parts for _, parts in by_family), strict=True) if by_family else [()] * len(group)
    pages = [
        replace(page, rendered=replace(page.rendered, segments=tuple(segments)))
        for page, segments in zip(group, by_page, strict=True)
    ]
    return pages, tuple(whole for whole, _ in by_family)
