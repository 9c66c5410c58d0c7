"""Answers requests for the status page."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from exporter.clock import Clock
from exporter.documents import to_json
from exporter.polling.status import Status
from exporter.status.document import Document, list_changes, summarize
from exporter.status.query import ChangeQuery, Query, QueryError

T = TypeVar("T")

_NEVER_STORED = {"Cache-Control": "no-store"}


class StatusPages:
    """The page at ``/``, the same at ``/status.json``, ``/changes.json`` and ``/docs``.

    Args:
        statuses: returns where polling each workspace stands.
        clock: the exporter's.
        telemetry_path: where the metrics are, relative to the page.
    """

    def __init__(self, statuses: Callable[[], Sequence[Status]], clock: Clock, telemetry_path: str) -> None:
        self._statuses = statuses
        self._clock = clock
        self._telemetry_path = telemetry_path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="status")  # several would take scrapes' time

    async def html(self, request: Request) -> Response:
        statuses, query = self._statuses(), Query.parse(request.query_params)
        return await self._off_the_loop(lambda: self._page(statuses, query))

    async def json(self, request: Request) -> Response:
        statuses, query = self._statuses(), Query.parse(request.query_params)
        return await self._off_the_loop(lambda: _json_response(self._document(statuses, query)))

    async def changes(self, request: Request) -> Response:
        try:
            query = ChangeQuery.parse(request.query_params)
        except QueryError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        statuses = self._statuses()
        return await self._off_the_loop(lambda: _json_response(list_changes(statuses, query)))

    async def documentation(self, _: Request) -> Response:
        return await self._off_the_loop(self._documentation)

    async def _off_the_loop(self, render: Callable[[], T]) -> T:
        """Render in a thread, so that scrapes are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, render)

    def _page(self, statuses: Sequence[Status], query: Query) -> Response:
        from exporter.status import page  # noqa: PLC0415 - templates are loaded when somebody looks, not at the start

        names = [status.workspace.name for status in statuses]
        content = page.render(self._document(statuses, query), query, names, self._telemetry_path)
        return HTMLResponse(content, headers={"Content-Security-Policy": page.POLICY, **_NEVER_STORED})

    def _documentation(self) -> Response:
        from exporter.status import page  # noqa: PLC0415 - likewise

        content = page.render_documentation(self._telemetry_path)
        return HTMLResponse(content, headers={"Content-Security-Policy": page.POLICY})

    def _document(self, statuses: Sequence[Status], query: Query) -> Document:
        return summarize(statuses, query, now=self._clock.time(), monotonic=self._clock.monotonic())


def _json_response(document: object) -> Response:
    return Response(to_json(document), media_type="application/json", headers=_NEVER_STORED)
