"""Requests in, answers out, without a socket."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message
from support.exposed import openmetrics_families
from support.samples import samples
from support.trunks import row
from support.views import exposition, view

from exporter.config.problems import ConfigError, Problem
from exporter.config.settings import Shard
from exporter.metrics.exposition import View
from exporter.metrics.gzip_segments import compress
from exporter.web.routes import Endpoints, create_application, segments_response
from exporter.web.settings import WebSettings

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Site:
    """The application on some views, and the state of the exporter."""

    views: list[View] = field(default_factory=list)
    web: WebSettings = field(default_factory=WebSettings)
    healthy: bool = True
    ready: bool = True
    elsewhere: Mapping[str, Shard] = field(default_factory=dict)
    reload: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        endpoints = Endpoints(
            exposition(*self.views),
            is_healthy=lambda: self.healthy,
            is_ready=lambda: self.ready,
            other_owner=self.elsewhere.get,
            reload=self.reload,
        )
        application = create_application(endpoints, {"/": front_page}, self.web)
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            client.headers.pop("Accept-Encoding")
            yield client

    def ask(self, path: str, method: str = "GET", **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        async def ask() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **request)

        return asyncio.run(ask())


async def front_page(_: Request) -> Response:
    return HTMLResponse("<!DOCTYPE html>")


def two_workspaces(**site: Any) -> Site:  # noqa: ANN401 - of a site
    return Site([view("acme", [row(0), row(1)]), view("globex", [row(2)])], **site)


def workspaces_in(text: str) -> set[str]:
    return {dict(labels)["workspace"] for _, labels in samples(text) if "workspace" in dict(labels)}


def about_the_exporter(text: str) -> set[str]:
    return {name for name, _ in samples(text) if name.startswith(("mihu_exporter_", "process_", "python_"))}


async def raw(client: httpx.AsyncClient, method: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """Return an answer and its body as it was sent, not decoded."""
    async with client.stream(method, "/metrics", headers=headers) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


class TestMetrics:
    def test_every_workspace_and_the_exporter_itself(self) -> None:
        answer = two_workspaces().ask("/metrics")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == TEXT
        assert workspaces_in(answer.text) == {"acme", "globex"}
        assert about_the_exporter(answer.text) >= {
            "mihu_exporter_build_info",
            "process_start_time_seconds",
            "python_info",
        }

    def test_openmetrics(self) -> None:
        answer = two_workspaces().ask("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
        assert answer.headers["Content-Type"] == OPENMETRICS
        assert answer.text.endswith("# EOF\n")
        assert {"mihu_trunks", "mihu_polls", "mihu_exporter_shards"} <= {
            family.name for family in openmetrics_families(answer.text)
        }

    @pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [(None, None), ("gzip", "gzip"), ("identity", None), ("gzip;q=0", None), ("br, gzip;q=0.5", "gzip")],
    )
    def test_encodings(self, accept: str, accepted: str | None, encoding: str | None) -> None:
        async def test() -> None:
            async with two_workspaces().client() as client:
                asked = {"Accept": accept} | ({} if accepted is None else {"Accept-Encoding": accepted})
                answer, body = await raw(client, "GET", asked)
                assert answer.headers.get("Content-Encoding") == encoding
                assert int(answer.headers["Content-Length"]) == len(body)
                assert answer.headers.get_list("Vary", split_commas=True) == ["Accept", "Accept-Encoding"]
                text = (gzip.decompress(body) if encoding else body).decode()
                assert text.startswith("# HELP mihu_trunks ")
                assert text.count('mihu_trunk_info{workspace="acme"') == 2

        asyncio.run(test())

    def test_gzip_and_plain_hold_the_same(self) -> None:
        async def test() -> None:
            async with two_workspaces().client() as client:
                plain = await client.get("/metrics?workspace=acme")
                zipped = await client.get("/metrics?workspace=acme", headers={"Accept-Encoding": "gzip"})
                assert plain.text == zipped.text
                assert zipped.num_bytes_downloaded < plain.num_bytes_downloaded

        asyncio.run(test())

    @pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}], ids=["plain", "gzip"])
    def test_head_has_the_headers_of_get_and_no_body(self, headers: dict[str, str]) -> None:
        async def test() -> None:
            async with two_workspaces().client() as client:
                path = "/metrics?workspace=acme"  # in which nothing moves
                got = await client.get(path, headers=headers)
                head = await client.head(path, headers=headers)
                assert head.status_code == 200
                assert head.content == b""
                assert head.headers.multi_items() == got.headers.multi_items()

        asyncio.run(test())

    @pytest.mark.parametrize(("method", "sent"), [("GET", True), ("HEAD", False)])
    def test_head_does_not_bother_the_server_with_a_body(self, method: str, sent: bool) -> None:  # noqa: FBT001 - a parameter
        bodies = []

        async def send(message: Message) -> None:
            bodies.append(message.get("body", b""))

        segments = [compress("some text\n")]
        response = segments_response(segments, method=method, headers={}, gzip=False)
        asyncio.run(response({"type": "http", "method": method}, asyncio.Event().wait, send))  # type: ignore[arg-type]  # nothing comes
        assert b"".join(bodies) == (b"some text\n" if sent else b"")

    def test_headers_on_several_lines_are_one(self) -> None:
        answer = two_workspaces().ask(
            "/metrics",
            headers=[
                ("Accept", "text/plain;q=0.1"),
                ("Accept", "application/openmetrics-text"),
                ("Accept-Encoding", "br"),
                ("Accept-Encoding", "gzip"),
            ],
        )
        assert answer.headers["Content-Type"] == OPENMETRICS
        assert answer.headers["Content-Encoding"] == "gzip"

    def test_another_path(self) -> None:
        site = two_workspaces(web=WebSettings(telemetry_path="/probe/mihu"))
        assert workspaces_in(site.ask("/probe/mihu").text) == {"acme", "globex"}
        assert site.ask("/metrics").status_code == 404

    def test_no_workspace_answers_too(self) -> None:
        answer = Site().ask("/metrics")
        assert answer.status_code == 200
        assert workspaces_in(answer.text) == set()


class TestSelection:
    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("workspace=acme", {"acme"}),
            ("workspace=globex&workspace=acme", {"acme", "globex"}),
            ("workspace=acme&workspace=acme", {"acme"}),
            ("workspace=acme&other=1", {"acme"}),
        ],
    )
    def test_the_workspaces_that_are_named_and_nothing_else(self, query: str, shown: set[str]) -> None:
        answer = two_workspaces().ask(f"/metrics?{query}")
        assert answer.status_code == 200
        assert workspaces_in(answer.text) == shown
        assert about_the_exporter(answer.text) == set()
        assert answer.headers["Content-Type"] == TEXT

    def test_other_parameters_change_nothing(self) -> None:
        assert about_the_exporter(two_workspaces().ask("/metrics?format=prometheus").text)

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("workspace=umbrella", "'umbrella'"),
            ("workspace=acme&workspace=umbrella", "'umbrella'"),
            ("workspace=", "''"),
            ("workspace=ACME", "'ACME'"),
            ("workspace=citt%C3%A0%0A", r"'citt\xe0\n'"),
        ],
    )
    def test_an_unknown_one_is_not_found(self, query: str, name: str) -> None:
        answer = two_workspaces().ask(f"/metrics?{query}")
        assert answer.status_code == 404
        assert answer.text == f"no workspace is called {name}\n"

    def test_one_of_another_shard_is_said_to_be_there(self) -> None:
        answer = two_workspaces(elsewhere={"initech": Shard(2, 3)}).ask("/metrics?workspace=acme&workspace=initech")
        assert answer.status_code == 404
        assert answer.text == "the workspace 'initech' is not polled here but by shard 2 of 3\n"

    def test_a_name_that_needs_escaping(self) -> None:
        answer = Site([view("città & co", [row()])]).ask("/metrics", params={"workspace": "città & co"})
        assert workspaces_in(answer.text) == {"città & co"}


class TestTheExporterAlone:
    @pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
    def test_no_workspace_is_shown(self, accept: str) -> None:
        answer = two_workspaces().ask("/metrics?collect=exporter", headers={"Accept": accept})
        assert answer.status_code == 200
        assert workspaces_in(answer.text) == set()
        assert about_the_exporter(answer.text) == about_the_exporter(two_workspaces().ask("/metrics").text)
        assert answer.text.endswith("# EOF\n") is (accept == OPENMETRICS)

    @pytest.mark.parametrize(
        "query", ["collect=workspaces", "collect=", "collect=exporter&collect=x", "collect=exporter&workspace=acme"]
    )
    def test_what_makes_no_sense_is_refused(self, query: str) -> None:
        answer = two_workspaces().ask(f"/metrics?{query}")
        assert answer.status_code == 400
        assert answer.text == "collect takes the value exporter, and no workspace beside it\n"


class TestHealth:
    @pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
    def test_healthy(self, healthy: bool, status: int) -> None:  # noqa: FBT001 - a parameter
        for method in ("GET", "HEAD"):
            assert Site(healthy=healthy).ask("/-/healthy", method).status_code == status

    @pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
    def test_ready(self, ready: bool, status: int) -> None:  # noqa: FBT001 - a parameter
        for method in ("GET", "HEAD"):
            assert Site(ready=ready).ask("/-/ready", method).status_code == status

    def test_both_are_asked_each_time(self) -> None:
        async def test() -> None:
            site = Site(ready=False)
            async with site.client() as client:
                assert (await client.get("/-/ready")).status_code == 503
                site.ready = True
                assert (await client.get("/-/ready")).status_code == 200
                site.healthy = False
                assert (await client.get("/-/healthy")).status_code == 503

        asyncio.run(test())

    def test_they_do_not_depend_on_each_other(self) -> None:
        site = Site(healthy=False, ready=False)
        assert site.ask("/metrics").status_code == 200
        assert Site(healthy=False).ask("/-/ready").status_code == 200
        assert Site(ready=False).ask("/-/healthy").status_code == 200


class TestReload:
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_it_is_done_before_the_answer(self, method: str) -> None:
        done = []

        async def reload() -> None:
            done.append(method)

        answer = Site(reload=reload).ask("/-/reload", method)
        assert (answer.status_code, done) == (200, [method])
        assert answer.text == "The configuration is reloaded.\n"

    def test_what_is_wrong_is_told(self) -> None:
        async def reload() -> None:
            raise ConfigError(
                (Problem("config.yaml", "workspaces", "is empty"), Problem("config.yaml", "global", "is 1"))
            )

        answer = Site(reload=reload).ask("/-/reload", "POST")
        assert answer.status_code == 500
        assert answer.text == (
            "The configuration is not reloaded:\nconfig.yaml: workspaces: is empty\nconfig.yaml: global: is 1\n"
        )

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_it_is_forbidden_unless_enabled(self, method: str) -> None:
        answer = Site().ask("/-/reload", method)
        assert answer.status_code == 403
        assert answer.text == "Reloading is not enabled; start with --web.enable-lifecycle.\n"

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
    def test_looking_at_it_does_nothing(self, method: str) -> None:
        async def reload() -> None:
            raise AssertionError

        answer = Site(reload=reload).ask("/-/reload", method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"POST", "PUT"}


class TestOtherPaths:
    @pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/metrics/acme", "/-/", "/favicon.ico"])
    def test_what_is_not_there(self, path: str) -> None:
        answer = Site().ask(path)
        assert answer.status_code == 404
        assert answer.text == "Not Found\n"
        assert answer.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    @pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/-/ready"])
    def test_reading_is_all_that_is_allowed(self, method: str, path: str) -> None:
        answer = Site().ask(path, method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}


class TestRoutePrefix:
    SITE = two_workspaces(web=WebSettings(route_prefix="/ops/mihu"))

    def test_every_path_begins_with_it(self) -> None:
        assert workspaces_in(self.SITE.ask("/ops/mihu/metrics").text) == {"acme", "globex"}
        for path in ("/", "/-/healthy", "/-/ready"):
            assert self.SITE.ask(f"/ops/mihu{path}").status_code == 200
        assert self.SITE.ask("/ops/mihu/-/reload", "POST").status_code == 403

    @pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/ops", "/ops/mihu/ops/mihu/metrics"])
    def test_others_are_not_there(self, path: str) -> None:
        assert self.SITE.ask(path).status_code == 404

    @pytest.mark.parametrize("path", ["/", "/ops/mihu"])
    def test_the_front_page_without_it_redirects_there(self, path: str) -> None:
        answer = self.SITE.ask(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/ops/mihu/")
