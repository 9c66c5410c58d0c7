"""vmagent scrapes, vmalert pages: with the configuration and the commands of docs/victoriametrics.md."""

import shlex
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.processes import PROJECT, eventually, free_port, program, running_exporter
from support.rules import fenced, impatient_rules
from support.simulating import answered, write_config
from support.webhooks import running_webhook

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

PAGE = (PROJECT / "docs" / "victoriametrics.md").read_text(encoding="utf-8")
INTERVAL = "500ms"


@pytest.fixture
def programs(newer: Callable[..., list[Path]]) -> dict[str, str]:
    """Return the programs of Debian's newest suite by name."""
    names = ("victoria-metrics", "vmagent", "vmalert")
    return {name: str(file) for name in names for file in newer(name, "sid")} or pytest.skip("they cannot be had")


def commands() -> dict[str, list[str]]:
    """Return the page's commands by the program's name."""
    found = (shlex.split(line) for block in fenced(PAGE, "sh") for line in block.replace("\\\n", " ").splitlines())
    return {command[0]: command for command in found}


async def test_a_lost_agent_is_paged(tmp_path: Path, programs: dict[str, str]) -> None:
    tenant = Tenant("acme", "test-token", Fleet.generate(30, seed=2))
    fleet = tenant.fleet
    number = answered(fleet)[0]
    store = f"127.0.0.1:{free_port()}"
    scrape: dict[str, Any] = yaml.safe_load(fenced(PAGE, "yaml")[0])
    scrape["global"]["scrape_interval"] = "1s"

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        simulator, pager = await enter(Simulator([tenant])), await enter(running_webhook())
        config = write_config(tmp_path, simulator, [tenant], poll_interval=INTERVAL)
        exporter = await enter(running_exporter(tmp_path, "--config.file", str(config)))
        http = exporter.http
        own = {
            "localhost:10155": exporter.address,
            "localhost:8428": store,
            "localhost:9093": pager.url.removeprefix("http://").rstrip("/"),
            "scrape.yaml": str(tmp_path / "scrape.yaml"),
            "mihu/prometheus/rules/*.rules.yaml": impatient_rules(tmp_path, INTERVAL),
        }

        def run(name: str, *flags: str) -> Any:  # noqa: ANN401 - a context
            text = shlex.join(commands().get(name, [name]))
            for theirs, ours in own.items():
                text = text.replace(theirs, ours)
            _, *arguments = shlex.split(text)
            return enter(program([programs[name], *arguments, *flags], tmp_path / f"{name}.log", cwd=tmp_path))

        (tmp_path / "scrape.yaml").write_text(
            yaml.safe_dump(scrape).replace("localhost:10155", own["localhost:10155"]), encoding="utf-8"
        )
        # Its cache of series that a query found would be asked for ten seconds more.
        await run(
            "victoria-metrics",
            f"-httpListenAddr={store}",
            "-storageDataPath=data",
            "-search.latencyOffset=0s",
            "-storage.cacheSizeIndexDBTagFilters=1",
        )
        await run("vmagent", "-httpListenAddr=", "-remoteWrite.tmpDataPath=unsent", "-remoteWrite.flushInterval=100ms")

        async def asked(query: str) -> list[Any]:
            try:
                answer = await http.get(f"http://{store}/api/v1/query", params={"query": query})
            except httpx.TransportError:
                return []
            found: list[Any] = answer.json()["data"]["result"]
            return found

        await eventually(
            lambda: asked(
                f'mihu_trunk_channel_bound{{job="mihu-trunk-exporter",number="{number}",channel="call"}} == 1'
            ),
            "VictoriaMetrics knows that the number was bound",
        )
        await run("vmalert", "-httpListenAddr=", "-rule.evalDelay=0s", "-remoteWrite.flushInterval=100ms")

        async def pages() -> list[dict[str, Any]]:
            alerts = (alert for _, documents in pager.documents for alert in documents)
            return [alert for alert in alerts if alert["labels"].get("number") == number]

        assert not await pages()
        fleet.unbind(number, "call", now=time.time())
        (page, *_) = await eventually(pages, "vmalert pages")
        assert page["labels"] | {"alertname": "MihuTrunkChannelLost", "severity": "critical"} == page["labels"]
        assert page["annotations"]["summary"].startswith(f"{number} lost its agent ")
