"""The views of workspaces, which polls replace, and the bodies of scrapes, which are joined from them."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

from exporter.clock import Clock
from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.family import Family
from exporter.metrics.gzip_segments import Segment, coalesce, compress
from exporter.metrics.text import Format

Segments = Mapping[str, Segment]  # by the name of the family


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The series that one workspace exposes."""

    workspace: str
    reading: Segments  # the families about reading the API
    trunks: Segments = field(default_factory=dict)  # of the last successful poll
    stale: Segments = field(default_factory=dict)  # exposed in place of ``trunks`` once they are too old
    expires_at: float = float("-inf")  # when that is, by the clock's ``monotonic``
    polled: bool = False  # whether a poll has ended, successful or not

    def at(self, now: float) -> tuple[Segments, Segments]:
        """``now`` is by the clock's ``monotonic``."""
        return self.reading, self.trunks if now < self.expires_at else self.stale


class UnknownWorkspaceError(LookupError):
    """No workspace has this name."""


class Exposition:
    """The views of all workspaces, in the order of the configuration, and the bodies joined from them."""

    def __init__(self, exporter_metrics: ExporterMetrics, clock: Clock) -> None:
        self._exporter_metrics = exporter_metrics
        self._clock = clock
        self._views: dict[str, View] = {}
        self._kept: dict[Format, tuple[list[Segments], Sequence[Segment]]] = {}
        # Scrapes wait for nothing that is slow elsewhere; more than one thread would only contend for the interpreter.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scrapes")

    def show(self, view: View) -> None:
        self._views[view.workspace] = view
        self._kept = {}  # old text is large

    def keep(self, workspaces: Iterable[str]) -> None:
        """Drop the views of all other workspaces, and put these in this order."""
        self._views = {name: self._views[name] for name in workspaces if name in self._views}

    def views(self) -> tuple[View, ...]:
        return tuple(self._views.values())

    async def everything(self, format_: Format) -> Sequence[Segment]:
        """Return the body of all workspaces and the exporter's own metrics."""
        shown = self._shown(self._views.values())
        kept = self._kept  # ``show`` replaces it, so that a body joined from old views is not kept
        earlier, body = kept.get(format_, (None, ()))
        if earlier != shown:
            body = await self._join(shown, format_)
            kept[format_] = shown, body
        return *body, *self.exporter(format_)

    async def some(self, workspaces: Iterable[str], format_: Format) -> Sequence[Segment]:
        """Return the body of some workspaces, without the exporter's own metrics, or raise UnknownWorkspaceError."""
        try:
            views = [self._views[name] for name in dict.fromkeys(workspaces)]
        except KeyError as unknown:
            raise UnknownWorkspaceError(*unknown.args) from None
        return *await self._join(self._shown(views), format_), compress(format_.end)

    def exporter(self, format_: Format) -> Sequence[Segment]:
        """Return the body of the exporter's own metrics."""
        return (compress(self._exporter_metrics.text(format_) + format_.end),)

    def _shown(self, views: Iterable[View]) -> list[Segments]:
        now = self._clock.monotonic()
        return [segments for view in views for segments in view.at(now)]

    async def _join(self, shown: Sequence[Segments], format_: Format) -> Sequence[Segment]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: (*coalesce(exposed(SHOWN_FAMILIES, shown, format_)),))


def exposed(families: Iterable[Family], shown: Sequence[Segments], format_: Format) -> Iterator[Segment]:
    """Yield families, each after its header; those without samples are left out."""
    for family in families:
        segments = [segment for by_family in shown if (segment := by_family.get(family.name)) is not None]
        if segments:
            yield _header(family, format_)
            yield from segments


@lru_cache(maxsize=256)
def _header(family: Family, format_: Format) -> Segment:
    return compress(format_.header(family.name, family.help, family.type))
