"""The simulated API: beside a test that is not asynchronous itself, and in a configuration."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator
from support.files import write_yaml
from support.processes import PATIENCE
from support.trunks import bindings, row


@contextmanager
def simulating(tenants: Sequence[Tenant]) -> Iterator[Simulator]:
    simulator = Simulator(tenants)
    started, done = Event(), Event()

    async def serve() -> None:
        async with simulator:
            started.set()
            await asyncio.to_thread(done.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield simulator
    finally:
        done.set()
        thread.join()


def answered(fleet: Fleet) -> list[str]:
    """Return the numbers that an agent answers: active, and bound on call."""
    return [
        number
        for number in fleet.numbers
        if (trunk := fleet.trunk(number))["status"] == "active"
        and (trunk["bindings"] or {}).get("call", {}).get("bound")
    ]


def healthy_fleet(trunks: int, seed: int, now: float) -> Fleet:
    """Return a fleet of which every trunk is in service, bound on call alone, and costs something."""
    fleet = Fleet.generate(trunks, seed)
    well = {name: row()[name] for name in ("status", "compliance", "capabilities", "channel_settings", "billing")}
    for index, number in enumerate(fleet.numbers):
        fleet.change(number, now=now, **well, bindings=bindings())
        fleet.bind(number, "call", fleet.agents[index % len(fleet.agents)], now=now)
    return fleet


def write_config(folder: Path, simulator: Simulator, tenants: Iterable[Tenant], **shared: object) -> Path:
    """Write ``config.yaml``, which polls workspaces of the simulator with settings that they share."""
    workspaces = [
        {"name": each.name, "base_url": simulator.base_url(each.name), "authorization": {"credentials": each.token}}
        for each in tenants
    ]
    return write_yaml(folder / "config.yaml", {"global": shared, "workspaces": workspaces})
