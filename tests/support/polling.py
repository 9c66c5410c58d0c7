"""The bench: a poller and its client on a scripted API, without sockets and without time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from exporter.api.client import Client
from exporter.api.errors import ApiError
from exporter.clock import Clock
from exporter.config.settings import Metrics, Workspace
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import PROMETHEUS
from exporter.polling.buckets import BUCKET_SIZE, BucketMaker
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.snapshot import Snapshot
from exporter.polling.storage import Storage
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.exposed import text_of, workspace
from support.samples import ABOUT_TRUNKS, samples
from support.transport import Handler, StreamingTransport
from support.trunks import page

Labels = tuple[tuple[str, str], ...]


@dataclass
class Listing:
    """An API that lists rows as they are at the moment of each request."""

    rows: list[Any]
    per_page: int = 25
    requests: list[int] = field(default_factory=list)
    before: Callable[[int, int], None] = lambda _request, _page: None  # (how many so far, page)
    pagination: dict[str, Any] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        self.before(len(self.requests), number)
        self.requests.append(number)
        start = (number - 1) * self.per_page
        rows = self.rows[start : start + self.per_page]
        body = page(rows, number, total=len(self.rows), per_page=self.per_page)
        if self.pagination:
            document = json.loads(body)
            document["data"]["pagination"] |= self.pagination
            body = json.dumps(document).encode()
        return httpx.Response(200, content=body, headers={"content-type": "application/json"})


class Bench:
    """A poller and everything around it that a test may look at or turn."""

    def __init__(  # noqa: PLR0913 - what a test may choose
        self,
        api: Handler | httpx.AsyncBaseTransport | None,  # answers the requests; None: over real connections
        configured: Workspace | None = None,  # is polled; without it acme with ``settings``
        *,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        executor: Executor | None = None,
        exposition: Exposition | None = None,  # is shown on, beside other pollers
        snapshot: Snapshot | None = None,  # is known at the start
        folder: Path | None = None,  # keeps what is remembered; None keeps nothing
        storage_executor: Executor | None = None,
        bucket_size: int = BUCKET_SIZE,
        **settings: Any,  # noqa: ANN401 - any setting of a workspace
    ) -> None:
        self.workspace = configured or workspace(**settings)
        self._clock = clock or ManualClock()
        self._random = random or Random(1)  # noqa: S311 - a repeatable one
        self._executor = executor or InlineExecutor()
        self._transport = api if api is None or isinstance(api, httpx.AsyncBaseTransport) else StreamingTransport(api)
        self._bucket_size = bucket_size
        self.exporter_metrics = ExporterMetrics()
        self.exposition = exposition or Exposition(self.exporter_metrics, self._clock)
        self.api_metrics = ApiMetrics(self.workspace.name)
        self.storage: Storage | None = None
        if folder is not None:
            self.storage = Storage(
                folder, self._clock, self.exporter_metrics.storage_health, storage_executor or InlineExecutor()
            )
        self.configure(self.workspace, metrics or Metrics(), snapshot)

    def configure(self, workspace: Workspace, metrics: Metrics, snapshot: Snapshot | None = None) -> None:
        """Poll from now on with these settings; what is counted goes on, as after a reload."""
        self.workspace = workspace
        self.api_metrics.configure(workspace)
        self.client = Client(workspace, clock=self._clock, observer=self.api_metrics, transport=self._transport)
        self.maker = BucketMaker(workspace, metrics, self._bucket_size)
        self.poller = Poller(
            PollContext(
                workspace=workspace,
                maker=self.maker,
                client=self.client,
                clock=self._clock,
                random=self._random,
                executor=self._executor,
            ),
            self.api_metrics,
            self.exposition,
            snapshot=snapshot,
            storage=self.storage,
        )

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self._clock, ManualClock)
        return self._clock

    async def poll(self) -> ApiError | None:
        """Poll once, letting as much time pass as it needs, and return why that failed, if it did."""
        return await self.clock.run(self.poller.poll())

    @asynccontextmanager
    async def running(self, first_delay: float = 0.0) -> AsyncIterator[None]:
        """Poll at the workspace's interval until the block is left, which must not end by itself."""
        polling = asyncio.create_task(self.poller.run(first_delay))
        try:
            await self.clock.settle()
            yield
            assert not polling.done()
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    def storage_healthy(self) -> float | None:
        """Return the gauge that says whether what is remembered could be read and written."""
        found = samples(self.exporter_metrics.text(PROMETHEUS))
        return found.get(("mihu_exporter_storage_healthy", frozenset()))

    def samples(self, name: str | None = None) -> dict[tuple[str, Labels], float]:
        """Return what is shown now, or one metric of it, by name and labels other than the workspace."""
        (view,) = self.exposition.views()
        text = text_of(
            segment
            for segments in view.at(self.clock.monotonic())
            for family, segment in segments.items()
            if name is None or name.startswith(family)
        )
        return {
            (found, tuple(sorted(label for label in labels if label[0] != "workspace"))): value
            for (found, labels), value in samples(text).items()
            if name in {None, found}
        }

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series, None where it is not shown."""
        return self.samples(name).get((name, tuple(sorted(labels.items()))))

    def series(self, name: str) -> int:
        return len(self.samples(name))

    def trunk_samples(self) -> dict[tuple[str, Labels], float]:
        """Return the series about the fleet alone, those of one trunk and the totals."""
        return {key: value for key, value in self.samples().items() if ABOUT_TRUNKS.match(key[0])}

    def failures(self) -> dict[str, float]:
        return self._counted("mihu_poll_failures_total", "reason")

    def changes(self) -> dict[str, float]:
        return self._counted("mihu_trunk_changes_total", "change")

    def requests(self) -> dict[str, float]:
        return self._counted("mihu_api_requests_total", "code")

    def _counted(self, counter: str, label: str) -> dict[str, float]:
        """Return what was counted, by a label, where that is anything."""
        return {dict(labels)[label]: value for (_, labels), value in self.samples(counter).items() if value}


def polled(bench: Bench) -> Bench:
    asyncio.run(bench.poll())
    return bench
