"""Scraped by way of either ServiceMonitor, rules and dashboards give what they give in any other Prometheus.

The operator's labels are those of targets. Where a metric has a label of that name, Prometheus calls the metric's
exported_… instead, and whatever reads it by its name finds the target's.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from support.charts import NAMESPACE, render
from support.dashboards import QUERIES, with_variables
from support.heads import answer, heads
from support.manifests import Manifest, read
from support.operator_scrapes import ADDED, scrape_config
from support.processes import Prometheus, RunningExporter, eventually, running_exporter, running_prometheus
from support.rules import DEPLOY, impatient_rules
from support.simulating import answered, write_config

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

INTERVAL = "500ms"
KUBERNETES = DEPLOY / "kubernetes"


def of_kustomize() -> list[Manifest]:
    files = (
        KUBERNETES / "components/prometheus-operator/servicemonitor.yaml",
        KUBERNETES / "single/service.yaml",
        KUBERNETES / "single/deployment.yaml",
    )
    return [manifest for file in files for manifest in read(file.read_text(encoding="utf-8"))]


def of_helm() -> list[Manifest]:
    return render({"serviceMonitor": {"enabled": True}})


async def record(exporter: RunningExporter) -> tuple[float, bytes]:
    """Return the time, and the current exposition with that time as timestamps: every scrape has the same samples."""
    now = time.time()
    lines = [
        line if line.startswith("#") else f"{line} {int(now * 1000)}"
        for line in (await exporter.metrics()).splitlines()
    ]
    text = "".join(f"{line}\n" for line in lines).encode()
    return now, answer("200 OK", text, Content_Type="text/plain; version=0.0.4")


Vector = dict[frozenset[tuple[str, str]], str]


async def ask(prometheus: Prometheus, promql: str, at: float) -> Vector:
    """Return what a Prometheus answers at a time, without the operator's labels, in digits that sums agree in."""
    asked = await prometheus.http.post("/api/v1/query", data={"query": promql, "time": at})
    document = asked.json()
    assert document["status"] == "success", f"{promql}: {document}"
    return {
        frozenset(item for item in series["metric"].items() if item[0] not in ADDED): f"{float(series['value'][1]):.9g}"
        for series in document["data"]["result"]
    }


async def judged(prometheus: Prometheus) -> Vector:
    """Return what the rules have found, with all its labels; without values that say when that was."""
    found = await prometheus.query('{__name__=~"mihu:.+|ALERTS"}')
    return {labels: "" if "_seconds" in dict(labels)["__name__"] else f"{value:.9g}" for labels, value in found.items()}


def settings_of(address: str) -> dict[str, dict[str, Any]]:
    """Return three ways to scrape the same: the plain one, and by way of each ServiceMonitor."""
    return {
        "plain": {"job_name": "mihu-trunk-exporter", "static_configs": [{"targets": [address]}]},
        "kustomize": scrape_config(of_kustomize(), "monitored", address),
        "helm": scrape_config(of_helm(), NAMESPACE, address),
    }


@asynccontextmanager
async def scraping(folder: Path, address: str) -> AsyncIterator[dict[str, Prometheus]]:
    """Run a Prometheus for each way to scrape."""
    async with AsyncExitStack() as stack:
        running = {}
        for way, settings in settings_of(address).items():
            (folder / way).mkdir()
            config = {
                "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
                "rule_files": [impatient_rules(folder / way, INTERVAL)],
                "scrape_configs": [settings],
            }
            running[way] = await stack.enter_async_context(running_prometheus(folder / way, config))
        yield running


@asynccontextmanager
async def polling(folder: Path, tenant: Tenant) -> AsyncIterator[RunningExporter]:
    """Run the exporter on the simulated API."""
    async with Simulator([tenant]) as simulator:
        config = write_config(folder, simulator, [tenant], poll_interval=INTERVAL, max_staleness="1h")
        async with running_exporter(folder, "--config.file", str(config)) as exporter:
            yield exporter


def identity(fleet: Fleet, number: str) -> str:
    """Return the labels that name a trunk."""
    return f'workspace="acme",phone_number_uuid="{fleet.trunk(number)["phone_number_uuid"]}",number="{number}"'


def hero_of(fleet: Fleet) -> str:
    """Return a number that is well, and let another one be enabled without room for calls."""
    hero, other = [number for number in answered(fleet) if fleet.trunk(number)["phone_number_uuid"]][:2]
    full = {"enabled": True, "channel_limit": 0}
    roomy = {"enabled": True, "channel_limit": 10}
    fleet.change(other, now=time.time(), channel_settings={"voice": full, "inbound": roomy, "sms": roomy})
    return hero


async def all_fire(running: dict[str, Prometheus], *alerts: str) -> None:
    fire = " and ".join(f'count(ALERTS{{alertstate="firing",alertname="{alert}"}}) > 0' for alert in alerts)
    for prometheus in running.values():
        await prometheus.finds(fire)


def values_of_variables(fleet: Fleet, hero: str, dashboard: str) -> dict[str, str]:
    chosen = {"workspace": "acme", "number": hero, "uuid": str(fleet.trunk(hero)["phone_number_uuid"])}
    return {
        "job": "mihu-trunk-exporter",
        **(chosen if dashboard == "mihu-trunk" else {"workspace": "(acme)", "reason": ".*", "search": ""}),
        "__rate_interval": "5m",
        "__range": "1h",
    }


async def assert_rules_agree(running: dict[str, Prometheus]) -> None:
    found: dict[str, Vector] = {}

    async def agree() -> bool:
        found.update({way: await judged(prometheus) for way, prometheus in running.items()})
        return all(vector == found["plain"] for vector in found.values())

    await eventually(agree, "rules find the same")
    alerts = {dict(labels).get("alertname") for labels in found["plain"]}
    assert alerts >= {"MihuTrunkOutOfService", "MihuTrunkChannelLost"}


async def assert_dashboards_agree(running: dict[str, Prometheus], fleet: Fleet, hero: str, at: float) -> None:
    answered = 0
    for query in QUERIES:
        expression = with_variables(query.expression, values_of_variables(fleet, hero, query.dashboard))
        found: dict[str, Vector] = {}

        async def agree(expression: str = expression, found: dict[str, Vector] = found) -> bool:
            """Compare what each finds: of samples at that time, of alerts now, for each evaluates rules at its own."""
            asked_at = time.time() if "ALERTS" in expression else at
            found.update({way: await ask(prometheus, expression, asked_at) for way, prometheus in running.items()})
            if "scrape_duration_seconds" in expression:
                found.update({way: dict.fromkeys(vector, "") for way, vector in found.items()})
            return found == dict.fromkeys(running, found["plain"])

        await eventually(agree, f"the same is found: {query}")
        answered += bool(found["plain"])
    assert answered > len(QUERIES) / 2


async def assert_labels_are_kept(running: dict[str, Prometheus]) -> None:
    for way, prometheus in running.items():
        names = set((await prometheus.http.get("/api/v1/labels")).json()["data"])
        assert not {name for name in names if name.startswith("exported_")}, way
        assert (names >= ADDED) == (way != "plain"), way


async def test_rules_and_dashboards_give_what_they_give_without_the_labels_of_the_operator(tmp_path: Path) -> None:
    tenant = Tenant("acme", "test-token", Fleet.generate(30, seed=2))
    fleet = tenant.fleet
    hero = hero_of(fleet)
    answered_by = f'mihu_trunk_channel_bound{{{identity(fleet, hero)},channel="call"}}'
    async with polling(tmp_path, tenant) as exporter:
        await exporter.shows(f"{answered_by} 1")
        _, recorded = await record(exporter)
        async with (
            heads(lambda _: recorded) as server,
            scraping(tmp_path, server.url.removeprefix("http://")) as running,
        ):
            await all_fire(running, "MihuTrunkOutOfService")
            fleet.unbind(hero, "call", now=time.time())
            fleet.change(hero, now=time.time(), status="suspended")
            await exporter.shows(f"{answered_by} 0")
            at, recorded = await record(exporter)
            await all_fire(running, "MihuTrunkOutOfService", "MihuTrunkChannelLost")
            await assert_rules_agree(running)
            await assert_dashboards_agree(running, fleet, hero, at)
            await assert_labels_are_kept(running)
