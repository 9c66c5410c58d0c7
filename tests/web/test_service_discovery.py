"""Where service discovery says that workspaces are scraped."""

from typing import Any

import pytest
from support.exposed import workspace
from web.site import Site

from exporter.config.settings import ValidatedConfig
from exporter.web.routes import service_discovery
from exporter.web.settings import WebSettings


def groups(*names: str, scheme: str = "http", host: str = "exporter:10155", **web: Any) -> Any:  # noqa: ANN401 - JSON
    """Ask an exporter of these workspaces, as a client reaches it."""
    config, settings = ValidatedConfig(workspaces=tuple(map(workspace, names))), WebSettings(**web)
    site = Site(web=settings, pages={"/sd": service_discovery(lambda: config, settings)})
    answer = site.ask(f"{scheme}://exporter{settings.route_prefix}/sd", headers={"Host": host})
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
