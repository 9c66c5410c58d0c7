"""Someone with a broken token is told so, with the remedy; by doctor and once in their own tests."""

import html
from dataclasses import replace
from pathlib import Path

from support.processes import running_exporter
from support.rules import ALERTS, runbook
from support.simulating import write_config

from exporter.api.errors import REMEDIES, Reason
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

REMEDY = REMEDIES[Reason.AUTH]


async def test_by_the_page_and_the_log(tmp_path: Path) -> None:
    tenants = generate_tenants(1, 3, seed=1)
    async with Simulator(tenants) as simulator:
        config = write_config(tmp_path, simulator, [replace(tenant, token="revoked") for tenant in tenants])
        async with running_exporter(tmp_path, "--config.file", str(config)) as exporter:
            await exporter.shows('mihu_up{workspace="acme"} 0')
            page = html.unescape((await exporter.http.get("/")).text)
            assert "401" in page
            assert REMEDY in page
            (line,) = [line for line in exporter.program.said().splitlines() if "poll failed" in line]
            assert "reason=auth" in line
            assert REMEDY in line


def test_by_an_alert() -> None:
    alert = ALERTS["MihuAuthFailing"]
    assert 'reason=~"auth|permission"' in alert.expr
    assert alert.annotations["summary"] == "The API refuses the token"
    assert REMEDY in " ".join(runbook(alert.name).split())
