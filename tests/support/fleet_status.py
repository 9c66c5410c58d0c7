"""Where polling stands, for tests of what people see of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from exporter.config.settings import Metrics
from exporter.polling.status import Status
from support.polling import Bench, Listing


def polled(name: str, rows: Sequence[object], *, metrics: Metrics | None = None, **settings: Any) -> Bench:  # noqa: ANN401 - of a workspace
    """Return a workspace that has been polled once."""
    bench = Bench(Listing(list(rows), per_page=100), metrics=metrics, name=name, **settings)
    asyncio.run(bench.poll())
    return bench


def refused(name: str, status: int = 401) -> Bench:
    """Return a workspace whose only poll has failed."""
    bench = Bench(lambda _: httpx.Response(status), name=name)
    asyncio.run(bench.poll())
    return bench


def statuses(*benches: Bench) -> list[Status]:
    return [bench.poller.status for bench in benches]
