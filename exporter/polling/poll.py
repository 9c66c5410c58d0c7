"""One poll of one workspace: walks until the list is whole, or says why it is not."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
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
from exporter.polling.completeness import Trunks, Verdict, judge
from exporter.polling.fleet import Fleet, build_fleet
from exporter.polling.page import Answer, Page, read_answer
from exporter.polling.walk import ListShrankError, Walk, walk
from exporter.trunks.rows import Row
from exporter.trunks.state import State

MAX_WALKS = 3

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """What every poll of a workspace works with.

    Attributes:
        executor: where pages are decoded and trunks rendered, so that scrapes are answered meanwhile.
        watch: is given every page that was read.
    """

    workspace: Workspace
    maker: BucketMaker
    client: Client
    observer: Observer
    clock: Clock
    random: Random
    executor: Executor
    watch: Callable[[Page], None] = lambda _: None


class Poll:
    """One poll: ``await Poll(…).run(token)``.

    Args:
        polling: what every poll of the workspace works with.
        before: the fleet of the poll before, of which what comes again is taken, if need be all.
        remembered: states that trunks had, beside those of the fleet before.
    """

    def __init__(self, polling: Polling, before: Fleet | None, remembered: Mapping[str, State]) -> None:
        self._polling = polling
        self._workspace = polling.workspace
        self._before = before
        self._remembered = remembered
        self._deadline = polling.clock.monotonic() + polling.workspace.poll_timeout
        self._end = polling.clock.timeout_at(self._deadline)
        self._throttle = Throttle(
            concurrency=polling.workspace.concurrency,
            deadline=self._deadline,
            clock=polling.clock,
            random=polling.random,
            observer=polling.observer,
        )
        self._walks: list[Walk] = []
        self._started_walks = 0
        self._verdict: Verdict | None = None
        self.requests = 0

    @property
    def concurrency(self) -> int:
        """Pages in flight at most, at the moment."""
        return self._throttle.limit

    async def run(self, token: Secret) -> Fleet:
        """Read the list, authenticated by a token, and return the fleet that it shows.

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
        return await self._off_the_loop(
            build_fleet,
            self._polling.maker,
            self._workspace.max_trunks,
            self._publishable,
            self._walks,
            self._started_walks,
            self._before,
            self._remembered,
        )

    async def _walk_until_whole(self, token: Secret) -> Fleet | None:
        """Find a verdict that may be published; or return the fleet before, where the same answers came."""
        before = self._before.trunks if self._before else _keys_alone(self._remembered)
        while self._started_walks < MAX_WALKS:
            self._started_walks += 1
            try:
                newest = await self._walk(token)
            except ListShrankError:
                continue
            self._walks.append(newest)
            if self._started_walks == 1 and self._is_shown_before(newest):
                return self._before and self._before.again()
            # A walk that came in time is judged, however long that has to wait for the executor.
            self._verdict = await self._off_the_loop(judge, self._walks, before)
            if self._verdict.whole and self._verdict.confirmed:
                break
        return None

    @property
    def _publishable(self) -> Verdict | None:
        verdict = self._verdict
        if verdict and (verdict.whole or verdict.acceptable or not self._workspace.verify_total):
            return verdict
        return None

    def _is_shown_before(self, newest: Walk) -> bool:
        before = self._before
        return before is not None and before.maker is self._polling.maker and before.is_shown_by(newest)

    async def _walk(self, token: Secret) -> Walk:
        """Walk through the list once, within the poll's time."""
        async with self._polling.clock.timeout_at(self._deadline) as self._end:
            return await walk(
                partial(self._get_page, token),
                concurrency=self._workspace.concurrency,
                max_trunks=self._workspace.max_trunks,
            )

    async def _get_page(self, token: Secret, number: int) -> Page:
        return await self._throttle.run(lambda: self._request(token, number))

    async def _request(self, token: Secret, number: int) -> Page:
        self.requests += 1
        started = self._polling.clock.monotonic()
        try:
            body = await self._polling.client.get_page(number, token, self._throttle.note_remaining)
        except asyncio.CancelledError:
            # Called off because of another page it tells nothing of the API, which at the end had time to answer.
            if self._end.expired():
                self._polling.observer.requested("error", self._polling.clock.monotonic() - started)
            raise
        try:
            answer = self._known_answer(body.digest)
            if answer is None:
                answer = await self._off_the_loop(self._read, body)
        except ApiError as fault:
            raise redact(fault, token, self._workspace.proxy) from None
        page = Page(number, answer, body.digest, body.compressed)
        self._polling.watch(page)
        return page

    def _read(self, body: Body) -> Answer:
        return read_answer(body, self._known_rows)

    @cached_property
    def _known_rows(self) -> Mapping[bytes, Row]:
        """The rows of the fleet before, by their digests."""
        trunks = self._before.trunks if self._before else {}
        return {row.digest: row for group in trunks.values() for row in group}

    def _known_answer(self, digest: bytes) -> Answer | None:
        return self._before.answers.get(digest) if self._before else None

    async def _off_the_loop(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what computes in the executor, so that scrapes are answered meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._polling.executor, partial(function, *args, **kwargs))

    def _out_of_time(self) -> ApiError:
        limit = f"{self._workspace.poll_timeout:g}s (poll_timeout)"
        if self._throttle.rate_limited:
            return ApiError(Reason.RATE_LIMITED, f"waiting for the API's rate limit used up {limit}")
        if self._verdict is not None:
            return ApiError(Reason.INCOMPLETE, f"{limit} was over, and {self._explain_incomplete()}")
        return ApiError(
            Reason.TIMEOUT, f"the list was not read within {limit}", "raise poll_timeout, or poll_interval with it"
        )

    def _explain_incomplete(self) -> str:
        walks = f"{self._started_walks} walk{'s' if self._started_walks > 1 else ''} did not find the whole list"
        return f"{walks}: {self._verdict.explanation if self._verdict else 'pages that it promised were gone'}"


def _keys_alone(keys: Iterable[str]) -> Trunks:
    """Return trunks of which no more is known than that they were listed."""
    return {key: (Row(key, number="", channels=0, states_bindings=False, digest=b""),) for key in keys}
