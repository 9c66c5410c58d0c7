"""An agent is taken off a number, and somebody is paged: by the real exporter, Prometheus and Alertmanager."""

import json
import time
from pathlib import Path
from typing import Any

from support.processes import eventually, running_alertmanager, running_exporter, running_prometheus, scrape_job
from support.rules import impatient_rules
from support.simulating import answered, write_config
from support.webhooks import running_webhook

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

INTERVAL = "500ms"


async def test_the_page_names_number_and_workspace_and_resolves(tmp_path: Path) -> None:
    tenant = Tenant("acme", "test-token", Fleet.generate(30, seed=2))
    fleet = tenant.fleet
    number = answered(fleet)[0]
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
                    "global": {"evaluation_interval": INTERVAL},
                    "rule_files": [impatient_rules(tmp_path, INTERVAL)],
                    "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
                    "scrape_configs": [scrape_job(exporter.address, INTERVAL)],
                },
            ) as prometheus,
        ):

            def alerts() -> list[dict[str, Any]]:
                return [alert for _, document in pager.documents for alert in document["alerts"]]

            async def heard(status: str) -> list[dict[str, Any]]:
                labels = {"alertname": "MihuTrunkChannelLost", "number": number}
                return [
                    alert
                    for alert in alerts()
                    if alert["status"] == status and labels.items() <= alert["labels"].items()
                ]

            await prometheus.finds(f'mihu_trunk_channel_bound{{number="{number}",channel="call"}} == 1')
            assert await heard("firing") == []
            fleet.unbind(number, "call", now=time.time())
            (page, *_) = await eventually(lambda: heard("firing"), "the page arrives")
            assert page["labels"]["severity"] == "critical"
            assert page["labels"]["workspace"] == "acme"
            assert page["annotations"]["summary"].startswith(f"{number} lost its agent ")
            fleet.bind(number, "call", fleet.agents[0], now=time.time())
            await eventually(lambda: heard("resolved"), "the resolution arrives")
            lost = {alert["labels"]["number"] for alert in alerts() if "Lost" in alert["labels"]["alertname"]}
            assert lost == {number}
