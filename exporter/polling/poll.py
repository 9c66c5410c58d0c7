"""One poll of one workspace: walks until the list is whole, or says why it is not."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from random import Random
from typing import ParamSpec, TypeVar

from exporter.api.body import Body
from exporter.api.client import Client, Observer
from exporter.api.errors import ApiError, OutOfTimeError, Reason, redact
from exporter.api.throttle import Throttle
from exporter.clock import Clock
from exporter.config.credentials import Secret
from exporter.config.settings import Workspace
from exporter.polling.buckets import BucketMaker
from exporter.polling.completeness import Assessment, Trunks, assess
from exporter.polling.fleet import Fleet, build_fleet
from exporter.polling.walk import Answer, Contents, ListShrankError, Page, Walk, read_answer, walk
from exporter.trunks.changes import States
from exporter.trunks.rows import Row

MAX_WALKS = 3

_LARGE = 2**18  # bytes of a page; a smaller one is decoded in less time than it takes to hand it to the executor

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollContext:
    """Settings, connections and helpers that all polls of a workspace share.

    Attributes:
        executor: where large pages are decoded and trunks rendered, so that scrapes are answered meanwhile.
        on_page: is called with every page that was read.
    """

    workspace: Workspace
    maker: BucketMaker
    client: Client
    observer: Observer
    clock: Clock
    random: Random
    executor: Executor
    on_page: Callable[[Page], None] = lambda _: None

    async def off_the_loop(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the executor."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, partial(function, *args, **kwargs))


class Poll:
    """One poll: ``await Poll(…).run(token)``.

    Args:
        before: the fleet of the poll before; what has not changed is taken from it.
        remembered: states that trunks had, beside those of the fleet before.
    """

    def __init__(self, context: PollContext, before: Fleet | None, remembered: States) -> None:
        self._context = context
        self._workspace = context.workspace
        self._before = before
        self._remembered = remembered
        self._deadline = context.clock.monotonic() + context.workspace.poll_timeout
        self._end = context.clock.timeout_at(self._deadline)
        self._throttle = Throttle(
            concurrency=context.workspace.concurrency,
            deadline=self._deadline,
            clock=context.clock,
            random=context.random,
            observer=context.observer,
        )
        self._walks: list[Walk] = []
        self._started_walks = 0
        self._assessment: Assessment | None = None
        self._contents = Contents()  # of rows that the fleet before did not have
        self.requests = 0

    @property
    def concurrency(self) -> int:
        """The most pages that may be in flight at the moment."""
        return self._throttle.limit

    async def run(self, token: Secret) -> Fleet:
        """Read the list and return its fleet.

        Raises:
            ApiError: there is no list that may be published.
        """
        try:
            unchanged = await self._walk_until_whole(token)
        except OutOfTimeError:
            if self._publishable is None:
                raise
        except TimeoutError as error:
            if self._publishable is None:
                raise self._out_of_time() from error
        else:
            if unchanged is not None:
                return unchanged
        if self._publishable is None:
            raise ApiError(Reason.INCOMPLETE, self._explain_incomplete())
        self._rows.clear()  # it takes memory
        fleet = await self._context.off_the_loop(
            build_fleet,
            self._context.maker,
            self._workspace.max_trunks,
            self._publishable,
            self._walks,
            self._contents,
            self._started_walks,
            self._before,
            self._remembered,
            self._context.clock.time(),
        )
        self._walks, self._contents = [], Contents()  # as large as the fleet, and changes are found only now
        return fleet

    async def _walk_until_whole(self, token: Secret) -> Fleet | None:
        """Walk until the list is whole, or no walk is left; return the fleet before if the same answers came."""
        before = self._before.trunks if self._before else _keys_alone(self._remembered)
        while self._started_walks < MAX_WALKS:
            self._started_walks += 1
            try:
                newest = await self._walk(token)
            except ListShrankError:
                continue
            self._walks.append(newest)
            maker, now = self._context.maker, self._context.clock.time()
            if self._started_walks == 1 and self._before and self._before.is_shown_by(newest, maker, now):
                return self._before.again()
            # A walk that came in time is judged, however long that has to wait for the executor.
            self._assessment = await self._context.off_the_loop(assess, self._walks, before)
            if self._assessment.whole and self._assessment.confirmed:
                break
        return None

    @property
    def _publishable(self) -> Assessment | None:
        assessment = self._assessment
        if assessment and (assessment.whole or assessment.acceptable or not self._workspace.verify_total):
            return assessment
        return None

    async def _walk(self, token: Secret) -> Walk:
        async with self._context.clock.timeout_at(self._deadline) as self._end:
            return await walk(
                lambda number: self._throttle.run(lambda: self._get_page(token, number)),
                concurrency=self._workspace.concurrency,
                max_trunks=self._workspace.max_trunks,
            )

    async def _get_page(self, token: Secret, number: int) -> Page:
        self.requests += 1
        started = self._context.clock.monotonic()
        try:
            body = await self._context.client.get_page(number, token, self._throttle.note_remaining)
        except asyncio.CancelledError:
            # Cancelled because of another page, a request says nothing about the API; at the end it had time to answer.
            if self._end.expired():
                self._context.observer.requested("error", self._context.clock.monotonic() - started)
            raise
        try:
            answer = await self._answer(body)
        except ApiError as error:
            raise redact(error, token, self._workspace.proxy) from None
        page = Page(number, answer, body.digest, body.compressed)
        self._context.on_page(page)
        return page

    async def _answer(self, body: Body) -> Answer:
        if self._before and (known := self._before.answers.get(body.digest)):
            return known
        read = partial(read_answer, body, self._rows)
        answer, trunks = await self._context.off_the_loop(read) if len(body.plain) > _LARGE else read()
        self._rows.update((row.digest, row) for row, _ in trunks)
        self._contents.add(trunks)
        return answer

    @cached_property
    def _rows(self) -> dict[bytes, Row]:
        """The rows of the fleet before and of this poll, by digest."""
        answers = self._before.answers.values() if self._before else ()
        return {row.digest: row for answer in answers for row in answer.rows}

    def _out_of_time(self) -> ApiError:
        limit = f"{self._workspace.poll_timeout:g}s (poll_timeout)"
        if self._throttle.rate_limited:
            return ApiError(Reason.RATE_LIMITED, f"waiting for the API's rate limit used up {limit}")
        if self._assessment is not None:
            return ApiError(Reason.INCOMPLETE, f"{limit} was over, and {self._explain_incomplete()}")
        return ApiError(
            Reason.TIMEOUT, f"the list was not read within {limit}", "raise poll_timeout, or poll_interval with it"
        )

    def _explain_incomplete(self) -> str:
        walks = f"{self._started_walks} walk{'s' if self._started_walks > 1 else ''} did not find the whole list"
        return f"{walks}: {self._assessment.explanation if self._assessment else 'pages that it promised were gone'}"


def _keys_alone(keys: Iterable[str]) -> Trunks:
    return {key: (Row(key, number="", channels=0, states_bindings=False, digest=b""),) for key in keys}
