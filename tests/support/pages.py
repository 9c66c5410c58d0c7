"""The pages of the exporter, as they are answered, and what HTML is made of."""

import asyncio
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from exporter.config.settings import Metrics, ValidatedConfig, Web
from exporter.polling.snapshot import Status
from exporter.status.endpoints import StatusPages
from support import polling
from support.clock import ManualClock
from support.polling import Bench, Listing

PATHS = ("/", "/trunks", "/changes", "/config", "/docs")
_HTML = {"Accept": "text/html"}


def polled(name: str, rows: Sequence[object], *, metrics: Metrics | None = None, **settings: Any) -> Bench:  # noqa: ANN401 - of a workspace
    """Return a workspace that has been polled once."""
    return polling.polled(Bench(Listing(list(rows), per_page=100), metrics=metrics, name=name, **settings))


def refused(name: str) -> Bench:
    """Return a workspace whose only poll has failed."""
    return polling.polled(Bench(lambda _: httpx.Response(401), name=name))


def statuses(*benches: Bench) -> list[Status]:
    return [bench.poller.status for bench in benches]


def answer(
    path: str,
    statuses: Sequence[Status],
    *,
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
) -> httpx.Response:
    config = ValidatedConfig(workspaces=tuple(each.workspace for each in statuses), web=Web(links=dict(links or {})))
    pages = StatusPages(lambda: statuses, lambda: config, ManualClock(), "metrics")
    application = Starlette(routes=[Route(path, endpoint) for path, endpoint in pages.endpoints().items()])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await client.request(method, path, headers=_HTML if headers is None else headers)

    return asyncio.run(ask())


class Outline(HTMLParser):
    """Notes what a page is made of, and that every element is closed where it should be."""

    VOID = ("meta", "link", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: dict[str, str] = {}
        self.attributes: set[str] = set()
        self.text = ""
        self.tables: list[list[list[str]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.text += " "
        self.attributes |= dict(attrs).keys()
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src", "action"} and value]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"style", "script"}:
            self.inline[self.open[-1]] = data
            return
        self.text += data
        if {"td", "th"} & {*self.open}:
            self.tables[-1][-1][-1] = " ".join(f"{self.tables[-1][-1][-1]} {data}".split())


def words(html: str) -> str:
    return " ".join(Outline(html).text.split())


def rows(html: str, table: int = 0) -> list[dict[str, str]]:
    """Return the rows of a table by the headers of their cells, without what a button says."""
    tables = Outline(html).tables
    if table >= len(tables):
        return []
    headers, *found = tables[table]
    return [dict(zip(headers, (cell.removesuffix(" Copy") for cell in row), strict=True)) for row in found]
