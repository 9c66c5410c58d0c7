"""Requests in, answers out, without a socket."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest
from support.samples import samples
from support.trunks import row
from support.views import view
from web.site import Site

from exporter.config.problems import ConfigError, Problem
from exporter.config.settings import Shard
from exporter.web.settings import WebSettings

TEXT = "text/plain; version=0.0.4; charset=utf-8"
COLLECT = "collect takes the value exporter, and no workspace beside it"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def two_workspaces(**site: Any) -> Site:  # noqa: ANN401 - of a site
    return Site([view("acme", [row(0), row(1)]), view("globex", [row(2)])], **site)


def workspaces_in(text: str) -> set[str]:
    return {dict(labels)["workspace"] for _, labels in samples(text) if "workspace" in dict(labels)}


def about_the_exporter(text: str) -> set[str]:
    return {name for name, _ in samples(text) if name.startswith(("mihu_exporter_", "process_", "python_"))}


class TestMetrics:
    def test_are_of_every_workspace_and_the_exporter_itself(self) -> None:
        answer = two_workspaces().ask("/metrics")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, TEXT)
        assert workspaces_in(answer.text) == {"acme", "globex"}
        assert {"mihu_exporter_build_info", "process_start_time_seconds"} <= about_the_exporter(answer.text)

    @pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [(None, None), ("gzip", "gzip"), ("identity", None), ("gzip;q=0", None), ("br, gzip;q=0.5", "gzip")],
    )
    def test_hold_the_same_in_every_encoding_and_head_has_the_headers_of_get(
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

    def test_take_headers_on_several_lines_as_one(self) -> None:
        lines = {"Accept": ("text/plain;q=0.1", "application/openmetrics-text"), "Accept-Encoding": ("br", "gzip")}
        headers = [(name, value) for name, values in lines.items() for value in values]
        answer = two_workspaces().ask("/metrics", headers=headers)
        assert (answer.headers["Content-Type"], answer.headers["Content-Encoding"]) == (OPENMETRICS, "gzip")

    def test_may_be_at_another_path(self) -> None:
        site = two_workspaces(web=WebSettings(telemetry_path="/probe/mihu"))
        assert workspaces_in(site.ask("/probe/mihu").text) == {"acme", "globex"}
        assert site.ask("/metrics").status_code == 404

    @pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
    @pytest.mark.parametrize(
        ("query", "workspaces", "with_exporter"),
        [
            ("workspace=acme", {"acme"}, False),
            ("workspace=globex&workspace=acme", {"acme", "globex"}, False),
            ("workspace=acme&workspace=acme", {"acme"}, False),
            ("workspace=acme&other=1", {"acme"}, False),
            ("workspace=citt%C3%A0+%26+co", {"città & co"}, False),
            ("format=prometheus", {"acme", "globex", "città & co"}, True),
            ("collect=exporter", set(), True),
        ],
    )
    def test_are_limited_by_a_query(self, query: str, workspaces: set[str], with_exporter: bool, accept: str) -> None:  # noqa: FBT001
        site = two_workspaces()
        site.views.append(view("città & co", [row()]))
        answer = site.ask(f"/metrics?{query}", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
        assert workspaces_in(answer.text) == workspaces
        whole = about_the_exporter(site.ask("/metrics").text)
        assert about_the_exporter(answer.text) == (whole if with_exporter else set())
        assert answer.text.endswith("# EOF\n") is (accept == OPENMETRICS)

    @pytest.mark.parametrize(
        ("query", "status", "text"),
        [
            ("workspace=umbrella", 404, "no workspace is called 'umbrella'"),
            ("workspace=acme&workspace=umbrella", 404, "no workspace is called 'umbrella'"),
            ("workspace=", 404, "no workspace is called ''"),
            ("workspace=ACME", 404, "no workspace is called 'ACME'"),
            ("workspace=citt%C3%A0%0A", 404, r"no workspace is called 'citt\xe0\n'"),
            ("workspace=acme&workspace=initech", 404, "the workspace 'initech' is not polled here but by shard 2 of 3"),
            ("collect=workspaces", 400, COLLECT),
            ("collect=", 400, COLLECT),
            ("collect=exporter&collect=x", 400, COLLECT),
            ("collect=exporter&workspace=acme", 400, COLLECT),
        ],
    )
    def test_are_refused(self, query: str, status: int, text: str) -> None:
        answer = two_workspaces(elsewhere={"initech": Shard(2, 3)}).ask(f"/metrics?{query}")
        assert (answer.status_code, answer.text) == (status, f"{text}\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_probe_says_how_it_is_now_and_scrapes_do_not_depend_on_them(method: str) -> None:
    for healthy, ready in product((False, True), repeat=2):
        site = Site(healthy=healthy, ready=ready)
        found = [site.ask(path, method).status_code for path in ("/-/healthy", "/-/ready", "/metrics")]
        assert found == [200 if healthy else 503, 200 if ready else 503, 200]


async def succeed() -> None:
    pass


async def fail() -> None:
    raise ConfigError((Problem("config.yaml", "workspaces", "is empty"), Problem("web.yaml", "", "is 1")))


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("reload", "status", "text"),
    [
        (succeed, 200, "The configuration is reloaded."),
        (fail, 500, "The configuration is not reloaded:\nconfig.yaml: workspaces: is empty\nweb.yaml: is 1"),
        (None, 403, "Reloading is not enabled; start with --web.enable-lifecycle."),
    ],
)
def test_a_reload(method: str, reload: Callable[[], Awaitable[None]] | None, status: int, text: str) -> None:
    answer = Site(reload=reload).ask("/-/reload", method)
    assert (answer.status_code, answer.text) == (status, f"{text}\n")


OTHER_METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW")


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        ("/-/reload", ("GET", "HEAD", "DELETE", "BREW"), {"POST", "PUT"}),
        *((path, OTHER_METHODS, {"GET", "HEAD"}) for path in ("/metrics", "/", "/-/healthy", "/-/ready")),
    ],
)
def test_other_methods_are_not_allowed(path: str, methods: tuple[str, ...], allowed: set[str]) -> None:
    for method in methods:
        answer = Site(reload=fail).ask(path, method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == allowed


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/metrics/", "/metrics/acme", "/-/", "/favicon.ico", "/openapi.json", "/-/quit", "/debug/pprof"],
)
def test_there_is_nothing_else(path: str) -> None:
    answer = Site().ask(path)
    assert (answer.status_code, answer.text) == (404, "Not Found\n")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", f"/ops/mihu/{path}", 200) for path in ("metrics", "", "-/healthy", "-/ready")),
        ("POST", "/ops/mihu/-/reload", 403),
        *(("GET", path, 404) for path in ("/metrics", "/-/healthy", "/-/ready", "/ops", "/ops/mihu/ops/mihu/metrics")),
        *(("GET", path, 302) for path in ("/", "/ops/mihu")),
    ],
)
def test_every_path_begins_with_the_route_prefix(method: str, path: str, status: int) -> None:
    answer = two_workspaces(web=WebSettings(route_prefix="/ops/mihu")).ask(path, method)
    assert answer.status_code == status
    assert answer.headers.get("Location") == ("/ops/mihu/" if status == 302 else None)
