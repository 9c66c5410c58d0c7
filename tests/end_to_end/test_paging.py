"""An agent is taken off a number, and real programs page somebody; VictoriaMetrics runs as docs/ describe it."""

import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.files import write_yaml
from support.newer_programs import program as newer_program
from support.processes import (
    PROJECT,
    RunningExporter,
    eventually,
    free_port,
    program,
    running_alertmanager,
    running_exporter,
    running_prometheus,
    scrape_job,
)
from support.rules import fenced, impatient_rules
from support.serving import running_webhook
from support.simulating import answered, write_config

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

PAGE = (PROJECT / "docs" / "victoriametrics.md").read_text(encoding="utf-8")
INTERVAL = "500ms"

Newer = Callable[..., list[Path]]
Query = Callable[[str], Awaitable[object]]
Watch = Callable[[Path, RunningExporter, str, str], AbstractAsyncContextManager[Query]]


@asynccontextmanager
async def prometheus(folder: Path, exporter: RunningExporter, rules: str, alertmanager: str) -> AsyncIterator[Query]:
    config = {
        "global": {"evaluation_interval": INTERVAL},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [scrape_job(exporter.address, INTERVAL)],
    }
    async with running_prometheus(folder, config) as running:
        yield running.query


@asynccontextmanager
async def victoria(folder: Path, exporter: RunningExporter, rules: str, alertmanager: str) -> AsyncIterator[Query]:
    store = f"127.0.0.1:{free_port()}"
    (scraping,), commands = fenced(PAGE, "yaml"), "".join(fenced(PAGE, "sh")).replace("\\\n", " ")
    for theirs, ours in (
        ("localhost:10155", exporter.address),
        ("localhost:8428", store),
        ("localhost:9093", alertmanager),
        ("mihu/prometheus/rules/*.rules.yaml", rules),
    ):
        scraping, commands = scraping.replace(theirs, ours), commands.replace(theirs, ours)
    scrape: dict[str, Any] = yaml.safe_load(scraping)
    scrape["global"]["scrape_interval"] = "1s"
    write_yaml(folder / "scrape.yaml", scrape)
    told = {command[0]: command[1:] for command in map(shlex.split, commands.splitlines())}
    soon = "-remoteWrite.flushInterval=100ms"
    # Its cache of series that a query found would be asked for ten seconds more.
    fresh = ("-search.latencyOffset=0s", "-storage.cacheSizeIndexDBTagFilters=1")
    started = {
        "victoria-metrics": [f"-httpListenAddr={store}", "-storageDataPath=data", *fresh],
        "vmagent": [*told["vmagent"], "-httpListenAddr=", "-remoteWrite.tmpDataPath=unsent", soon],
        "vmalert": [*told["vmalert"], "-httpListenAddr=", "-rule.evalDelay=0s", soon],
    }

    async def query(query: str) -> object:
        try:
            answer = await exporter.http.get(f"http://{store}/api/v1/query", params={"query": query})
        except httpx.TransportError:
            return []
        return answer.json()["data"]["result"]

    async with AsyncExitStack() as stack:
        for name, flags in started.items():
            command = [str(newer_program("sid", name)), *flags]
            await stack.enter_async_context(program(command, folder / f"{name}.log", cwd=folder))
        yield query


@pytest.mark.parametrize("watch", [prometheus, victoria])
async def test_the_page_names_the_number_and_resolves(tmp_path: Path, watch: Watch, newer: Newer) -> None:
    if watch is victoria and not newer("vmagent", "sid"):
        pytest.skip("sid's vmagent cannot be had")
    fleet = Fleet.generate(30, seed=2)
    tenant = Tenant("acme", "test-token", fleet)
    number = answered(fleet)[0]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        simulator, pager = await enter(Simulator([tenant])), await enter(running_webhook())
        config = write_config(tmp_path, simulator, [tenant], poll_interval=INTERVAL)
        route = {"receiver": "pager", "group_by": ["alertname"], "group_wait": "200ms", "group_interval": "500ms"}
        webhook = {"url": pager.url, "send_resolved": True}
        document = {"route": route, "receivers": [{"name": "pager", "webhook_configs": [webhook]}]}
        file = write_yaml(tmp_path / "alertmanager.yml", document)
        exporter = await enter(running_exporter(tmp_path, "--config.file", str(config)))
        alertmanager = await enter(running_alertmanager(tmp_path, file))
        address = alertmanager.base_url.netloc.decode()
        query = await enter(watch(tmp_path, exporter, impatient_rules(tmp_path, INTERVAL), address))

        async def heard(status: str) -> list[dict[str, Any]]:
            alerts = [alert for _, document in pager.documents for alert in document["alerts"]]
            lost = [alert for alert in alerts if "Lost" in alert["labels"]["alertname"]]
            assert {alert["labels"]["number"] for alert in lost} <= {number}
            return [alert for alert in lost if alert["status"] == status]

        bound = f'mihu_trunk_channel_bound{{job="mihu-trunk-exporter",number="{number}",channel="call"}} == 1'
        await eventually(lambda: query(bound), "it is known that the number was bound")
        assert await heard("firing") == []
        fleet.bind(number, "call", None, now=time.time())
        (page, *_) = await eventually(lambda: heard("firing"), "the page arrives")
        expected = {"alertname": "MihuTrunkChannelLost", "severity": "critical", "workspace": "acme"}
        assert page["labels"] | expected == page["labels"]
        assert page["annotations"]["summary"].startswith(f"{number} lost its agent ")
        fleet.bind(number, "call", fleet.agents[0], now=time.time())
        await eventually(lambda: heard("resolved"), "the resolution arrives")
