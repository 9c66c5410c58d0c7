"""Answers requests for the status page."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from exporter.clock import Clock
from exporter.polling.status import Status
from exporter.status.changes import ChangeQuery, QueryError, list_changes
from exporter.status.document import Document
from exporter.status.query import Query
from exporter.status.summary import summarize

T = TypeVar("T")

_NEVER_STORED = {"Cache-Control": "no-store"}


class StatusPages:
    """The page at ``/``, the same at ``/status.json``, ``/changes.json`` and ``/docs``.

    Args:
        statuses: tells where polling each workspace stands.
        clock: tells what time it is.
        telemetry_path: where the metrics are, relative to the page.
    """

    def __init__(self, statuses: Callable[[], Sequence[Status]], clock: Clock, telemetry_path: str) -> None:
        self._statuses = statuses
        self._clock = clock
        self._telemetry_path = telemetry_path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="status")  # several would take scrapes' time

    async def html(self, request: Request) -> Response:
        """Answer with the page."""
        statuses, query = self._statuses(), Query.parse(request.query_params)
        return await self._beside(lambda: self._page(statuses, query))

    async def json(self, request: Request) -> Response:
        """Answer with the document."""
        statuses, query = self._statuses(), Query.parse(request.query_params)
        content = await self._beside(lambda: msgspec.json.encode(self._document(statuses, query)))
        return Response(content, media_type="application/json", headers=_NEVER_STORED)

    async def changes(self, request: Request) -> Response:
        """Answer with what changed, with the parameters of ChangeQuery."""
        try:
            query = ChangeQuery.parse(request.query_params)
        except QueryError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        statuses = self._statuses()
        content = await self._beside(lambda: msgspec.json.encode(list_changes(statuses, query)))
        return Response(content, media_type="application/json", headers=_NEVER_STORED)

    async def documentation(self, _: Request) -> Response:
        """Answer with what there is to ask for."""
        return await self._beside(self._documentation)

    async def _beside(self, render: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, render)

    def _page(self, statuses: Sequence[Status], query: Query) -> Response:
        from exporter.status import page  # noqa: PLC0415 - templates are loaded for whoever looks, not at the start

        names = [status.workspace.name for status in statuses]
        content = page.render(self._document(statuses, query), query, names, self._telemetry_path)
        return HTMLResponse(content, headers={"Content-Security-Policy": page.POLICY, **_NEVER_STORED})

    def _documentation(self) -> Response:
        from exporter.status import page  # noqa: PLC0415 - likewise

        content = page.render_documentation(self._telemetry_path)
        return HTMLResponse(content, headers={"Content-Security-Policy": page.POLICY})

    def _document(self, statuses: Sequence[Status], query: Query) -> Document:
        return summarize(statuses, query, now=self._clock.time(), monotonic=self._clock.monotonic())
