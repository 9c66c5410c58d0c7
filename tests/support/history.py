"""Hours of history in seconds: real pollers on the simulated API, on a clock that does not wait.

What a Prometheus would have scraped meanwhile is written as OpenMetrics with timestamps, for
``promtool tsdb create-blocks-from openmetrics``.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple, TextIO

import httpx

from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Match, ValidatedConfig
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import OPENMETRICS, labelled, number
from exporter.simulator.api import Tenant, create_app
from exporter.simulator.churn import Churn
from exporter.simulator.fleet import Fleet
from support.clock import ManualClock
from support.exposed import text_of, workspace
from support.polling import Bench
from support.programs import run
from support.simulating import healthy_fleet

ACME, GLOBEX = "acme", "globex"
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


class History:
    """A simulated stretch of time; ``async for`` over :meth:`scrapes` lets it happen.

    Attributes:
        hero: the number of the trunk that the most happens to.
        fleet: its workspace's, as it is at the moment.
        scraped: the lines of the last scrape.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scraped: list[str] = []
        self._clock = ManualClock(plan.end - plan.seconds)
        self._started = self._now
        acme, globex = plan.sizes
        self.fleet = healthy_fleet(acme, seed=1, now=self._now)
        self.hero = next(number for number in self.fleet.numbers if self.fleet.trunk(number)["phone_number_uuid"])
        fleets = {ACME: self.fleet, GLOBEX: Fleet.generate(globex, seed=2)}
        tenants = [Tenant(name, f"test-token-{name}", fleet) for name, fleet in fleets.items()]
        self._churns = [Churn(fleet, seed) for seed, fleet in enumerate(fleets.values(), start=5)]
        self._network = Network(httpx.ASGITransport(create_app(tenants, clock=self._clock)), self._clock)
        self._exporter_metrics = ExporterMetrics()
        self._exporter_metrics.loaded(ValidatedConfig(workspaces=(), hash=0x5EED), now=self._started)
        self._exposition = Exposition(self._exporter_metrics, self._clock)
        self._benches = [
            Bench(
                self._network,
                workspace(
                    tenant.name,
                    base_url=f"https://mihu.invalid/{tenant.name}",
                    credentials=InlineCredentials(Secret(tenant.token)),
                    per_page=10,
                    expect=_WHATSAPP_ON_MOBILES if tenant.name == GLOBEX else (),
                ),
                clock=self._clock,
                random=Random(tenant.name),  # noqa: S311 - a repeatable one
                exposition=self._exposition,
            )
            for tenant in tenants
        ]

    async def scrapes(self) -> AsyncIterator[tuple[float, list[str]]]:
        """Let the time pass, yielding when a scrape takes place and its lines."""
        events = iter(self._story())
        share, event = next(events)
        async with AsyncExitStack() as stack:
            for delay, bench in enumerate(self._benches):
                await stack.enter_async_context(bench.running(delay))
            for churn in self._churns:
                churning = asyncio.create_task(churn.run(self._clock, self.plan.events_per_minute))
                stack.callback(churning.cancel)
            for index in range(int(self.plan.seconds // self.plan.step)):
                await self._clock.advance(self.plan.step)
                while (index + 1) * self.plan.step >= share * self.plan.seconds:
                    event()
                    share, event = next(events, (float("inf"), lambda: None))
                self.scraped = list(self._lines())
                yield self._now, self.scraped

    def _lines(self) -> Iterator[str]:
        """Yield what a scrape gets, without comments; about the process, something believable."""
        for view in self._exposition.views():
            for segments in view.at(self._clock.monotonic()):
                yield from text_of(segments.values()).splitlines()
        text = self._exporter_metrics.text(OPENMETRICS)
        yield from (line for line in text.splitlines() if line.startswith("mihu_exporter_"))
        age = self._now - self._started
        yield f"process_start_time_seconds {number(self._started)}"
        yield f"process_cpu_seconds_total {number(1.2 + age * 0.004)}"
        yield f"process_resident_memory_bytes {number(62e6 + 9e6 * age / (age + 3600))}"
        yield "process_open_fds 15"
        yield "process_max_fds 1024"

    def _story(self) -> Iterator[tuple[float, Callable[[], None]]]:
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
        yield 0.38, lambda: self._services(channel_limit=0)
        yield 0.41, lambda: self._services(channel_limit=4)
        yield 0.45, lambda: self.fleet.unbind(self.hero, "call", now=self._now)
        yield 0.50, lambda: self.fleet.bind(self.hero, "call", night, now=self._now)
        yield 0.55, lambda: self._services(channel_limit=30)
        yield 0.57, lambda: answers.update({GLOBEX: 503})
        yield 0.68, answers.clear
        yield 0.72, lambda: self._change(billing={"monthly_fee": 14.5, "currency": "EUR"})
        yield 0.78, self._restart
        yield 0.82, lambda: self._change(status="suspended")
        yield 0.87, lambda: self._change(status="active")
        yield 0.90, lambda: self._services("voice", enabled=False)
        yield 0.93, lambda: self.fleet.unbind(self.hero, "call", now=self._now)
        yield 0.93, lambda: self.fleet.change(self.fleet.numbers[1], now=self._now, source=7)
        yield 0.93, lambda: self.fleet.change(self.fleet.numbers[2], now=self._now, status="pending")

    @property
    def _now(self) -> float:
        return self._clock.time()

    def _restart(self) -> None:
        """Let the process look as if it were another one."""
        self._started = self._now

    def _change(self, **fields: object) -> None:
        self.fleet.change(self.hero, now=self._now, **fields)

    def _services(self, *names: str, **fields: object) -> None:
        """Change services of the trunk, by default those that carry calls."""
        settings = self.fleet.trunk(self.hero)["channel_settings"]
        changed = {name: {**settings[name], **fields} for name in names or ("voice", "inbound")}
        self._change(channel_settings={**settings, **changed})


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
