"""Polls one workspace on its own clock, for ever, and shows what it finds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from exporter import files
from exporter.config.credentials import CredentialsError, Secret, read_token
from exporter.config.settings import Workspace
from exporter.metrics.reading_families import SERIES
from exporter.metrics.segment import Segment, compress
from exporter.metrics.text import labelled
from exporter.metrics.view import Segments, Showcase, View
from exporter.mihu.faults import Fault, Reason
from exporter.polling.history import EndedPoll, Failure, History
from exporter.polling.memory import give_back, let_go
from exporter.polling.poll import Poll, Polling
from exporter.polling.readings import Readings
from exporter.polling.snapshot import Snapshot

_TOKEN_WATCH = 1.0  # seconds between looks at whether a refused token was replaced
_MOST_AUTH_WAIT = 300.0
_MANY_PAGES = 50

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Known:
    """What polling a workspace has brought so far.

    Attributes:
        snapshot: of the last successful poll.
        succeeded_at: when that was, by the clock's ``monotonic``.
        history: how the last polls went; empty before the first one has ended.
    """

    snapshot: Snapshot | None = None
    succeeded_at: float = float("-inf")
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class Status:
    """Where polling a workspace stands.

    Attributes:
        workspace: how it is polled.
        known: what that has brought so far.
        next_poll_at: when it is polled again, by the clock's ``monotonic``; None during a poll.
    """

    workspace: Workspace
    known: Known
    next_poll_at: float | None


class Poller:
    """Polls one workspace; its polls never overlap.

    What it knows it keeps itself; what is to be seen of that goes to the showcase.

    Args:
        polling: what every poll works with.
        readings: counts polls and requests.
        showcase: where the workspace's view goes.
        known: what a poller of the same workspace, configured otherwise, has found before.
    """

    def __init__(self, polling: Polling, readings: Readings, showcase: Showcase, known: Known | None = None) -> None:
        self._polling = polling
        self._workspace = polling.workspace
        self._clock = polling.clock
        self._readings = readings
        self._showcase = showcase
        self._token: Secret | None = None
        self._rendered: Snapshot | None = None  # by this poller, as its configuration says
        self._leftovers: list[object] = []  # of the last poll
        self.known = known or Known()
        self._next_poll_at: float | None = None
        self._show()

    @property
    def status(self) -> Status:
        """Where polling stands at the moment."""
        return Status(self._workspace, self.known, self._next_poll_at)

    async def run(self, first_delay: float) -> None:
        """Poll after a first delay in seconds, then at every interval with a random phase."""
        self._next_poll_at = self._clock.monotonic() + first_delay
        await self._clock.sleep(first_delay)
        fault = await self.poll()
        interval = self._workspace.poll_interval
        due = self._clock.monotonic() + self._polling.random.uniform(0, interval)
        while True:
            await self._wait_until(due, fault)
            fault = await self.poll()
            # A poll takes an interval at most, but a machine may sleep through several.
            due += interval * (1 + max(0, self._clock.monotonic() - due) // interval)

    async def poll(self) -> Fault | None:
        """Poll once, count and show it; the fault is returned, never raised."""
        self._next_poll_at = None
        started = self._clock.monotonic()
        before = self.known
        fault = None
        poll = Poll(self._polling, self.known.snapshot, self._rendered)
        try:
            snapshot = await poll.run(await self._read_token())
            self._rendered = snapshot
            self.known = replace(self.known, snapshot=snapshot, succeeded_at=self._clock.monotonic())
        except Fault as known:
            fault = known.with_traceback(None)
            # What led to it would keep what was read until the next poll.
            fault.__cause__ = fault.__context__ = None
        except Exception as error:  # noqa: BLE001 - nothing that a poll meets may end the polling
            _log.exception("poll crashed; this is a bug in the exporter", workspace=self._workspace.name)
            fault = Fault(Reason.INTERNAL, f"{type(error).__name__} in the exporter")
        ended = EndedPoll(
            ended_at=self._clock.time(),
            seconds=self._clock.monotonic() - started,
            requests=poll.requests,
            concurrency=poll.concurrency,
            failure=Failure(fault.reason, str(fault)) if fault else None,
        )
        self._account(fault, before, ended)
        self.known = replace(self.known, history=self.known.history.plus(ended))
        self._show()
        self._leftovers = poll.leftovers()
        return fault

    async def _read_token(self) -> Secret:
        try:
            self._token = await read_token(self._workspace.credentials)
        except CredentialsError as error:
            self._token = None
            # Where no file can be opened any more, the token is as good as it was.
            reason = Reason.CONNECTION if files.remedy(error.__cause__) else Reason.AUTH
            raise Fault(reason, error.seen, error.remedy) from error
        return self._token

    def _account(self, fault: Fault | None, before: Known, ended: EndedPoll) -> None:
        if fault is not None:
            self._readings.failed(fault.reason, seconds=ended.seconds, now=ended.ended_at)
            _log.warning(
                "poll failed",
                workspace=self._workspace.name,
                reason=fault.reason.value,
                error=str(fault),
                seconds=round(ended.seconds, 3),
            )
        elif (snapshot := self.known.snapshot) is not None:
            self._readings.succeeded(snapshot, seconds=ended.seconds, now=ended.ended_at)
            self._log_success(snapshot, before, round(ended.seconds, 3))

    def _log_success(self, snapshot: Snapshot, before: Known, seconds: float) -> None:
        """Say which poll was the first to succeed, and which the first after failures; of others little is said."""
        if before.snapshot is None or before.history.ends_in_failure:
            _log.info(
                "trunks read" if before.snapshot is None else "poll succeeded again",
                workspace=self._workspace.name,
                trunks=snapshot.trunks,
                pages=snapshot.listed_pages,
                seconds=seconds,
            )
        else:
            _log.debug(
                "poll succeeded",
                workspace=self._workspace.name,
                pages=snapshot.listed_pages,
                reused=snapshot.reused_pages,
                walks=snapshot.walks,
                seconds=seconds,
            )

    def _show(self) -> None:
        trunks: Segments = {}
        if (snapshot := self.known.snapshot) is not None:
            trunks = {**snapshot.segments, SERIES.name: (self._series(snapshot.series),)}
        self._showcase.show(
            View(
                workspace=self._workspace.name,
                reading=self._readings.render(),
                trunks=trunks,
                stale={SERIES.name: (self._series(0),)},
                expires_at=self.known.succeeded_at + self._workspace.max_staleness,
                polled=bool(self.known.history),
            )
        )

    def _series(self, count: int) -> Segment:
        return compress(f"{SERIES.name}{{{labelled([('workspace', self._workspace.name)])}}} {count}\n")

    async def _wait_until(self, due: float, fault: Fault | None) -> None:
        """Wait until a moment of the clock's ``monotonic``, longer after a token was refused.

        A refused token is not sent again and again, but a new one is tried as soon as it is there.
        """
        await self._clear_up(fault)
        if fault is None or fault.reason is not Reason.AUTH:
            self._next_poll_at = due
            await self._clock.sleep(due - self._clock.monotonic())
            return
        patience = max(self._workspace.poll_interval, min(_MOST_AUTH_WAIT, self._workspace.max_staleness / 2))
        self._next_poll_at = due = max(due, self._clock.monotonic() + patience)
        while (left := due - self._clock.monotonic()) > 0 and not await self._has_new_token():
            await self._clock.sleep(min(_TOKEN_WATCH, left))

    async def _clear_up(self, fault: Fault | None) -> None:
        """Free what the poll left over; give memory back where that was much, or where a page was too large."""
        leftovers, self._leftovers = self._leftovers, []
        was_much = len(leftovers) >= _MANY_PAGES
        if was_much:
            await self._off_the_loop(partial(let_go, leftovers))
        if was_much or (fault is not None and fault.reason is Reason.TOO_LARGE):
            await self._off_the_loop(give_back)

    async def _off_the_loop(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._polling.executor, work)

    async def _has_new_token(self) -> bool:
        try:
            return await read_token(self._workspace.credentials) != self._token
        except CredentialsError:
            return False
