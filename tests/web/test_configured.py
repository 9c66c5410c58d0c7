"""What is answered about the configuration in force."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from exporter.config.credentials import EnvironmentCredentials
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.web.routes import Configured
from exporter.web.settings import WebSettings


def config(*names: str) -> ValidatedConfig:
    workspaces = (
        Workspace(name=name, base_url="https://acme.mihu.ai", credentials=EnvironmentCredentials("TOKEN"))
        for name in names
    )
    return ValidatedConfig(workspaces=tuple(workspaces))


def ask(
    url: str, in_force: ValidatedConfig, web: WebSettings | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    configured = Configured(lambda: in_force, web or WebSettings())
    prefix = web.route_prefix if web else ""
    routes = [Route(f"{prefix}/sd", configured.targets)]

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes))) as client:
            return await client.get(url, headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code == 200
    return answer


def whereabouts(answer: httpx.Response) -> str:
    (group,) = answer.json()
    labels = group["labels"]
    return f"{labels['__scheme__']} {group['targets'][0]} {labels['__metrics_path__']}"


class TestTargets:
    def test_there_is_one_for_each_workspace(self) -> None:
        answer = ask("http://exporter:10155/sd", config("acme", "glo bex"))
        assert answer.headers["Content-Type"] == "application/json"
        shared = {"__scheme__": "http", "__metrics_path__": "/metrics"}
        assert answer.json() == [
            {
                "targets": ["exporter:10155"],
                "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name},
            }
            for name in ("acme", "glo bex")
        ]

    def test_without_workspaces_there_is_none(self) -> None:
        assert ask("http://exporter/sd", config()).json() == []

    @pytest.mark.parametrize(
        ("asked", "web", "found"),
        [
            ("http://exporter/sd", WebSettings(), "http exporter:80 /metrics"),
            ("https://exporter/sd", WebSettings(), "https exporter:443 /metrics"),
            ("https://[::1]:10155/sd", WebSettings(), "https [::1]:10155 /metrics"),
            ("http://[::1]/sd", WebSettings(), "http [::1]:80 /metrics"),
            ("http://x:1/sd", WebSettings(telemetry_path="/probe"), "http x:1 /probe"),
            ("http://x:1/mihu/sd", WebSettings(route_prefix="/mihu"), "http x:1 /mihu/metrics"),
        ],
        ids=str,
    )
    def test_they_are_where_the_client_has_reached_the_exporter(self, asked: str, web: WebSettings, found: str) -> None:
        assert whereabouts(ask(asked, config("acme"), web)) == found

    @pytest.mark.parametrize(
        ("external_url", "host", "found"),
        [
            ("https://ops.example.com/mihu", "ops.example.com", "https ops.example.com:443 /mihu/metrics"),
            ("https://ops.example.com/mihu", "ops.example.com:443", "https ops.example.com:443 /mihu/metrics"),
            ("https://ops.example.com/mihu", "Ops.Example.COM", "https ops.example.com:443 /mihu/metrics"),
            ("https://ops.example.com/mihu", "OPS.example.com:443", "https ops.example.com:443 /mihu/metrics"),
            ("https://ops.example.com:443/mihu", "ops.example.com", "https ops.example.com:443 /mihu/metrics"),
            ("https://OPS.example.com/mihu", "ops.example.com", "https OPS.example.com:443 /mihu/metrics"),
            ("https://ops.example.com:8443/mihu", "ops.example.com:8443", "https ops.example.com:8443 /mihu/metrics"),
            ("http://ops.example.com/mihu", "ops.example.com:80", "http ops.example.com:80 /mihu/metrics"),
            ("https://ops.example.com/mihu", "ops.example.com:10155", "http ops.example.com:10155 /metrics"),
            ("https://ops.example.com:8443/mihu", "ops.example.com:443", "http ops.example.com:443 /metrics"),
            ("https://ops.example.com/mihu", "exporter:10155", "http exporter:10155 /metrics"),
            (None, "Exporter:10155", "http Exporter:10155 /metrics"),
        ],
    )
    def test_through_a_proxy_they_are_behind_it(self, external_url: str | None, host: str, found: str) -> None:
        web = WebSettings(external_url=external_url)
        answer = ask("http://exporter/sd", config("acme"), web, headers={"Host": host})
        assert whereabouts(answer) == found
