"""Hours of history in seconds: real pollers on the simulated API, on a clock that does not wait.

What a Prometheus would have scraped meanwhile is written as OpenMetrics with timestamps, for
``promtool tsdb create-blocks-from openmetrics``.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple, TextIO

import httpx

from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Match, ValidatedConfig, Workspace
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import OPENMETRICS, labelled, number
from exporter.polling.fleet import states_of
from exporter.polling.status import Snapshot
from exporter.simulator.api import Tenant, create_app
from exporter.simulator.churn import Churn
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk, bound_channels
from support.clock import ManualClock
from support.exposed import text_of, workspace
from support.polling import Bench
from support.programs import run

ACME, GLOBEX = "acme", "globex"
_PROCESS_FD_LIMIT = 1024
_WHATSAPP_ON_MOBILES = (
    ExpectRule(match=Match(type=(compile_pattern("mobile"),)), channels=("call", "whatsapp")),
    ExpectRule(channels=None),
)
_ALERT_OF = {
    "mihu_trunk_channel_unbound": ("MihuTrunkOutOfService", "critical", 1.0),
    "mihu_up": ("MihuPollsFailing", "warning", 0.0),
}


class Target(NamedTuple):
    """The labels that Prometheus adds to what it scrapes from one place.

    Attributes:
        families: what is exposed there, where that is not everything.
        workspace: the one that is exposed there, where not all are.
        labels: of the target, beside job and instance.
    """

    job: str
    instance: str
    families: frozenset[str] = frozenset()
    workspace: str = ""
    labels: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is simulated.

    Attributes:
        end: Unix time of the last scrape.
        seconds: how far back the history goes.
        step: seconds between scrapes.
        sizes: how many trunks acme and globex have.
        events_per_minute: how often something happens to a trunk by chance, in each workspace.
        targets: where the same text is scraped from.
    """

    end: float
    seconds: float
    step: float
    sizes: tuple[int, int]
    events_per_minute: float
    targets: Sequence[Target]


class Network(httpx.AsyncBaseTransport):
    """Carries requests to the simulated API, slowly, and not at all to a workspace that is out."""

    def __init__(self, api: httpx.ASGITransport, clock: ManualClock) -> None:
        self._api = api
        self._clock = clock
        self._random = Random(3)  # noqa: S311 - a repeatable one
        self.answers_instead: dict[str, int] = {}  # HTTP status by workspace

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._clock.sleep(self._random.uniform(0.05, 0.6))
        workspace = request.url.path.split("/")[1]
        status = self.answers_instead.get(workspace)
        if status is not None:
            return httpx.Response(status, stream=httpx.ByteStream(b"{}"), headers={"Retry-After": "30"})
        return await self._api.handle_async_request(request)


class Run:
    """The exporter from a start to its end.

    ``before`` is the run before, of which trunks and changes are remembered, as with ``--storage.path``.
    """

    def __init__(
        self, workspaces: Iterable[Workspace], network: Network, clock: ManualClock, before: "Run | None" = None
    ) -> None:
        self._clock = clock
        self._started = clock.time()
        self._exporter_metrics = ExporterMetrics()
        self._exporter_metrics.loaded(ValidatedConfig(workspaces=(), hash=0x5EED), now=self._started)
        self._exposition = Exposition(self._exporter_metrics, clock)
        remembered = before.remembered() if before else {}
        self._pollers = {
            workspace.name: Bench(
                network,
                workspace,
                clock=clock,
                random=Random(workspace.name),  # noqa: S311 - a repeatable one
                exposition=self._exposition,
                snapshot=remembered.get(workspace.name),
            ).poller
            for workspace in workspaces
        }
        self._tasks = [asyncio.create_task(poller.run(index)) for index, poller in enumerate(self._pollers.values())]

    def remembered(self) -> dict[str, Snapshot]:
        """Return what a start after this run would find stored, by workspace."""
        return {
            name: Snapshot(
                memory=poller.snapshot.memory,
                stored=states_of(poller.snapshot.fleet.buckets) if poller.snapshot.fleet else None,
                is_loaded=True,
            )
            for name, poller in self._pollers.items()
        }

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def lines(self) -> Iterator[str]:
        """Yield what a scrape gets, without comments; about the process, something believable."""
        now = self._clock.monotonic()
        for view in self._exposition.views():
            for segments in view.at(now):
                for family in segments.values():
                    yield from text_of([family]).splitlines()
        text = self._exporter_metrics.text(OPENMETRICS)
        yield from (line for line in text.splitlines() if line.startswith("mihu_exporter_"))
        age = self._clock.time() - self._started
        yield f"process_start_time_seconds {number(self._started)}"
        yield f"process_cpu_seconds_total {number(1.2 + age * 0.004)}"
        yield f"process_resident_memory_bytes {number(62e6 + 9e6 * age / (age + 3600))}"
        yield f"process_open_fds {number(15)}"
        yield f"process_max_fds {_PROCESS_FD_LIMIT}"


Event = Callable[[], Awaitable[None] | None]


@dataclass
class History:
    """A simulated stretch of time; ``async for`` over :meth:`scrapes` lets it happen."""

    plan: Plan
    hero: str = field(init=False)  # the number of the trunk that the most happens to
    fleet: Fleet = field(init=False)  # its workspace's, as it is at the moment
    scraped: list[str] = field(init=False, default_factory=list)  # at the last scrape

    def __post_init__(self) -> None:
        self._clock = ManualClock(self.plan.end - self.plan.seconds)
        tenants = [
            Tenant(name, f"test-token-{name}", Fleet.generate(size, seed))
            for seed, (name, size) in enumerate(zip((ACME, GLOBEX), self.plan.sizes, strict=True), start=1)
        ]
        _heal(tenants[0].fleet, now=self._clock.time())
        self._churns = [Churn(tenant.fleet, seed) for seed, tenant in enumerate(tenants, start=5)]
        self.fleet = tenants[0].fleet
        self.hero = next(number for number in self.fleet.numbers if _is_promising(self.fleet.trunk(number)))
        self._workspaces = [
            workspace(
                tenant.name,
                base_url=f"https://mihu.invalid/{tenant.name}",
                credentials=InlineCredentials(Secret(tenant.token)),
                per_page=10,
                expect=_WHATSAPP_ON_MOBILES if tenant.name == GLOBEX else (),
            )
            for tenant in tenants
        ]
        api = httpx.ASGITransport(create_app(tenants, clock=self._clock))
        self._network = Network(api, self._clock)
        self._run: Run | None = None
        self._ended: Run | None = None

    async def scrapes(self) -> AsyncIterator[tuple[float, list[str]]]:
        """Let the time pass, yielding when a scrape takes place and its lines; none while the exporter restarts."""
        events = iter(sorted(self._story(), key=lambda event: event[0]))
        share, event = next(events)
        async with self._running():
            for index in range(int(self.plan.seconds // self.plan.step)):
                await self._clock.advance(self.plan.step)
                while (index + 1) * self.plan.step >= share * self.plan.seconds:
                    happening = event()
                    if happening is not None:
                        await happening
                    share, event = next(events, (float("inf"), lambda: None))
                if self._run is not None:
                    self.scraped = list(self._run.lines())
                    yield self._clock.time(), self.scraped

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._start()
        churning = [asyncio.create_task(churn.run(self._clock, self.plan.events_per_minute)) for churn in self._churns]
        try:
            yield
        finally:
            for task in churning:
                task.cancel()
            await asyncio.gather(*churning, return_exceptions=True)
            await self._stop()

    def _start(self) -> None:
        self._run = Run(self._workspaces, self._network, self._clock, self._ended)

    async def _stop(self) -> None:
        if self._run is not None:
            await self._run.end()
            self._run, self._ended = None, self._run

    def _story(self) -> Iterator[tuple[float, Event]]:
        """Yield what happens apart from chance, each with when, as a share of the time."""
        front_desk, night = self.fleet.agents[0], self.fleet.agents[3]
        asked_for = {"status": "pending", "requirements": [{"name": "Proof of address"}, {"name": "VAT number"}]}
        answers = self._network.answers_instead
        yield 0.01, lambda: self.fleet.bind(self.hero, "call", front_desk, now=self._now)
        yield 0.01, lambda: self._change(compliance=asked_for)
        yield 0.12, lambda: self._change(compliance={"status": "completed", "requirements": []})
        yield 0.20, lambda: answers.update({ACME: 429})
        yield 0.24, answers.clear
        yield 0.26, lambda: self.fleet.bind(self.hero, "whatsapp", night, now=self._now)
        yield 0.36, lambda: self.fleet.unbind(self.hero, "whatsapp", now=self._now)
        yield 0.38, lambda: self._limit(0)
        yield 0.41, lambda: self._limit(4)
        yield 0.45, lambda: self.fleet.unbind(self.hero, "call", now=self._now)
        yield 0.50, lambda: self.fleet.bind(self.hero, "call", night, now=self._now)
        yield 0.55, lambda: self._limit(30)
        yield 0.57, lambda: answers.update({GLOBEX: 503})
        yield 0.68, answers.clear
        yield 0.72, lambda: self._change(billing={"monthly_fee": 14.5, "currency": "EUR"})
        yield 0.76, self._stop
        yield 0.78, self._start
        yield 0.82, lambda: self.fleet.change(self.hero, now=self._now, status="suspended")
        yield 0.87, lambda: self.fleet.change(self.hero, now=self._now, status="active")
        yield 0.90, lambda: self._service("voice", enabled=False)
        yield 0.93, lambda: self.fleet.unbind(self.hero, "call", now=self._now)
        yield 0.93, lambda: self.fleet.change(self.fleet.numbers[1], now=self._now, source=7)

    @property
    def _now(self) -> float:
        return self._clock.time()

    def _change(self, **fields: object) -> None:
        self.fleet.change(self.hero, now=self._now, **fields)

    def _service(self, name: str, **fields: object) -> None:
        settings = self.fleet.trunk(self.hero)["channel_settings"]
        self._change(channel_settings={**settings, name: {**settings[name], **fields}})

    def _limit(self, channels: int) -> None:
        settings = self.fleet.trunk(self.hero)["channel_settings"]
        limited = {name: {**settings[name], "channel_limit": channels} for name in ("voice", "inbound")}
        self._change(channel_settings={**settings, **limited})


def _is_promising(trunk: Trunk) -> bool:
    """Tell whether enough can happen to a trunk: it is well, complete, and costs something."""
    settings = trunk.get("channel_settings") or {}
    return bool(
        trunk["phone_number_uuid"]
        and trunk["status"] == "active"
        and trunk["bindings"]["call"]["bound"]
        and bound_channels(trunk) == ("call",)
        and settings
        and all(settings.get(name) and settings[name].get("channel_limit") for name in ("voice", "inbound"))
        and trunk["billing"]
        and trunk["billing"].get("currency") == "EUR"
        and trunk["billing"].get("monthly_fee")
        and trunk["capabilities"]
    )


def _heal(fleet: Fleet, *, now: float) -> None:
    """Let no trunk be out of service, so that a fleet can be seen to be well."""
    for called in fleet.numbers:
        trunk = fleet.trunk(called)
        if not bound_channels(trunk):
            fleet.bind(called, "call", fleet.agents[0], now=now)
        if trunk["status"] == "suspended":
            fleet.change(called, now=now, status="active")
        if settings := trunk.get("channel_settings"):
            open_ = {
                name: {**service, "enabled": True, "channel_limit": service.get("channel_limit") or 10}
                for name, service in settings.items()
                if service
            }
            fleet.change(called, now=now, channel_settings={**settings, **open_})


async def write_history(history: History, file: Path) -> None:
    """Let a history happen, and write it down as promtool reads it."""
    with file.open("w", encoding="utf-8") as output:
        async for now, lines in history.scrapes():
            for target in history.plan.targets:
                _write(output, target, lines, now)
            for labels in sorted(set(_alerts(lines))):
                output.write(f"ALERTS{{{labels}}} 1 {now:.3f}\n")
        output.write("# EOF\n")


def backfill(file: Path, blocks: Path) -> None:
    """Make of a history the blocks that a Prometheus starts on."""
    done = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, blocks)
    assert done.returncode == 0, done.stdout + done.stderr


def _write(output: TextIO, target: Target, lines: Sequence[str], now: float) -> None:
    added = labelled({"job": target.job, "instance": target.instance, **target.labels}.items())
    output.writelines(
        f"{_labelled_more(line, added)} {now:.3f}\n"
        for line in lines
        if (not target.families or re.split("[{ ]", line, maxsplit=1)[0] in target.families)
        and (not target.workspace or f'workspace="{target.workspace}"' in line)
    )
    output.write(f"up{{{added}}} 1 {now:.3f}\n")
    output.write(f"scrape_duration_seconds{{{added}}} {number(0.004 + len(lines) / 1e6)} {now:.3f}\n")
    output.write(f"scrape_samples_scraped{{{added}}} {len(lines)} {now:.3f}\n")


def _labelled_more(line: str, added: str) -> str:
    """Return a sample's line with more labels in front of its own."""
    name, brace, rest = line.partition("{")
    if brace:
        return f"{name}{{{added},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{added}}} {value}"


def _alerts(lines: Iterable[str]) -> Iterator[str]:
    """Yield the labels of alerts that rules could raise over these lines."""
    for line in lines:
        name, _, rest = line.partition("{")
        if name in _ALERT_OF:
            alert, severity, bad = _ALERT_OF[name]
            labels, _, value = rest.rpartition("} ")
            if float(value) == bad:
                yield f'alertname="{alert}",alertstate="firing",severity="{severity}",{labels}'
