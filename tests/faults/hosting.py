"""Serves APIs, each with a fault from the start, in a process of its own: ``hosting.py NAME[=TRUNKS] …``.

Prints their addresses as JSON; ends when its standard input does. What it takes to make a fault must not be
mistaken for what it takes to bear it.
"""

import asyncio
import json
import sys

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator


async def _host(arguments: list[str]) -> None:
    simulators = {}
    for argument in arguments:
        name, _, trunks = argument.partition("=")
        tenant = Tenant(name, "test-token", Fleet.generate(int(trunks), seed=1))
        simulators[name] = Simulator([tenant], Behaviour(faults={name: 1.0}))
        await simulators[name].start()
    print(json.dumps({name: simulator.base_url(name) for name, simulator in simulators.items()}), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(simulator.stop() for simulator in simulators.values()))


if __name__ == "__main__":
    asyncio.run(_host(sys.argv[1:]))
