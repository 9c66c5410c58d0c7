"""One poll of one workspace: walks until the list is whole, or says why it is not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from random import Random
from typing import TypeVar, TypeVarTuple

from exporter.api.body import Body
from exporter.api.client import Client
from exporter.api.errors import ApiError, OutOfTimeError, Reason, redact
from exporter.api.throttle import Throttle
from exporter.clock import Clock
from exporter.config.credentials import Secret
from exporter.config.settings import Workspace
from exporter.polling.buckets import BucketMaker
from exporter.polling.completeness import MAX_WALKS, Assessment, assess
from exporter.polling.fleet import Fleet, build_fleet
from exporter.polling.snapshot import Snapshot
from exporter.polling.trunk_buffer import TrunkBuffer
from exporter.polling.walk import EncodedTrunks, ListShrankError, Page, Walk, read_page, walk
from exporter.trunks.changes import ChangeKind, State
from exporter.trunks.memory import Comparison
from exporter.trunks.rows import Row, RowsByTrunk, count_trunks, digits, names_trunk

_LARGE = 2**18  # bytes of a page; a smaller one is decoded in less time than it takes to hand it to the executor

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollContext:
    """Settings, connections and helpers that all polls of a workspace share."""

    workspace: Workspace
    maker: BucketMaker
    client: Client
    clock: Clock
    random: Random
    executor: Executor  # decodes large pages and renders trunks, so that scrapes are answered meanwhile
    on_page: Callable[[Page], None] = lambda _: None  # is called with every page that was read

    async def off_the_loop(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a function in the executor."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)


class Poll:
    """One poll: ``await Poll(…).run(token)``.

    ``before`` is the snapshot after the poll before; everything that has not changed is taken from it.
    """

    def __init__(self, context: PollContext, before: Snapshot) -> None:
        self._context = context
        self._workspace = context.workspace
        self._snapshot = before
        # A fleet that was built before the stored states were read is built again, with them.
        self._before = before.fleet if before.stored is None else None
        self._deadline = context.clock.monotonic() + context.workspace.poll_timeout
        self._end = context.clock.timeout_at(self._deadline)
        self._throttle = Throttle(
            concurrency=context.workspace.concurrency,
            deadline=self._deadline,
            clock=context.clock,
            random=context.random,
            observer=context.client.observer,
        )
        self._walks: list[Walk] = []
        self._cut_walks: list[Walk] = []  # until a page was gone
        self._started_walks = 0
        self._assessment: Assessment | None = None
        self._buffer = TrunkBuffer()  # of rows that the fleet before did not have
        self._rows: dict[bytes, Row] | None = None  # of the fleet before and earlier walks, by digest, during a walk
        self.requests = 0

    @property
    def concurrency(self) -> int:
        """The most pages that may be in flight at the moment."""
        return self._throttle.limit

    async def run(self, token: Secret) -> tuple[Snapshot, Counter[ChangeKind]]:
        """Read the list; return what is known then, and how many changes were found.

        Raises:
            ApiError: there is no list that may be published.
        """
        unchanged: Fleet | None = None
        try:
            unchanged = await self._walk_until_whole(token)
        except OutOfTimeError:
            if self._publishable is None:
                raise
        except TimeoutError as error:
            if self._publishable is None:
                raise self._out_of_time() from error
        found = unchanged or self._publishable
        if found is None:
            raise ApiError(Reason.INCOMPLETE, self._explain_incomplete())
        return await self._context.off_the_loop(self._take_in, found)

    def _take_in(self, found: Fleet | Assessment) -> tuple[Snapshot, Counter[ChangeKind]]:
        """Build the fleet, unless it is the one before, and compare it with what is known."""
        before, clock, maker = self._snapshot, self._context.clock, self._context.maker
        if isinstance(found, Assessment) and before.fleet and before.stored is None:
            # Rows that name no trunk may be those that are missing, unless they named none before.
            missing = {*before.memory.missing, *filter(names_trunk, found.changed)} - found.trunks.keys()
            nameless_before = before.fleet.result.invalid_items - len(before.memory.missing)
            if missing and len(missing) <= len(found.trunks) - count_trunks(found.trunks) - max(nameless_before, 0):
                found = replace(found, unseen=found.unseen | missing)
        comparison = Comparison(
            before.memory,
            clock.time(),
            stored=before.stored,
            unseen=found.unseen if isinstance(found, Assessment) else frozenset(),
            has_past=before.stored is not None or (before.fleet is not None and before.is_loaded),
        )
        fleet = found
        if isinstance(fleet, Assessment):
            fleet = build_fleet(maker, fleet, self._buffer, before.fleet, comparison)

        def digits_of(state: State) -> str:
            for trunks in (before.fleet.trunks, before.fleet.unconfirmed) if before.fleet else ():
                if rows := trunks.get(state.key):
                    return rows[0].number
            return digits(state.number) if maker.renderer.shows_numbers else ""

        memory, changes = comparison.finish(fleet.trunks, fleet.around, digits_of, self._workspace.remember)
        after = replace(
            before,
            fleet=fleet,
            succeeded_at=clock.monotonic(),
            memory=memory,
            memory_segments=maker.renderer.memory(memory),
            stored=None,
        )
        return after, changes

    async def _walk_until_whole(self, token: Secret) -> Fleet | None:
        """Walk until the list is whole, or no walk is left; return the fleet before if the same answers came."""
        clock = self._context.clock
        before: RowsByTrunk
        if self._before is not None:
            before = self._before.trunks
        else:  # a walk that misses trunks which are only remembered has to be confirmed, too
            keys = {*self._snapshot.memory.absent, *(self._snapshot.stored or ())}
            before = {key: (Row(key, number="", channels=None, digest=b""),) for key in keys}
        while self._started_walks < MAX_WALKS:
            self._started_walks += 1
            try:
                async with clock.timeout_at(self._deadline) as self._end:
                    newest = await walk(
                        lambda number: self._throttle.run(lambda: self._get_page(token, number)),
                        concurrency=self._workspace.concurrency,
                        max_trunks=self._workspace.max_trunks,
                    )
            except ListShrankError as error:
                self._cut_walks.append(error.walk)
                if not self._walks:
                    continue
            else:
                self._walks.append(newest)
            self._rows = None  # it takes memory
            maker, now, unseen = self._context.maker, clock.time(), self._snapshot.memory.missing
            if self._started_walks == 1 and self._before and (again := self._before.again(self._walks[-1], maker, now)):
                return again
            # A walk that came in time is judged, however long that has to wait for the executor.
            self._assessment = await self._context.off_the_loop(assess, self._walks, before, self._cut_walks, unseen)
            if self._assessment.whole and self._assessment.confirmed:
                break
        return None

    @property
    def _publishable(self) -> Assessment | None:
        found = self._assessment
        if found and (found.whole or found.acceptable or not self._workspace.verify_total):
            return replace(found, started_walks=self._started_walks)
        return None

    async def _get_page(self, token: Secret, number: int) -> Page:
        self.requests += 1
        started = self._context.clock.monotonic()
        try:
            body = await self._context.client.get_page(number, token, self._throttle.note_remaining)
        except asyncio.CancelledError:
            # Cancelled because of another page, a request says nothing about the API; at the end it had time to answer.
            if self._end.expired():
                self._context.client.observer.requested("error", self._context.clock.monotonic() - started)
            raise
        try:
            page = await self._read(number, body)
        except ApiError as error:
            raise redact(error, token, self._workspace.proxy) from None
        self._context.on_page(page)
        return page

    async def _read(self, number: int, body: Body) -> Page:
        trunks: EncodedTrunks = ()
        if self._before and (known := self._before.pages.get(body.digest)):
            page = replace(known, number=number)
        else:
            if self._rows is None:
                before = self._before.pages.values() if self._before else ()
                pages = chain(before, *(walk.pages for walk in self._walks))
                self._rows = {row.digest: row for page in pages for row in page.rows}
            read = partial(read_page, number, body, self._rows, self._before.trunks if self._before else {})
            page, trunks = await self._context.off_the_loop(read) if len(body.plain) > _LARGE else read()
        self._buffer.add(page, body.compressed, trunks)
        return page

    def _out_of_time(self) -> ApiError:
        limit = f"{self._workspace.poll_timeout:g}s (poll_timeout)"
        if self._throttle.rate_limited:
            return ApiError(Reason.RATE_LIMITED, f"waiting for the API's rate limit used up {limit}")
        if self._assessment is not None:
            return ApiError(Reason.INCOMPLETE, f"{limit} was over, and {self._explain_incomplete()}")
        last = self._throttle.last_error
        remedy = (
            last.remedy if last else "raise poll_timeout if the API is slow, else check the network, proxy and firewall"
        )
        seen = f"the list was not read within {limit}{f'; the last error was: {last.seen}' if last else ''}"
        return ApiError(Reason.TIMEOUT, seen, remedy)

    def _explain_incomplete(self) -> str:
        walks = f"{self._started_walks} walk{'s' if self._started_walks > 1 else ''} did not find the whole list"
        return f"{walks}: {self._assessment.explanation if self._assessment else 'pages that it promised were gone'}"
