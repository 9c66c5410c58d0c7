"""Someone with a broken token is told so, with the remedy, wherever they look."""

import asyncio
import html
from dataclasses import replace
from pathlib import Path

import yaml
from support.processes import eventually, ran, running_exporter
from support.simulating import write_config

from exporter.api.errors import REMEDIES, Reason
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules" / "mihu-trunk-exporter.rules.yaml"
REMEDY = REMEDIES[Reason.AUTH]


def test_by_the_page_the_log_doctor_and_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        tenants = generate_tenants(1, 3, seed=1)
        async with Simulator(tenants) as simulator:
            config = write_config(tmp_path, simulator, [replace(tenant, token="revoked") for tenant in tenants])
            async with running_exporter(tmp_path, "--config.file", str(config)) as exporter:

                async def has_failed() -> bool:
                    return 'mihu_up{workspace="acme"} 0\n' in await exporter.metrics()

                await eventually(has_failed, "the token is refused")
                page = html.unescape((await exporter.http.get(f"{exporter.url}/")).text)
                assert "401" in page
                assert REMEDY in page
                (line,) = [line for line in exporter.program.said().splitlines() if "poll failed" in line]
                assert "reason=auth" in line
                assert REMEDY in line
            for command in ("doctor", "once"):
                ended = await asyncio.to_thread(ran, tmp_path, command)
                assert ended.returncode == 1
                assert "401" in ended.stdout + ended.stderr
                assert REMEDY in " ".join((ended.stdout + ended.stderr).split())

    asyncio.run(scenario())


def test_by_an_alert() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    alert = alerts["MihuAuthFailing"]
    assert 'reason=~"auth|permission"' in alert["expr"]
    assert REMEDY in alert["annotations"]["description"]
