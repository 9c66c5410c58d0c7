"""Three hours of two workspaces in seconds, as a Prometheus would scrape them: OpenMetrics for ``promtool tsdb``."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import httpx
from support.clock import ManualClock
from support.exposed import TOKEN, text_of, workspace
from support.polling import Bench
from support.simulating import healthy_fleet

from exporter.config.settings import ExpectRule, Match, ValidatedConfig
from exporter.config.values import compile_pattern
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import OPENMETRICS, labelled
from exporter.simulator.api import Api, Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Agent

ACME, GLOBEX = "acme", "globex"
END = 1_764_000_000.0  # any time will do
SECONDS = 3 * 3600
STEP = 120  # seconds between scrapes
_WHATSAPP_ON_MOBILES = (
    ExpectRule(match=Match(type=(compile_pattern("mobile"),)), channels=("call", "whatsapp")),
    ExpectRule(channels=None),
)
# Alerts, by the lines that raise them.
_ALERTS = {
    r"mihu_trunk_channel_unbound\{(.*)\} 1": 'alertname="MihuTrunkOutOfService",severity="critical"',
    r"mihu_up\{(.*)\} 0": 'alertname="MihuPollsFailing",severity="warning"',
}


class Story:
    """What happens, the most to one trunk."""

    def __init__(self) -> None:
        self.scraped: list[str] = []  # the lines of the last scrape
        self._clock = ManualClock(END - SECONDS)
        self._random = Random(3)  # noqa: S311 - a repeatable one
        self.fleet = healthy_fleet(16, seed=1, now=self._now)  # of acme
        self.hero = next(number for number in self.fleet.numbers if self.fleet.trunk(number)["phone_number_uuid"])
        tenants = [Tenant(ACME, TOKEN, self.fleet), Tenant(GLOBEX, TOKEN, Fleet.generate(12, seed=2))]
        self._api = httpx.ASGITransport(Api(tenants, clock=self._clock))
        self._answered_instead: dict[str, int] = {}  # HTTP status by workspace
        exporter_metrics = ExporterMetrics()
        exporter_metrics.loaded(ValidatedConfig(workspaces=(), hash=0x5EED), now=self._now)
        self._exposition = Exposition(exporter_metrics, self._clock)
        polled = (
            workspace(name, base_url=f"https://mihu.invalid/{name}", per_page=10, expect=expect)
            for name, expect in ((ACME, ()), (GLOBEX, _WHATSAPP_ON_MOBILES))
        )
        self._benches = [Bench(self._answer, each, clock=self._clock, exposition=self._exposition) for each in polled]

    async def write(self, file: Path, targets: Sequence[tuple[Mapping[str, str], str]]) -> None:
        """Let it happen, and write it as promtool reads it; each target has labels, and a pattern of its lines."""
        events = list(self._events())
        async with AsyncExitStack() as stack:
            output = stack.enter_context(file.open("w", encoding="utf-8"))
            for delay, bench in enumerate(self._benches):
                await stack.enter_async_context(bench.running(delay))
            for passed in range(STEP, SECONDS + 1, STEP):
                await self._clock.advance(STEP)
                while events and passed >= events[0][0] * SECONDS:
                    events.pop(0)[1]()
                text = text_of(await self._exposition.everything(OPENMETRICS))
                self.scraped = [line for line in text.splitlines() if not line.startswith("#")]
                output.writelines(f"{line} {self._now:.3f}\n" for line in self._lines(targets))
            output.write("# EOF\n")

    def _lines(self, targets: Iterable[tuple[Mapping[str, str], str]]) -> Iterator[str]:
        """Yield what Prometheus makes of the last scrape of each target, and alerts that rules could raise over it."""
        for labels, pattern in targets:
            exposed = [line for line in self.scraped if re.match(pattern, line)]
            for line in (*exposed, "up 1", "scrape_duration_seconds 0.004", f"scrape_samples_scraped {len(exposed)}"):
                name, brace, rest = re.split("([{ ])", line, maxsplit=1)
                added = f"{name}{{{labelled(labels.items())}"
                yield f"{added},{rest}" if brace == "{" else f"{added}}} {rest}"
        for pattern, alert in _ALERTS.items():
            about = {match[1] for line in self.scraped if (match := re.fullmatch(pattern, line))}
            yield from (f'ALERTS{{alertstate="firing",{alert},{labels}}} 1' for labels in sorted(about))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        """Answer slowly, as the simulated API does, or as one does that is out."""
        await self._clock.sleep(self._random.uniform(0.05, 0.6))
        status = self._answered_instead.get(request.url.path.split("/")[1])
        if status is None:
            return await self._api.handle_async_request(request)
        return httpx.Response(status, json={}, headers={"Retry-After": "30"})

    def _events(self) -> Iterator[tuple[float, Callable[[], object]]]:
        """Yield what happens, each with when, as a share of the time."""
        front_desk, night = self.fleet.agents[0], self.fleet.agents[3]
        asked_for = {"status": "pending", "requirements": [{"name": "Proof of address"}, {"name": "VAT number"}]}
        yield 0.01, lambda: self._bind("call", front_desk)
        yield 0.01, lambda: self._change(compliance=asked_for)
        yield 0.12, lambda: self._change(compliance={"status": "completed", "requirements": []})
        yield 0.20, lambda: self._answered_instead.update({ACME: 429})
        yield 0.25, self._answered_instead.clear
        yield 0.26, lambda: self._bind("whatsapp", night)
        yield 0.36, lambda: self._bind("whatsapp", None)
        yield 0.38, lambda: self._services(channel_limit=0)
        yield 0.41, lambda: self._services(channel_limit=4)
        yield 0.45, lambda: self._bind("call", None)
        yield 0.50, lambda: self._bind("call", night)
        yield 0.57, lambda: self._answered_instead.update({GLOBEX: 503})
        yield 0.68, self._answered_instead.clear
        yield 0.72, lambda: self._change(billing={"monthly_fee": 14.5, "currency": "EUR"})
        yield 0.82, lambda: self._change(status="suspended")
        yield 0.87, lambda: self._change(status="active")
        yield 0.90, lambda: self._services("voice", enabled=False)
        yield 0.93, lambda: self._bind("call", None)
        yield 0.93, lambda: self._change(1, source=7)
        yield 0.93, lambda: self._change(2, status="pending")

    @property
    def _now(self) -> float:
        return self._clock.time()

    def _bind(self, channel: str, agent: Agent | None) -> None:
        self.fleet.bind(self.hero, channel, agent, now=self._now)

    def _change(self, index: int | None = None, **fields: object) -> None:
        self.fleet.change(self.hero if index is None else self.fleet.numbers[index], now=self._now, **fields)

    def _services(self, *names: str, **fields: object) -> None:
        """Change services of the hero, by default those that carry calls."""
        settings = self.fleet.trunk(self.hero)["channel_settings"]
        changed = {name: {**settings[name], **fields} for name in names or ("voice", "inbound")}
        self._change(channel_settings={**settings, **changed})
