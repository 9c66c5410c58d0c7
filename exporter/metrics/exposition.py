"""Puts bodies together from what the workspaces show, copying text that is compressed already."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from exporter.clock import Clock
from exporter.metrics.catalogue import VIEW_FAMILIES
from exporter.metrics.family import Family
from exporter.metrics.formats import Format
from exporter.metrics.own import OwnMetrics
from exporter.metrics.segment import Segment, compress, pack
from exporter.metrics.view import Segments, Showcase, View

Body = Sequence[Segment]


class Exposition:
    """What a scrape gets.

    The body of all workspaces is put together by the first scrape after a change, and kept until the next change.
    """

    def __init__(self, showcase: Showcase, own: OwnMetrics, clock: Clock) -> None:
        self._showcase = showcase
        self._own = own
        self._clock = clock
        self._kept: dict[Format, tuple[list[Segments], Body]] = {}
        self._building = asyncio.Lock()
        # Its own, so that nothing that is slow or hangs elsewhere delays a scrape; one thread, since more would only
        # contend for the interpreter.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scrapes")
        showcase.watch(self._kept.clear)

    async def everything(self, format_: Format) -> Body:
        """Return all workspaces and the exporter's own metrics."""
        shown = self._shown(self._showcase.views())
        # One scrape builds; those that come meanwhile wait for it instead of building the same.
        async with self._building:
            kept, body = self._kept.get(format_, ([], None))
            if body is None or not _same(kept, shown):
                body = await self._join(shown, format_)
                self._kept[format_] = (shown, body)
        return *body, *self.exporter(format_)

    def exporter(self, format_: Format) -> Body:
        """Return what the exporter says of itself, and no workspace."""
        return (compress(self._own.text(format_) + format_.end),)

    async def some(self, workspaces: Iterable[str], format_: Format) -> Body:
        """Return some workspaces, without what the exporter says of itself.

        Raises:
            UnknownWorkspaceError: one of them is not there.
        """
        shown = self._shown(self._showcase.select(workspaces))
        return *await self._join(shown, format_), compress(format_.end)

    async def _join(self, shown: Sequence[Segments], format_: Format) -> Body:
        return await asyncio.get_running_loop().run_in_executor(self._executor, _body, shown, format_)

    def _shown(self, views: Iterable[View]) -> list[Segments]:
        now = self._clock.monotonic()
        return [segments for view in views for segments in view.at(now)]


def _same(one: Sequence[Segments], other: Sequence[Segments]) -> bool:
    """Tell whether the same immutable mappings are shown."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _body(shown: Sequence[Segments], format_: Format) -> Body:
    return tuple(pack(exposed(VIEW_FAMILIES, shown, format_)))


def exposed(families: Iterable[Family], shown: Sequence[Segments], format_: Format) -> Iterator[Segment]:
    """Yield the text of families, each with its header where anything of it is shown."""
    for family in families:
        found = [segments for by_family in shown if (segments := by_family.get(family.name)) is not None]
        if found:
            yield _header(family, format_)
            for segments in found:
                yield from segments


@lru_cache(maxsize=256)
def _header(family: Family, format_: Format) -> Segment:
    return compress(format_.header(family.name, family.help, family.type))
