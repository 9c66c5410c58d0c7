"""How many trunks are out of service: whatever is asked says the same."""

import asyncio
import csv
import io
import json
import re
from pathlib import Path

from support.dashboards import QUERIES, with_variables
from support.pages import rows, words
from support.processes import RunningExporter, ran, running_exporter, running_prometheus, scrape_job
from support.rules import impatient_rules
from support.simulating import write_config
from support.trunks import bindings, bound, row

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator


def shown(panel: str, ref: str = "A") -> str:
    """Return a query of the overview dashboard about everything."""
    place = f"{panel} {ref}"
    (query,) = (query for query in QUERIES if (query.dashboard, query.place) == ("mihu-overview", place))
    return with_variables(query.expression, {"job": ".+", "workspace": ".+", "reason": ".+"})


CLOSED = {"voice": {"enabled": False}, "inbound": {"enabled": False}}
FULL = {"voice": {"enabled": True, "channel_limit": 0}, "inbound": {"enabled": True, "channel_limit": 10}}
OUT_OF_SERVICE = [
    row(0, bindings=bindings()),
    row(1, status="suspended"),
    row(2, channel_settings=FULL),
    row(3, channel_settings=CLOSED),
    row(4, bindings=bindings(), status="lapsed"),
    row(5, bindings=bindings(sms=bound("Bob")), channel_settings=FULL | {"sms": {"enabled": False}}),
    row(6, phone_number_uuid=None, status="Suspended", compliance={"status": "rejected", "requirements": [1]}),
]
IN_SERVICE = [
    row(10),
    row(11, status="pending", bindings=bindings()),  # is being set up, like the next
    row(12, status="porting in", channel_settings=CLOSED),
    row(13, bindings=bindings(), channel_settings=CLOSED),  # is not in use
    row(14, bindings=bindings(whatsapp=bound("Eve"))),
    row(15, bindings=bindings(), number=row(10)["number"].removeprefix("+")),  # is answered elsewhere
    row(16, status=None),
    row(17, compliance={"status": "pending", "requirements": [1, 2]}),
]
GLOBEX = [row(20), row(21, bindings=bindings())]
ALL = len(OUT_OF_SERVICE) + 1
TRUNKS = len(OUT_OF_SERVICE) + len(IN_SERVICE) + len(GLOBEX)
# A trunk may have several.
REASONS = {"unbound": 4, "not_active": 3, "blocked": 3}
EXPRESSIONS: dict[str, float] = {
    "sum(mihu_trunks_out_of_service)": ALL,
    "count(max by (workspace, phone_number_uuid, number) (mihu_trunk_out_of_service == 1))": ALL,
    "count(mihu_trunk_out_of_service_timestamp_seconds)": ALL,
    shown("Out of service?"): ALL,
    shown("No agent"): REASONS["unbound"],
    shown("Not active"): REASONS["not_active"],
    shown("Blocked"): REASONS["blocked"],
    **{f"count({shown('Out of service, the longest first', ref)})": ALL for ref in "ABF"},  # since when, and why
}
ALERTS = 'ALERTS{alertname="MihuTrunkOutOfService", alertstate="firing"}'
WORDS = re.compile("no agent on|status (suspended|lapsed)|disabled|channel limit 0", re.IGNORECASE)


async def test_it_is_one_number_everywhere(tmp_path: Path) -> None:
    tenants = [
        Tenant(name, "t", Fleet(rows)) for name, rows in (("acme", OUT_OF_SERVICE + IN_SERVICE), ("globex", GLOBEX))
    ]
    async with Simulator(tenants) as simulator:
        config = write_config(tmp_path, simulator, tenants)
        async with running_exporter(tmp_path, "--config.file", str(config)) as exporter:
            await exporter.has_polled()
            await pages_say_it(exporter)
            await prometheus_says_it(tmp_path, exporter)
        await asyncio.to_thread(commands_say_it, tmp_path)


async def pages_say_it(exporter: RunningExporter) -> None:
    async def text(path: str) -> str:
        return (await exporter.http.get(path, headers={"Accept": "text/html"})).text

    front = await text("/")
    assert f"{ALL} of {TRUNKS} trunks are out of service. 4 without an agent, 3 not active, 3 blocked" in words(front)
    shown = [each for each in rows(front) if "Why" in each]
    assert len(shown) == ALL
    assert all(WORDS.search(each["Why"]) for each in shown)
    by_workspace = {each["Workspace"]: each["Out of service"] for each in rows(front, 1)}
    assert by_workspace == {"acme": str(ALL - 1), "globex": "1"}
    assert f"Out of service {ALL - 1} " in words(await text("/workspace?name=acme"))
    assert len(rows(await text("/trunks?reason=out_of_service"))) == ALL
    listed = json.loads(await text("/trunks.json"))["trunks"]
    assert sum(trunk["out_of_service"] for trunk in listed) == ALL
    lines = csv.DictReader(io.StringIO(await text("/trunks.csv"), newline=""))
    assert sum(line["out_of_service"] != "" for line in lines) == ALL
    document = json.loads(await text("/status.json"))
    totals = document["totals"]
    assert (totals["out_of_service"], totals["out_of_service_by_reason"]) == (ALL, REASONS)
    assert sum(trunk["out_of_service"] for trunk in document["trunks"]["items"]) == ALL
    assert len(document["out_of_service"]) == ALL


async def prometheus_says_it(folder: Path, exporter: RunningExporter) -> None:
    """Ask the metrics, the overview dashboard and the alerts, which here wait for nothing."""
    config = {"scrape_configs": [scrape_job(exporter.address)], "rule_files": [impatient_rules(folder, "1s")]}
    async with running_prometheus(folder, config) as prometheus:
        await prometheus.finds("mihu_trunks")
        for query, expected in EXPRESSIONS.items():
            assert list((await prometheus.query(query)).values()) == [expected], query
        by_reason = await prometheus.query("sum by (reason) (mihu_trunks_out_of_service_by_reason)")
        assert {dict(labels)["reason"]: value for labels, value in by_reason.items()} == REASONS
        await prometheus.finds(f"count(group by (workspace, phone_number_uuid, number) ({ALERTS})) == {ALL}")


def commands_say_it(folder: Path) -> None:
    document = json.loads(ran(folder, "once", "--format", "json").stdout)
    assert sum(workspace["totals"]["trunks_out_of_service"] for workspace in document["workspaces"]) == ALL
    trunks = [trunk for workspace in document["workspaces"] for trunk in workspace["trunks"]]
    assert sum(trunk["out_of_service"] for trunk in trunks) == ALL
    table = ran(folder, "once", "--format", "table").stdout.splitlines()[1:]
    assert (len(table), sum(bool(WORDS.search(line)) for line in table)) == (TRUNKS, ALL)
    report = json.loads(ran(folder, "doctor", "--format", "json").stdout)
    seen = [step["seen"] for each in report["workspaces"] for step in each["steps"] if step["step"] == "out of service"]
    acme = ", ".join(f"{count} {reason}" for reason, count in (REASONS | {"unbound": 3}).items())
    assert seen == [f"{ALL - 1} of {TRUNKS - 2} trunks: {acme}", "1 of 2 trunks: 1 unbound"]
