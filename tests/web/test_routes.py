"""Requests in, answers out, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from support.exposed import openmetrics_families
from support.samples import samples
from support.trunks import row
from support.views import exposition, view

from exporter.config.problems import ConfigError, Problem
from exporter.config.settings import Shard
from exporter.metrics.exposition import View
from exporter.web.routes import Endpoints, create_application
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
    def test_encodings_hold_the_same_and_head_has_the_headers_of_get(
        self, accept: str, accepted: str | None, encoding: str | None
    ) -> None:
        path = "/metrics?workspace=acme"  # in which nothing moves
        asked = {"Accept": accept} | ({} if accepted is None else {"Accept-Encoding": accepted})
        answer = two_workspaces().ask(path, headers=asked)
        assert answer.headers.get("Content-Encoding") == encoding
        assert int(answer.headers["Content-Length"]) == answer.num_bytes_downloaded
        assert (answer.num_bytes_downloaded < len(answer.content)) is (encoding == "gzip")
        assert answer.headers.get_list("Vary", split_commas=True) == ["Accept", "Accept-Encoding"]
        assert answer.text == two_workspaces().ask(path, headers={"Accept": accept}).text
        head = two_workspaces().ask(path, "HEAD", headers=asked)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers.multi_items() == answer.headers.multi_items()

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
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("healthy", [False, True])
    @pytest.mark.parametrize("ready", [False, True])
    def test_each_probe_says_how_it_is_now_and_scrapes_do_not_depend_on_them(
        self,
        method: str,
        healthy: bool,  # noqa: FBT001 - a parameter
        ready: bool,  # noqa: FBT001 - a parameter
    ) -> None:
        async def test() -> None:
            site = Site()
            async with site.client() as client:
                for path in ("/-/healthy", "/-/ready"):
                    assert (await client.request(method, path)).status_code == 200
                site.healthy, site.ready = healthy, ready
                assert (await client.request(method, "/-/healthy")).status_code == (200 if healthy else 503)
                assert (await client.request(method, "/-/ready")).status_code == (200 if ready else 503)
                assert (await client.get("/metrics")).status_code == 200

        asyncio.run(test())


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

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "BREW"])
    def test_looking_at_it_does_nothing(self, method: str) -> None:
        async def reload() -> None:
            raise AssertionError

        answer = Site(reload=reload).ask("/-/reload", method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"POST", "PUT"}


class TestOtherPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/nothing",
            "/metrics/",
            "/metrics/acme",
            "/-/",
            "/favicon.ico",
            "/docs",
            "/openapi.json",
            "/-/quit",
            "/debug/pprof",
        ],
    )
    def test_what_is_not_there(self, path: str) -> None:
        answer = Site().ask(path)
        assert answer.status_code == 404
        assert answer.text == "Not Found\n"
        assert answer.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
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
