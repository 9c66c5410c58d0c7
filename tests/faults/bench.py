"""Many workspaces in one exporter, each on an API of its own that goes wrong in its own way."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from support.exporters import on_loopback, running
from support.exposed import workspace
from support.logged import captured_in_every_format
from support.marks import PROXY_PASSWORD, TOKEN
from support.processes import eventually
from support.samples import samples
from support.surroundings import Surroundings, TlsFront, surroundings

from exporter.clock import SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import TLS, Proxy, ValidatedConfig, Workspace
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS
from exporter.simulator.server import Simulator

_INTERVAL = 3600.0
_WAITS_FOR_A_POLL = 600.0  # seconds; a sleep of at least this long waits for the next poll
_APART = 0.04  # seconds: all at once, first polls would run into time-outs on a busy machine
_FLEET = (
    "mihu_trunk_",
    "mihu_trunks{",
    "mihu_trunks_by_",
    "mihu_trunks_without_",
    "mihu_bound_",
    "mihu_expected_",
    "mihu_unbound_",
    "mihu_channel_",
    "mihu_monthly_",
    "mihu_series",
)


class PollsOnDemand(SystemClock):
    """The machine's clock, by which the next poll is due when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def sleep(self, seconds: float) -> None:
        if seconds < _WAITS_FOR_A_POLL:
            await super().sleep(seconds)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def poll(self) -> None:
        """Let every workspace that waits for its next poll have it."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()


class Hasty(Random):
    """Makes the first polls begin one after the other, and shortens back-offs."""

    def __init__(self, workspaces: int) -> None:
        super().__init__(1)
        self._starts = iter([number * _APART for number in range(workspaces)])

    def uniform(self, a: float, b: float) -> float:
        return b if b > _WAITS_FOR_A_POLL else next(self._starts, a + (b - a) * 0.02)


@dataclass
class Api:
    """The API of one workspace."""

    simulator: Simulator
    front: TlsFront | None

    async def turn(self, fault: str) -> None:
        """Let this go wrong from now on, always."""
        if fault in FAULTS:
            self.simulator.behaviour = Behaviour(faults={fault: 1.0})
        elif self.front is not None:
            self.front.show(fault)
        else:
            assert fault == "connection-refused"
            await self.simulator.stop()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A workspace, and what goes wrong with its API after the first poll."""

    fault: str
    trunks: int = 30
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Observations of one workspace.

    Attributes:
        before: its metrics after a good poll.
        after: the same after the poll that met the fault.
        log: what that poll logged.
        sent: bytes of bodies that the server could send during that poll.
    """

    before: str
    after: str
    log: Sequence[str]
    sent: int

    def moved(self, counter: str, label: str) -> dict[str, float]:
        """Return by how much the series of a counter moved, those that did not left out."""
        before, after = samples(self.before), samples(self.after)
        moved = {key: value - before.get(key, 0) for key, value in after.items() if key[0] == counter}
        return {dict(labels)[label]: value for (_, labels), value in moved.items() if value}

    def value(self, name: str, **labels: str) -> float | None:
        found = {
            key: value for key, value in samples(self.after).items() if key[0] == name and labels.items() <= set(key[1])
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def by(self, name: str, label: str) -> dict[str, float]:
        return {dict(labels)[label]: value for (found, labels), value in samples(self.after).items() if found == name}


@dataclass(frozen=True)
class Observed:
    """Observations of all workspaces."""

    by_fault: Mapping[str, Evidence]
    whole_log: str
    healthy: bool


def fleet_lines(metrics: str) -> list[str]:
    """Return the series about the fleet, which only a good poll may change."""
    return [
        line
        for line in metrics.splitlines()
        if line.startswith(_FLEET) and not line.startswith(("mihu_trunks_added", "mihu_trunks_removed"))
    ]


async def observe(scenarios: Sequence[Scenario], folder: Path) -> Observed:
    """Poll each workspace once well, let everything go wrong at once, and poll once more.

    Everything is logged, in every format; of the poll that meets the fault, the lines that one gets by default.
    """
    async with AsyncExitStack() as stack:
        log = stack.enter_context(captured_in_every_format())
        around = await stack.enter_async_context(surroundings(folder))
        apis, workspaces = {}, []
        for scenario in scenarios:
            api, workspace = await _set_up(scenario, around)
            apis[scenario.fault] = api
            workspaces.append(workspace)
        clock = PollsOnDemand()
        config, random = ValidatedConfig(workspaces=tuple(workspaces)), Hasty(len(workspaces))
        exporter = await stack.enter_async_context(running(config, on_loopback(), clock=clock, random=random))

        async def metrics(workspace: str) -> str:
            answer = await exporter.get(f"/metrics?workspace={workspace}")
            assert answer.status_code == httpx.codes.OK
            return answer.text

        async def after_poll(workspace: str, number: int) -> str:
            async def polled() -> str:
                text = await metrics(workspace)
                return text if f'mihu_polls_total{{workspace="{workspace}"}} {number}\n' in text else ""

            text: str = await eventually(polled, f"poll {number} of {workspace} ends")
            return text

        before = {name: await after_poll(name, 1) for name in apis}
        for name, text in before.items():
            assert f'mihu_up{{workspace="{name}"}} 1\n' in text, log.getvalue()
        for name, api in apis.items():
            api.simulator.traffic.sent.clear()
            await api.turn(name)
        logged_before = len(log.getvalue())
        clock.poll()
        found = {
            name: Evidence(
                before=before[name],
                after=await after_poll(name, 2),
                log=[
                    line
                    for line in log.getvalue()[logged_before:].splitlines()
                    if f"workspace={name} " in line and "level=debug" not in line
                ],
                sent=api.simulator.traffic.sent[name],
            )
            for name, api in apis.items()
        }
        healthy = (await exporter.get("/-/healthy")).status_code == httpx.codes.OK
    return Observed(found, log.getvalue(), healthy)


async def _set_up(scenario: Scenario, around: Surroundings) -> tuple[Api, Workspace]:
    name, certificates = scenario.fault, around.certificates
    simulator = await around.simulator(name, trunks=scenario.trunks, token=TOKEN)
    base_url, tls, front = simulator.base_url(name), TLS(), None
    if certificates.certificate(name).exists():
        front = await around.front(simulator)
        base_url = f"https://localhost:{front.port}/{name}"
        tls = TLS(ca_file=certificates.certificate("known"))
    settings: dict[str, Any] = {
        "poll_interval": _INTERVAL,
        "poll_timeout": 25.0,
        "request_timeout": 20.0,
        "max_staleness": 2 * _INTERVAL,
        "per_page": 10,
        # One page at a time, so that how many requests are made is no matter of chance.
        "concurrency": 1,
        # Only its password matters: no API is behind it.
        "proxy": Proxy(url=f"http://user:{PROXY_PASSWORD}@127.0.0.1:9", no_proxy=("127.0.0.1", "localhost")),
    }
    credentials = InlineCredentials(Secret(TOKEN))
    polled = workspace(name, base_url=base_url, credentials=credentials, tls=tls, **settings | dict(scenario.settings))
    return Api(simulator, front), polled
