"""An agent is taken off a number, and somebody is paged: by the real exporter, Prometheus and Alertmanager."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support.processes import eventually, running_alertmanager, running_exporter, running_prometheus

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, listen, url
from exporter.web.server import Server

PROJECT = Path(__file__).parent.parent.parent
RULES = PROJECT / "deploy" / "prometheus" / "rules"
INTERVAL = "500ms"


class Pager:
    """Receives what Alertmanager sends."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.application = Starlette(routes=[Route("/", self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        self.alerts += (await request.json())["alerts"]
        return Response()

    def heard(self, status: str, alert: str, number: str) -> list[dict[str, Any]]:
        return [
            heard
            for heard in self.alerts
            if heard["status"] == status
            and heard["labels"]["alertname"] == alert
            and heard["labels"].get("number") == number
        ]


@asynccontextmanager
async def listening_pager() -> AsyncIterator[tuple[Pager, str]]:
    pager = Pager()
    server = Server(pager.application)
    listener = listen(ListenAddress("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve_on([listener]))
    try:
        yield pager, url(listener)
    finally:
        server.should_exit = True
        await serving


def impatient_rules(folder: Path) -> str:
    """Copy the rules as they are deployed, but for the time that alerts wait."""
    for file in RULES.glob("*.yaml"):
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = INTERVAL
            for rule in group["rules"]:
                rule.pop("for", None)
                rule.pop("keep_firing_for", None)
        (folder / f"rules-{file.name}").write_text(json.dumps(rules), encoding="utf-8")  # JSON is YAML
    return str(folder / "rules-*.yaml")


def test_the_page_names_number_and_workspace_and_resolves(tmp_path: Path) -> None:
    async def scenario() -> None:
        tenant = Tenant("acme", "test-token", Fleet.generate(30, seed=2))
        fleet = tenant.fleet
        number = next(
            number
            for number in fleet.numbers
            if fleet.trunk(number)["status"] == "active"
            and (fleet.trunk(number)["bindings"] or {}).get("call", {}).get("bound")
        )
        config = tmp_path / "config.yaml"
        async with Simulator([tenant]) as simulator, listening_pager() as (pager, pager_url):
            document = {
                "global": {"poll_interval": INTERVAL},
                "workspaces": [
                    {
                        "name": "acme",
                        "base_url": simulator.base_url("acme"),
                        "authorization": {"credentials": "test-token"},
                    }
                ],
            }
            config.write_text(json.dumps(document), encoding="utf-8")
            alertmanager_config = {
                "route": {
                    "receiver": "pager",
                    "group_by": ["workspace", "alertname"],
                    "group_wait": "200ms",
                    "group_interval": "500ms",
                },
                "receivers": [{"name": "pager", "webhook_configs": [{"url": pager_url, "send_resolved": True}]}],
            }
            async with (
                running_exporter(tmp_path, "--config.file", str(config)) as exporter,
                running_alertmanager(tmp_path, alertmanager_config) as alertmanager,
                running_prometheus(
                    tmp_path,
                    {
                        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
                        "rule_files": [impatient_rules(tmp_path)],
                        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
                        "scrape_configs": [
                            {
                                "job_name": "mihu-trunk-exporter",
                                "scrape_timeout": INTERVAL,
                                "static_configs": [{"targets": [exporter.url.removeprefix("http://")]}],
                            }
                        ],
                    },
                ) as prometheus,
            ):

                async def is_recorded() -> bool:
                    recorded = f'mihu:trunk_channel_bound_timestamp_seconds:max1d{{number="{number}",channel="call"}}'
                    return bool(await prometheus.query(recorded))

                async def is_paged() -> bool:
                    return bool(pager.heard("firing", "MihuTrunkChannelLost", number))

                async def is_resolved() -> bool:
                    return bool(pager.heard("resolved", "MihuTrunkChannelLost", number))

                await eventually(is_recorded, "Prometheus knows that the number was bound")
                assert pager.heard("firing", "MihuTrunkChannelLost", number) == []
                fleet.unbind(number, "call", now=time.time())
                await eventually(is_paged, "the page arrives")
                (page, *_) = pager.heard("firing", "MihuTrunkChannelLost", number)
                assert page["labels"]["severity"] == "critical"
                assert page["labels"]["workspace"] == "acme"
                assert number in page["annotations"]["description"]
                assert "workspace acme" in page["annotations"]["description"]
                fleet.bind(number, "call", fleet.agents[0], now=time.time())
                await eventually(is_resolved, "the resolution arrives")
                lost = {alert["labels"]["number"] for alert in pager.alerts if "Lost" in alert["labels"]["alertname"]}
                assert lost == {number}

    asyncio.run(scenario())
