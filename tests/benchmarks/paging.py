"""How long it takes from a change at the API to the webhook of a pager, with the examples as they are deployed."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from support.processes import running_alertmanager, running_exporter, running_prometheus
from support.rules import DEPLOY, PROMETHEUS, RULE_FILES
from support.serving import Webhook, running_webhook
from support.simulating import healthy_fleet

from benchmarks.tables import Plan, progress, table
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

_EACH = 4  # workspaces to which an event happens, at other moments between polls and scrapes
_APART = 17.0  # seconds between them
_QUIET = 400.0  # seconds, for rules that compare with five minutes ago
_PATIENCE = 600.0  # seconds


async def measure(plan: Plan) -> None:
    """Let each event happen to a few workspaces; it takes a quarter of an hour."""
    fleets = {
        f"{event}-{index}": healthy_fleet(30, index + 1, time.time()) for event in _EVENTS for index in range(_EACH)
    }
    tenants = [Tenant(name, "test-token", fleet) for name, fleet in fleets.items()]
    async with Simulator(tenants) as simulator, running_webhook() as pager, AsyncExitStack() as stack:
        exporters = {}
        for group in ["read", *(name for name in fleets if name.startswith("exporter-down"))]:
            names = [name for name in fleets if (name == group if group != "read" else not name.startswith("exporter"))]
            folder = plan.folder / group
            folder.mkdir()
            ending = AsyncExitStack()
            exporters[group] = ending, await ending.enter_async_context(_exporter(folder, simulator, names))
            stack.push_async_callback(ending.aclose)
        alertmanager = await stack.enter_async_context(
            running_alertmanager(plan.folder, _alertmanager_config(plan.folder, pager.url))
        )
        targets = [exporter.address for _, exporter in exporters.values()]
        address = alertmanager.base_url.netloc.decode()
        await stack.enter_async_context(running_prometheus(plan.folder, _prometheus_config(targets, address)))
        progress(f"{_QUIET:g} s while all is well")
        await asyncio.sleep(_QUIET)
        happened: dict[str, float] = {}
        paged: dict[str, float] = {}
        watching = asyncio.create_task(_watch(pager, paged))
        for index in range(_EACH):
            for event, (_, happen) in _EVENTS.items():
                name = f"{event}-{index}"
                happened[name] = time.time()
                if happen is None:
                    await exporters[name][0].aclose()
                elif event == "token-refused":
                    (plan.folder / "read" / f"{name}.token").write_text("revoked", encoding="utf-8")
                else:
                    happen(fleets[name], fleets[name].numbers[0])
            await asyncio.sleep(_APART)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and len(paged) < len(happened):
            progress(f"{len(paged)} of {len(happened)} paged")
            await asyncio.sleep(1)
        watching.cancel()
    progress("")
    rows = []
    for event, (alert, _) in _EVENTS.items():
        taken = [paged.get(name, float("nan")) - happened[name] for name in fleets if name.startswith(f"{event}-")]
        rows.append([event.replace("-", " "), alert, f"{median(taken):.0f} s", f"{max(taken):.0f} s"])
    table("From the change to the webhook, poll 60 s, scrape 30 s", ["event", "alert", "median", "longest"], rows)


Happening = Callable[[Fleet, str], object]


def _lose(fleet: Fleet, number: str) -> None:
    fleet.bind(number, "call", None, now=time.time())


def _block(fleet: Fleet, number: str) -> None:
    settings = fleet.trunk(number)["channel_settings"]
    disabled = {name: {**settings[name], "enabled": False} for name in ("voice", "inbound")}
    fleet.change(number, now=time.time(), channel_settings={**settings, **disabled})


_EVENTS: dict[str, tuple[str, Happening | None]] = {
    "channel-lost": ("MihuTrunkChannelLost", _lose),
    "suspended": (
        "MihuTrunkOutOfService",
        lambda fleet, number: fleet.change(number, now=time.time(), status="suspended"),
    ),
    "blocked": ("MihuTrunkOutOfService", _block),
    "gone": ("MihuTrunkGone", lambda fleet, number: fleet.remove(number)),
    "token-refused": ("MihuAuthFailing", _lose),
    "exporter-down": ("MihuExporterDown", None),
}


def _exporter(folder: Path, simulator: Simulator, names: list[str]) -> Any:  # noqa: ANN401 - a context manager
    workspaces = []
    for name in names:
        token = folder / f"{name}.token"
        token.write_text("test-token", encoding="utf-8")
        token.chmod(0o600)
        authorization = {"credentials_file": str(token)}
        workspaces.append({"name": name, "base_url": simulator.base_url(name), "authorization": authorization})
    config = folder / "config.yaml"
    config.write_text(json.dumps({"workspaces": workspaces}), encoding="utf-8")  # JSON is YAML
    return running_exporter(folder, "--config.file", str(config))


def _alertmanager_config(folder: Path, pager: str) -> Path:
    """Return the example, with a pager in place of every receiver."""
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8"))
    config["receivers"] = [
        {"name": receiver["name"], "webhook_configs": [{"url": f"{pager}/{receiver['name']}"}]}
        for receiver in config["receivers"]
    ]
    config["templates"] = [str(DEPLOY / "alertmanager" / "mihu.tmpl")]
    file = folder / "alertmanager.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def _prometheus_config(targets: list[str], alertmanager: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(path) for path in RULE_FILES]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    return config


async def _watch(pager: Webhook, paged: dict[str, float]) -> None:
    """Note when the event of a workspace was paged first, to half a second."""
    seen = 0
    while True:
        for path, document in pager.documents[seen:]:
            for alert in document["alerts"]:
                name = alert["labels"].get("workspace", "")
                expected, _ = _EVENTS.get(name.rpartition("-")[0], ("", None))
                if path.endswith("/page") and alert["labels"]["alertname"] == expected:
                    paged.setdefault(name, time.time())
            seen += 1
        await asyncio.sleep(0.5)
