"""Answers requests for the status page and what belongs to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse

from exporter.clock import Clock
from exporter.config.settings import ValidatedConfig, shown
from exporter.listing.lookup import Found, Lookup, look_up
from exporter.polling.snapshot import Status
from exporter.status.document import ChangeQuery, QueryError, Summary

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

_NEVER_STORED = {"Cache-Control": "no-store"}


class StatusPages:
    """Pages for people, and the same for programs; ``telemetry_path`` is where the metrics are, relative to them."""

    def __init__(
        self,
        statuses: Callable[[], Sequence[Status]],
        config: Callable[[], ValidatedConfig],
        clock: Clock,
        telemetry_path: str,
    ) -> None:
        self._statuses = statuses
        self._config = config
        self._clock = clock
        self._telemetry_path = telemetry_path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="status")  # several would take scrapes' time

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {
            "/": self._page("front"),
            **{f"/{name}": self._page(name) for name in ("trunks", "trunk", "workspace", "changes", "docs")},
            "/config": self._configuration,
            "/trunks.csv": self._export(Found.csv_parts, "text/csv; header=present"),
            "/trunks.json": self._export(Found.json_parts, "application/json"),
            "/status.json": self._json(lambda summary, params: summary.document(Lookup.parse(params))),
            "/changes.json": self._json(lambda summary, params: summary.changes(ChangeQuery.parse(params))),
        }

    def _page(self, name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            statuses, config, params = self._statuses(), self._config(), request.query_params

            def render() -> Response:
                from exporter.status import page  # noqa: PLC0415 - templates are loaded on demand

                content, status = page.render(name, self._summary(statuses), config, params, self._telemetry_path)
                return HTMLResponse(content, status, {"Content-Security-Policy": page.POLICY, **_NEVER_STORED})

            return await self._off_the_loop(render)

        return answer

    async def _configuration(self, request: Request) -> Response:
        """Show the configuration, without its secrets: to browsers as a page, to programs as YAML."""
        if "text/html" in request.headers.get("Accept", ""):
            response = await self._page("config")(request)
        else:
            config = self._config()
            text = await self._off_the_loop(lambda: shown(config))
            response = PlainTextResponse(text, headers=_NEVER_STORED)
        response.headers["Vary"] = "Accept"
        return response

    def _json(self, document: Callable[[Summary, Mapping[str, str]], object]) -> Endpoint:
        async def answer(request: Request) -> Response:
            statuses, params = self._statuses(), request.query_params
            try:
                found = await self._off_the_loop(lambda: msgspec.json.encode(document(self._summary(statuses), params)))
            except QueryError as error:
                return PlainTextResponse(f"{error}\n", status_code=400)
            return Response(found, media_type="application/json", headers=_NEVER_STORED)

        return answer

    def _export(self, parts: Callable[[Found], Iterator[bytes]], media_type: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            if request.method == "HEAD":
                return StreamingResponse(iter(()), media_type=media_type, headers=_NEVER_STORED)
            statuses, lookup = self._statuses(), Lookup.parse(request.query_params)
            left = await self._off_the_loop(lambda: parts(look_up(statuses, lookup)))

            async def body() -> AsyncIterator[bytes]:
                # Part by part, so that pages are answered meanwhile.
                while (part := await self._off_the_loop(lambda: next(left, None))) is not None:
                    if part:
                        yield part

            return StreamingResponse(body(), media_type=media_type, headers=_NEVER_STORED)

        return answer

    def _summary(self, statuses: Sequence[Status]) -> Summary:
        return Summary(statuses, now=self._clock.time(), monotonic=self._clock.monotonic())

    async def _off_the_loop(self, make: Callable[[], T]) -> T:
        """Call in a thread, so that scrapes are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, make)
