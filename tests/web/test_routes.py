"""Requests in, answers out, without a socket; which format and encoding a client gets, and which targets it is told."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import workspace
from support.samples import samples
from support.trunks import row
from support.views import view
from web.site import Site

from exporter.config.problems import ConfigError
from exporter.config.settings import Shard, ValidatedConfig
from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format
from exporter.web.negotiation import accepts_gzip, choose_format
from exporter.web.settings import WebSettings

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COLLECT = "collect takes the value exporter, and no workspace beside it"
OM_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

ELSEWHERE = ValidatedConfig(workspaces=(), elsewhere={"initech": Shard(2, 3)})


def two_workspaces(**site: Any) -> Site:  # noqa: ANN401 - of a site
    return Site([view("acme", [row(0), row(1)]), view("globex", [row(2)])], **site)


def workspaces_in(text: str) -> set[str]:
    return {dict(labels)["workspace"] for _, labels in samples(text) if "workspace" in dict(labels)}


def about_the_exporter(text: str) -> set[str]:
    return {name for name, _ in samples(text) if name.startswith(("mihu_exporter_", "process_", "python_"))}


class TestMetrics:
    def test_are_of_every_workspace_and_the_exporter_itself(self) -> None:
        answer = two_workspaces().ask("/metrics")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, TEXT_TYPE)
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
        assert (answer.headers["Content-Type"], answer.headers["Content-Encoding"]) == (OM_TYPE, "gzip")

    def test_may_be_at_another_path(self) -> None:
        site = two_workspaces(web=WebSettings(telemetry_path="/probe/mihu"))
        assert workspaces_in(site.ask("/probe/mihu").text) == {"acme", "globex"}
        assert site.ask("/metrics").status_code == 404

    @pytest.mark.parametrize("accept", [TEXT_TYPE, OM_TYPE])
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
        assert answer.text.endswith("# EOF\n") is (accept == OM_TYPE)

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
        answer = two_workspaces(config=ELSEWHERE).ask(f"/metrics?{query}")
        assert (answer.status_code, answer.text) == (status, f"{text}\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_probe_says_how_it_is_now_and_scrapes_do_not_depend_on_them(method: str) -> None:
    for healthy, ready in product((False, True), repeat=2):
        site = Site([view("acme")], healthy=healthy, ready=ready)
        found = [site.ask(path, method).status_code for path in ("/-/healthy", "/-/ready", "/metrics")]
        assert found == [200 if healthy else 503, 200 if ready else 503, 200]


succeed = AsyncMock()
fail = AsyncMock(side_effect=ConfigError(["config.yaml: workspaces: is empty", "web.yaml: is 1"]))


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
    site = Site(reload=reload, web=WebSettings(enable_lifecycle=True)) if reload else Site()
    answer = site.ask("/-/reload", method)
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


def test_there_is_nothing_else() -> None:
    others = ("nothing", "metrics/", "metrics/acme", "-/", "favicon.ico", "openapi.json", "-/quit", "debug/pprof")
    for path in others:
        answer = Site().ask(f"/{path}")
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


OM = "application/openmetrics-text"
PROMETHEUS_2_42 = f"{OM};version=1.0.0,{OM};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    f"{OM};version=1.0.0;escaping=allow-utf-8;q=0.6,{OM};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
NATIVE_HISTOGRAMS = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7"

OPENMETRICS_IS_CHOSEN = {
    "Prometheus 2.42": PROMETHEUS_2_42,
    "Prometheus 3": PROMETHEUS_3,
    "Prometheus 3, native histograms": f"{NATIVE_HISTOGRAMS},{PROMETHEUS_3}",
    "named alone": OM,
    "in capitals": f"{OM.upper()}; VERSION=1.0.0; Q=0.9",
    "the most exact range counts": f"*/*;q=1,text/*;q=0.9,text/plain;q=0.1,{OM};q=0.2",
    "text excluded": "text/plain;q=0,*/*",
    "application/*": "application/*",
    "tie, named more exactly": f"text/plain,{OM};version=1.0.0",
    "tie, named first": f"{OM},text/plain",
}
PROMETHEUS_IS_CHOSEN = {
    "nothing asked for": "",
    "anything": "*/*",
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "VictoriaMetrics": "text/plain;version=0.0.4;q=1,*/*;q=0.1",
    "Prometheus 3, text first": f"text/plain;version=0.0.4;q=0.6,{OM};version=1.0.0;q=0.5,*/*;q=0.4",
    "OpenMetrics 0.0.1 alone": f"{OM};version=0.0.1",
    "OpenMetrics 0.0.1 beside text": f"{OM};version=0.0.1,text/plain;version=0.0.4;q=0.1",
    "OpenMetrics excluded": f"{OM};q=0,*/*;q=0.1",
    "OpenMetrics less preferred": f"{OM};q=0.4,text/plain;q=0.5",
    "everything excluded": "*/*;q=0",
    "tie, text named first": f"text/plain,{OM}",
    "JSON alone": "application/json",
    "q is no number": f"{OM};q=high,text/plain;q=0.1",
    "q below 0": f"{OM};q=-1,text/plain;q=0.1",
    "garbage": ';;;===,,, q="\\\x00\xff */ /* ;q',
}


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        *(pytest.param(accept, OPENMETRICS, id=name) for name, accept in OPENMETRICS_IS_CHOSEN.items()),
        *(pytest.param(accept, PROMETHEUS, id=name) for name, accept in PROMETHEUS_IS_CHOSEN.items()),
    ],
)
def test_a_format_is_chosen(accept: str, format_: Format) -> None:
    assert choose_format(accept) is format_


GZIPPED = [
    *("gzip", "deflate, gzip, br, zstd", "GZIP", "x-gzip", "gzip;q=0.1", "*", "gzip, identity;q=0", "identity, gzip"),
    *("identity;q=0.5, gzip;q=0.6", "gzip, *;q=0"),
]
PLAIN = [
    *("", "identity", "br, zstd, deflate", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity, gzip;q=0.5"),
    *("identity;q=0.8, *;q=0.5", ";,=;gzip?"),
]


@pytest.mark.parametrize("accept_encoding", [*GZIPPED, *PLAIN])
def test_gzip_is_sent_where_it_is_accepted_and_nothing_else_preferred(accept_encoding: str) -> None:
    assert accepts_gzip(accept_encoding) is (accept_encoding in GZIPPED)


@given(
    header=st.one_of(
        st.text(st.characters(max_codepoint=255)),
        st.lists(
            st.sampled_from(["gzip", OM, "text/plain", "*/*", "*", ";", ",", "q=", "0.5", "version=", " ", '"'])
        ).map("".join),
    )
)
def test_no_header_is_an_error(header: str) -> None:
    assert choose_format(header) in {PROMETHEUS, OPENMETRICS}
    assert accepts_gzip(header) in {True, False}


def groups(*names: str, scheme: str = "http", host: str = "exporter:10155", **web: Any) -> Any:  # noqa: ANN401 - JSON
    """Ask an exporter of these workspaces, as a client reaches it."""
    site = Site(web=WebSettings(**web), config=ValidatedConfig(workspaces=tuple(map(workspace, names))))
    answer = site.ask(f"{scheme}://exporter{site.web.route_prefix}/sd", headers={"Host": host})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.json()


def test_there_is_a_target_for_each_workspace() -> None:
    shared = {"__scheme__": "http", "__metrics_path__": "/metrics"}
    assert groups("acme", "glo bex") == [
        {"targets": ["exporter:10155"], "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name}}
        for name in ("acme", "glo bex")
    ]
    assert groups() == []


BEHIND, ITS_PORT, HTTP = (
    {"external_url": f"{address}/mihu"}
    for address in ("https://ops.example.com", "https://ops.example.com:8443", "http://ops.example.com")
)


@pytest.mark.parametrize(
    ("scheme", "host", "settings", "target"),
    [
        ("http", "exporter", {}, "http exporter:80 /metrics"),
        ("http", "Exporter:10155", {}, "http Exporter:10155 /metrics"),
        ("https", "[::1]:10155", {}, "https [::1]:10155 /metrics"),
        ("http", "x:1", {"telemetry_path": "/probe"}, "http x:1 /probe"),
        ("http", "x:1", {"route_prefix": "/mihu"}, "http x:1 /mihu/metrics"),
        # A client of the reverse proxy gets targets behind it.
        ("http", "ops.example.com", BEHIND, "https ops.example.com:443 /mihu/metrics"),
        ("http", "ops.example.com:443", BEHIND, "https ops.example.com:443 /mihu/metrics"),
        ("http", "OPS.example.com:443", BEHIND, "https ops.example.com:443 /mihu/metrics"),
        ("http", "ops.example.com:8443", ITS_PORT, "https ops.example.com:8443 /mihu/metrics"),
        ("http", "ops.example.com:80", HTTP, "http ops.example.com:80 /mihu/metrics"),
        ("http", "ops.example.com:10155", BEHIND, "http ops.example.com:10155 /metrics"),
        ("http", "exporter:10155", BEHIND, "http exporter:10155 /metrics"),
    ],
    ids=str,
)
def test_the_target_is_where_the_client_reached_the_exporter(
    scheme: str, host: str, settings: dict[str, Any], target: str
) -> None:
    (group,) = groups("acme", scheme=scheme, host=host, **settings)
    labels = group["labels"]
    assert f"{labels['__scheme__']} {group['targets'][0]} {labels['__metrics_path__']}" == target
