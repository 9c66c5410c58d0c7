"""Many workspaces in one exporter, each on an API of its own that goes wrong in its own way."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
from faults.matrix import Failing, Survived
from support.exporters import on_loopback, running
from support.exposed import proxied, workspace
from support.logged import captured_in_every_format
from support.marks import PROXY_PASSWORD, TOKEN
from support.processes import eventually
from support.samples import ABOUT_TRUNKS, by_label
from support.surroundings import Surroundings, TlsFront, surroundings

from exporter.config.credentials import Authorization, Secret
from exporter.config.settings import TLS, ValidatedConfig, Workspace
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS
from exporter.simulator.server import Simulator

_APART = 0.04  # seconds: all at once, first polls would run into time-outs on a busy machine
_LONG = 600.0  # seconds; what may take longer is the wait for the next poll


class Hasty(Random):
    """Makes the first polls begin one after the other, and shortens back-offs."""

    def __init__(self, workspaces: int) -> None:
        super().__init__(1)
        self._starts = iter([number * _APART for number in range(workspaces)])

    def uniform(self, a: float, b: float) -> float:
        return b if b > _LONG else next(self._starts, a + (b - a) * 0.02)


@dataclass
class Api:
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
class Evidence:
    """Observations of one workspace."""

    before: str  # its metrics after a good poll
    after: str  # the same after the poll that met the fault
    log: Sequence[str]  # what that poll logged
    sent: int  # bytes of bodies that the server could send during that poll

    def moved(self, counter: str, label: str) -> dict[str, float]:
        """Return by how much the series of a counter moved, those that did not left out."""
        before, after = by_label(self.before, counter, label), by_label(self.after, counter, label)
        moved = {value: count - before.get(value, 0) for value, count in after.items()}
        return {value: count for value, count in moved.items() if count}

    def value(self, name: str) -> float | None:
        return next(iter(self.by(name, "workspace").values()), None)

    def by(self, name: str, label: str) -> dict[str, float]:
        return by_label(self.after, name, label)


@dataclass(frozen=True)
class Observed:
    by_fault: Mapping[str, Evidence]
    whole_log: str
    healthy: bool


def fleet_lines(metrics: str) -> list[str]:
    """Return the series about the fleet, which only a good poll may change."""
    return [line for line in metrics.splitlines() if ABOUT_TRUNKS.match(line)]


async def observe(rows: Sequence[Failing | Survived], folder: Path) -> Observed:
    """Poll each workspace once well, let everything go wrong at once, and poll once more, by a reload.

    Everything is logged, in every format; of the poll that meets the fault, the lines that one gets by default.
    """
    async with AsyncExitStack() as stack:
        log = stack.enter_context(captured_in_every_format())
        around = await stack.enter_async_context(surroundings(folder))
        apis, workspaces = {}, []
        for row in rows:
            apis[row.fault], polled = await _set_up(row, around)
            workspaces.append(polled)
        config, random = ValidatedConfig(workspaces=tuple(workspaces)), Hasty(len(workspaces))
        exporter = await stack.enter_async_context(running(config, on_loopback(), random=random))

        async def after_poll(workspace: str, number: int) -> str:
            async def polled() -> str:
                answer = await exporter.get(f"/metrics?workspace={workspace}")
                assert answer.status_code == httpx.codes.OK
                return answer.text if f'mihu_polls_total{{workspace="{workspace}"}} {number}\n' in answer.text else ""

            return str(await eventually(polled, f"poll {number} of {workspace} ends"))

        before = {name: await after_poll(name, 1) for name in apis}
        for name, text in before.items():
            assert f'mihu_up{{workspace="{name}"}} 1\n' in text, log.getvalue()
        for name, api in apis.items():
            api.simulator.traffic.sent.clear()
            await api.turn(name)
        logged_before = len(log.getvalue())
        changed = tuple(replace(each, max_staleness=each.max_staleness + 1) for each in workspaces)
        exporter.load = lambda: replace(config, workspaces=changed)
        await exporter.reload()
        after = {name: await after_poll(name, 2) for name in apis}
        lines = [line for line in log.getvalue()[logged_before:].splitlines() if "level=debug" not in line]
        healthy = (await exporter.get("/-/healthy")).status_code == httpx.codes.OK
    found = {}
    for name, api in apis.items():
        own, sent = [line for line in lines if f"workspace={name} " in line], api.simulator.traffic.sent[name]
        found[name] = Evidence(before=before[name], after=after[name], log=own, sent=sent)
    return Observed(found, log.getvalue(), healthy)


async def _set_up(row: Failing | Survived, around: Surroundings) -> tuple[Api, Workspace]:
    name, certificates = row.fault, around.certificates
    simulator = await around.simulator(name, trunks=row.listed, token=TOKEN)
    base_url, tls, front = simulator.base_url(name), TLS(), None
    if (certificates / f"{name}.pem").exists():
        front = await around.front(simulator)
        base_url = f"https://localhost:{front.port}/{name}"
        tls = TLS(ca_file=certificates / "known.pem")
    settings: dict[str, Any] = {
        "poll_interval": 3600.0,
        "poll_timeout": 25.0,
        "request_timeout": 20.0,
        "max_staleness": 7200.0,
        "per_page": 10,
        # One page at a time, so that how many requests are made is no matter of chance.
        "concurrency": 1,
        # Only its password matters: no API is behind it.
        **proxied(f"http://user:{PROXY_PASSWORD}@127.0.0.1:9", "127.0.0.1", "localhost"),
    }
    credentials = Authorization(credentials=Secret(TOKEN))
    polled = workspace(name, base_url=base_url, credentials=credentials, tls=tls, **settings | dict(row.settings))
    return Api(simulator, front), polled
