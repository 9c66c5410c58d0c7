"""The simulated API beside a test that is not asynchronous itself."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.server import Simulator
from support.processes import PATIENCE


@contextmanager
def simulating(tenants: Sequence[Tenant], behaviour: Behaviour | None = None) -> Iterator[Simulator]:
    """Serve workspaces in another thread."""
    simulator = Simulator(tenants, behaviour)
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
