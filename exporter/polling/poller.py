"""Polls one workspace at its interval, and shows its trunks."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace

import structlog

from exporter.api.errors import ApiError, Reason
from exporter.config.credentials import CredentialsError, Secret, read_token
from exporter.config.files import open_files_remedy
from exporter.metrics.api_metrics import DATA_STALE, SERIES, ApiMetrics
from exporter.metrics.exposition import Exposition, Segments, View
from exporter.metrics.gzip_segments import compress
from exporter.metrics.text import labelled
from exporter.polling.fleet import Fleet
from exporter.polling.poll import Poll, PollContext
from exporter.polling.snapshot import EndedPoll, Failure, Snapshot, Status
from exporter.polling.storage import Storage, source_of
from exporter.process import release_memory
from exporter.trunks.changes import ChangeKind, States
from exporter.trunks.memory import Memory

_TOKEN_CHECK = 1.0  # seconds between checks whether a refused token was replaced
_MAX_AUTH_WAIT = 300.0
_MANY_PAGES = 50  # memory is given back after a poll of that many
_MAX_LOADING = 1.0  # seconds that the first poll waits for what was stored
_LOGGED_CHANGES = 20  # a poll, a line each; one more counts the rest


class Poller:
    """Polls one workspace; its polls never overlap.

    Args:
        snapshot: taken over from the workspace's poller before a reload.
        storage: keeps what is remembered across restarts; None keeps nothing.
    """

    def __init__(
        self,
        context: PollContext,
        api_metrics: ApiMetrics,
        exposition: Exposition,
        *,
        snapshot: Snapshot | None = None,
        storage: Storage | None = None,
    ) -> None:
        self.context = context
        self._workspace = context.workspace
        self._clock = context.clock
        self._log = structlog.get_logger(workspace=self._workspace.name)
        self.api_metrics = api_metrics
        self._exposition = exposition
        self._storage = storage
        self._loading: asyncio.Task[tuple[Memory, States] | None] | None = None
        self._token: Secret | None = None
        snapshot = snapshot or Snapshot()
        self.snapshot = replace(
            snapshot,
            polled_since=self._clock.monotonic() if snapshot.polled_since is None else snapshot.polled_since,
            is_loaded=snapshot.is_loaded or storage is None,
        )
        self._next_poll_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False  # on purpose
        self._show()

    @property
    def status(self) -> Status:
        return Status(self._workspace, self.snapshot, self._next_poll_at)

    @property
    def is_dead(self) -> bool:
        # Only a bug ends a poller that was not told to end.
        return self._task is not None and self._task.done() and not self._ended

    def snapshot_for(self, successor: PollContext) -> Snapshot:
        """Return the part of the snapshot that the poller after a reload may take over and show."""
        settings, new_settings = self.context.maker.metrics, successor.maker.metrics
        if source_of(successor.workspace, new_settings) != source_of(self._workspace, settings):
            return Snapshot(polls=self.snapshot.polls)
        hides_agents = settings.agent_names and not new_settings.agent_names
        return self.snapshot.without_agent_names(successor.maker) if hides_agents else self.snapshot

    def start(self, first_delay: float) -> None:
        self._task = asyncio.create_task(self.run(first_delay))
        self._task.add_done_callback(self._log_death)

    async def end(self) -> None:
        self._ended = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _log_death(self, task: asyncio.Task[None]) -> None:
        if self.is_dead:
            self._log.error(
                "a poller died, which is a bug in the exporter; /-/healthy says so, and a reload brings it back",
                exc_info=asyncio.CancelledError() if task.cancelled() else task.exception(),
            )

    async def run(self, first_delay: float) -> None:
        """Poll after a first delay in seconds, then at every interval with a random phase."""
        self._next_poll_at = self._clock.monotonic() + first_delay
        await self._clock.sleep(first_delay)
        error = await self.poll()
        interval = self._workspace.poll_interval
        due = self._clock.monotonic() + self.context.random.uniform(0, interval)
        while not self._ended:  # a library may lose the cancellation
            await self._wait_until(due, error)
            error = await self.poll()
            # A machine may sleep through several intervals, and a new token is tried before its time.
            due += interval * max(0, (self._clock.monotonic() - due) // interval + 1)

    async def _load(self) -> None:
        """Take up what an earlier process stored as soon as it is read; a disk that hangs delays no poll."""
        if self._storage is None or self.snapshot.is_loaded:
            return
        if self._loading is None:
            self._loading = asyncio.create_task(self._storage.load(self._workspace, self.context.maker.metrics))
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout_at(self._clock.monotonic() + _MAX_LOADING):
                    await asyncio.shield(self._loading)
        if self._loading.done():
            self.snapshot = replace(self.snapshot, is_loaded=True)
            if (stored := self._loading.result()) is not None:
                memory, states = stored
                self.snapshot = replace(self.snapshot, memory=memory, stored=states)

    async def poll(self) -> ApiError | None:
        """Poll once, and count and show the result; an error is returned, never raised."""
        self._next_poll_at = None
        await self._load()
        before, started = self.snapshot, self._clock.monotonic()
        failure: ApiError | None = None
        changes = Counter[ChangeKind]()
        poll = Poll(self.context, before)
        try:
            self.snapshot, changes = await poll.run(await self._read_token())
            if self._storage is not None and self.snapshot.is_loaded and (fleet := self.snapshot.fleet) is not None:
                self._storage.save(self._workspace, self.context.maker.metrics, fleet, self.snapshot.memory)
        except ApiError as error:
            failure = error.with_traceback(None)
            # They would keep the pages in memory until the next poll.
            failure.__cause__ = failure.__context__ = None
        except Exception as error:  # noqa: BLE001 - nothing that a poll meets may end the polling
            self._log.exception("poll crashed; this is a bug in the exporter")
            failure = ApiError(Reason.INTERNAL, f"{type(error).__name__} in the exporter")
        now, seconds = self._clock.time(), self._clock.monotonic() - started
        if failure is not None:
            self.api_metrics.failed(failure.reason, seconds=seconds, now=now)
            self._log.warning("poll failed", reason=failure.reason.value, error=str(failure), seconds=round(seconds, 3))
        elif (fleet := self.snapshot.fleet) is not None:
            self.api_metrics.succeeded(fleet.result, changes, seconds=seconds, now=now)
            self._log_success(fleet, before, seconds)
            self._log_changes(changes.total())
        ended = EndedPoll(
            ended_at=now,
            seconds=seconds,
            requests=poll.requests,
            concurrency=poll.concurrency,
            failure=Failure(failure.reason, str(failure)) if failure else None,
        )
        self.snapshot = replace(self.snapshot, polls=self.snapshot.polls.plus(ended))
        self._show()
        return failure

    async def _read_token(self) -> Secret:
        try:
            self._token = await read_token(self._workspace.credentials)
        except CredentialsError as error:
            self._token = None
            # Where no file can be opened any more, the token is as good as it was.
            reason = Reason.CONNECTION if open_files_remedy(error.__cause__) else Reason.AUTH
            raise ApiError(reason, error.seen, error.remedy) from error
        return self._token

    def _log_success(self, fleet: Fleet, before: Snapshot, seconds: float) -> None:
        log, event = self._log.debug, "poll succeeded"
        if before.fleet is None or before.polls.ends_in_failure:
            log, event = self._log.info, "trunks read" if before.fleet is None else "poll succeeded again"
        log(
            event,
            trunks=fleet.trunk_count,
            pages=fleet.result.pages,
            reused=fleet.result.reused_pages,
            walks=fleet.result.walks,
            seconds=round(seconds, 3),
        )

    def _log_changes(self, count: int) -> None:
        newest = self.snapshot.memory.history[-count:] if count else ()
        for change in newest[:_LOGGED_CHANGES]:
            about = {"channel": change.channel, "carrier_service": change.carrier_service}
            self._log.info(
                "trunk changed",
                number=change.number,
                uuid=change.uuid,
                change=change.change.value,
                **{name: value for name, value in about.items() if value is not None},
                before=change.before,
                after=change.after,
            )
        if (more := count - _LOGGED_CHANGES) > 0:
            self._log.info("more trunks changed", changes=more)

    def _show(self) -> None:
        snapshot = self.snapshot
        since = snapshot.succeeded_at if snapshot.fleet else snapshot.polled_since or 0.0
        labels = f"{{{labelled([('workspace', self._workspace.name)])}}}"

        def decided_at_scrape(stale: int, series: int) -> Segments:
            values = {DATA_STALE.name: stale, SERIES.name: series}
            return {name: compress(f"{name}{labels} {value}\n") for name, value in values.items()}

        self._exposition.show(
            View(
                workspace=self._workspace.name,
                reading=self.api_metrics.render(),
                trunks={**snapshot.segments, **decided_at_scrape(0, snapshot.series)},
                stale=decided_at_scrape(1, 0),
                expires_at=since + self._workspace.max_staleness,
                polled=bool(snapshot.polls.recent),
            )
        )

    async def _wait_until(self, due: float, error: ApiError | None) -> None:
        """Wait until a moment of the clock's ``monotonic``, longer after a token was refused.

        A refused token is not sent again and again, but a new one is tried as soon as it is there.
        """
        if (fleet := self.snapshot.fleet) is not None and fleet.result.pages >= _MANY_PAGES:
            await self.context.off_the_loop(release_memory)
        if error is None or error.reason is not Reason.AUTH:
            self._next_poll_at = due
            await self._clock.sleep(due - self._clock.monotonic())
            return
        patience = max(self._workspace.poll_interval, min(_MAX_AUTH_WAIT, self._workspace.max_staleness / 2))
        self._next_poll_at = due = max(due, self._clock.monotonic() + patience)
        while (left := due - self._clock.monotonic()) > 0:
            with contextlib.suppress(CredentialsError):
                if await read_token(self._workspace.credentials) != self._token:
                    return
            await self._clock.sleep(min(_TOKEN_CHECK, left))
