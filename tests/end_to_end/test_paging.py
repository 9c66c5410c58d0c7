"""An agent is taken off a number, and somebody is paged: by the real exporter, Prometheus and Alertmanager."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from support.processes import eventually, running_alertmanager, running_exporter, running_prometheus
from support.rules import impatient_rules
from support.simulating import write_config
from support.webhooks import Webhook, running_webhook

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

INTERVAL = "500ms"


def heard(pager: Webhook, status: str, alert: str, number: str) -> list[dict[str, Any]]:
    return [
        heard
        for heard in alerts(pager)
        if heard["status"] == status
        and heard["labels"]["alertname"] == alert
        and heard["labels"].get("number") == number
    ]


def alerts(pager: Webhook) -> list[dict[str, Any]]:
    return [alert for _, document in pager.documents for alert in document["alerts"]]


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
        async with Simulator([tenant]) as simulator, running_webhook() as pager:
            config = write_config(tmp_path, simulator, [tenant], poll_interval=INTERVAL)
            alertmanager_config = {
                "route": {
                    "receiver": "pager",
                    "group_by": ["workspace", "alertname"],
                    "group_wait": "200ms",
                    "group_interval": "500ms",
                },
                "receivers": [{"name": "pager", "webhook_configs": [{"url": pager.url, "send_resolved": True}]}],
            }
            alertmanager_file = tmp_path / "alertmanager.yml"
            alertmanager_file.write_text(json.dumps(alertmanager_config), encoding="utf-8")
            async with (
                running_exporter(tmp_path, "--config.file", str(config)) as exporter,
                running_alertmanager(tmp_path, alertmanager_file) as alertmanager,
                running_prometheus(
                    tmp_path,
                    {
                        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
                        "rule_files": [impatient_rules(tmp_path, INTERVAL)],
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
                    return bool(
                        await prometheus.query(f'mihu_trunk_channel_bound{{number="{number}",channel="call"}} == 1')
                    )

                async def is_paged() -> bool:
                    return bool(heard(pager, "firing", "MihuTrunkChannelLost", number))

                async def is_resolved() -> bool:
                    return bool(heard(pager, "resolved", "MihuTrunkChannelLost", number))

                await eventually(is_recorded, "Prometheus knows that the number was bound")
                assert heard(pager, "firing", "MihuTrunkChannelLost", number) == []
                fleet.unbind(number, "call", now=time.time())
                await eventually(is_paged, "the page arrives")
                (page, *_) = heard(pager, "firing", "MihuTrunkChannelLost", number)
                assert page["labels"]["severity"] == "critical"
                assert page["labels"]["workspace"] == "acme"
                assert page["annotations"]["summary"].startswith(f"{number} lost its agent ")
                fleet.bind(number, "call", fleet.agents[0], now=time.time())
                await eventually(is_resolved, "the resolution arrives")
                lost = {alert["labels"]["number"] for alert in alerts(pager) if "Lost" in alert["labels"]["alertname"]}
                assert lost == {number}

    asyncio.run(scenario())
