"""One poll of one workspace: walks until the list is whole, or says why it is not."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import ParamSpec, TypeVar

from exporter.clock import Clock
from exporter.config.credentials import Secret
from exporter.config.settings import Workspace
from exporter.metrics.rendering import Renderer
from exporter.mihu.client import Client, Observer
from exporter.mihu.concealment import conceal
from exporter.mihu.faults import Fault, OutOfTimeError, Reason
from exporter.mihu.pace import Pace
from exporter.polling.completeness import Verdict, judge
from exporter.polling.page import ListedPage
from exporter.polling.shelf import Shelf
from exporter.polling.snapshot import Assembly, Snapshot
from exporter.polling.walk import ListShrankError, Walk, walk

MAX_WALKS = 3

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """What every poll of a workspace works with.

    Attributes:
        executor: where pages are decoded and rendered, so that scrapes are answered meanwhile.
        watch: is told of every page that was read.
    """

    workspace: Workspace
    renderer: Renderer
    client: Client
    observer: Observer
    clock: Clock
    random: Random
    executor: Executor
    watch: Callable[[ListedPage], None] = lambda _: None


class Poll:
    """One poll: ``await Poll(…).run(token)``.

    Args:
        polling: what every poll of the workspace works with.
        previous: what the new snapshot is compared with.
        rendered: the one that the same renderer made, of which what comes again is taken, if need be all.
    """

    def __init__(self, polling: Polling, previous: Snapshot | None, rendered: Snapshot | None) -> None:
        self._polling = polling
        self._workspace = polling.workspace
        self._previous = previous
        self._rendered = rendered
        self._deadline = polling.clock.monotonic() + polling.workspace.poll_timeout
        self._end = polling.clock.timeout_at(self._deadline)
        self._pace = Pace(
            concurrency=polling.workspace.concurrency,
            deadline=self._deadline,
            clock=polling.clock,
            random=polling.random,
            observer=polling.observer,
        )
        self._shelf = Shelf(
            polling.renderer,
            polling.workspace.filter,
            rendered.pages if rendered else (),
            rendered.answers if rendered else {},
        )
        self._habits = previous.habits if previous else {}
        self._walks: list[Walk] = []
        self._started_walks = 0
        self.requests = 0
        self._publishable: Verdict | None = None  # the newest of which that is true

    @property
    def concurrency(self) -> int:
        """Pages in flight at most, as the API allows them so far."""
        return self._pace.limit

    def leftovers(self) -> list[object]:
        """Return what may not be needed any more when this poll is not, in the parts that it consists of."""
        return [*(page for walk in self._walks for page in walk.pages), *self._shelf.pages()]

    async def run(self, token: Secret) -> Snapshot:
        """Read the list, authenticated by a token, and return it rendered.

        Raises:
            Fault: there is no list that may be published.
        """
        unchanged = None
        try:
            async with self._end:
                unchanged = await self._walk_until_whole(token)
        except OutOfTimeError:
            if self._publishable is None:
                raise
        except TimeoutError as error:
            if self._publishable is None:
                raise self._out_of_time() from error
        if unchanged is not None:
            return unchanged
        if self._publishable is None:
            raise Fault(Reason.INCOMPLETE, self._explain_incomplete())
        assembly = Assembly(self._polling.renderer, self._workspace.max_trunks)
        return await self._off_the_loop(
            assembly.assemble, self._publishable, self._started_walks, self._shelf, self._previous, self._rendered
        )

    async def _walk_until_whole(self, token: Secret) -> Snapshot | None:
        """Find a verdict that may be published, or return what an earlier poll made of the same answers."""
        while self._started_walks < MAX_WALKS:
            self._started_walks += 1
            try:
                newest = await walk(
                    partial(self._get_page, token),
                    concurrency=self._workspace.concurrency,
                    max_trunks=self._workspace.max_trunks,
                )
            except ListShrankError:
                continue
            self._walks.append(newest)
            if self._rendered is not None and self._started_walks == 1 and self._rendered.is_shown_by(newest):
                return self._rendered.again()
            verdict = await self._off_the_loop(judge, self._walks, self._habits)
            if verdict.whole or verdict.acceptable or not self._workspace.verify_total:
                self._publishable = verdict
            if verdict.whole:
                break
        return None

    async def _get_page(self, token: Secret, number: int) -> ListedPage:
        return await self._pace.carry(lambda: self._request(token, number))

    async def _request(self, token: Secret, number: int) -> ListedPage:
        self.requests += 1
        started = self._polling.clock.monotonic()
        try:
            body = await self._polling.client.get_page(number, token, self._pace.heed)
        except asyncio.CancelledError:
            # Called off because of another page it tells nothing of the API, which at the end had time to answer.
            if self._end.expired():
                self._polling.observer.requested("error", self._polling.clock.monotonic() - started)
            raise
        try:
            page = self._shelf.recognize(number, body)
            if page is None:
                page = await self._off_the_loop(self._shelf.take_in, number, body)
        except Fault as fault:
            raise conceal(fault, token, self._workspace.proxy) from None
        self._polling.watch(page)
        return page

    async def _off_the_loop(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what computes in the executor, so that scrapes are answered meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._polling.executor, partial(function, *args, **kwargs))

    def _out_of_time(self) -> Fault:
        limit = f"{self._workspace.poll_timeout:g}s (poll_timeout)"
        if self._pace.rate_limited:
            return Fault(Reason.RATE_LIMITED, f"waiting for the API's rate limit used up {limit}")
        if self._walks:
            return Fault(Reason.INCOMPLETE, f"{limit} was over, and {self._explain_incomplete()}")
        return Fault(
            Reason.TIMEOUT, f"the list was not read within {limit}", "raise poll_timeout, or poll_interval with it"
        )

    def _explain_incomplete(self) -> str:
        walks = f"{self._started_walks} walk{'s' if self._started_walks > 1 else ''} did not find the whole list"
        found = judge(self._walks, self._habits).explanation if self._walks else "pages that it promised were gone"
        return f"{walks}: {found}"
