"""Whatever the API sends, scrapes are answered meanwhile: nothing holds up the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection

import pytest
from faults.bench import Hasty
from faults.matrix import SURVIVED
from support.executor import P, T
from support.exposed import TOKEN
from support.polling import Bench

from exporter.clock import Clock
from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

LIMIT = 0.05  # seconds
ATTEMPTS = 12  # to meet a moment when the machine is not busy with something else

# They wait, and compute nothing.
_IDLE = {"no-answer", "slow-drip", "rate-limited-bare", "rate-limited-negative"}
_FEW = {"long-texts": 30}
_COMPUTING = [name for name in FAULTS if name not in _IDLE]


class Stalls:
    """Measures the longest time between two turns of the event loop, in CPU time of the process."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.rendered_in: set[threading.Thread] = set()

    async def watch(self) -> None:
        seen = time.process_time()
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            self.longest = max(self.longest, now - seen)
            seen = now

    def noting(self, renders: Callable[P, T]) -> Callable[P, T]:
        """Return the same function, of which it is noted where it is called."""

        def render(*args: P.args, **kwargs: P.kwargs) -> T:
            self.rendered_in.add(threading.current_thread())
            return renders(*args, **kwargs)

        return render


@pytest.fixture(scope="module")
def stalls() -> Iterator[Mapping[str, Stalls]]:
    """Poll each API, in a process of its own, until a poll met no stall; return the best that was seen of each."""
    addresses, told = Pipe(duplex=False)
    process = get_context("spawn").Process(target=_host, args=(told,))
    process.start()
    yield asyncio.run(_measure(addresses.recv()))
    process.terminate()
    process.join()


def _host(told: Connection) -> None:
    async def serve() -> None:
        addresses = {}
        async with AsyncExitStack() as stack:
            for name in _COMPUTING:
                tenant = Tenant(name, TOKEN, Fleet.generate(_FEW.get(name, 300), seed=1))
                simulator = await stack.enter_async_context(Simulator([tenant], Behaviour(faults={name: 1.0})))
                addresses[name] = simulator.base_url(name)
            told.send(addresses)
            await asyncio.Event().wait()

    asyncio.run(serve())


async def _measure(addresses: Mapping[str, str]) -> Mapping[str, Stalls]:
    best = {}
    for name, address in addresses.items():
        measured = []
        for _ in range(ATTEMPTS):
            measured.append(await _poll(name, address))
            if measured[-1].longest < LIMIT:
                break
        best[name] = min(measured, key=lambda stalls: stalls.longest)
    return best


async def _poll(name: str, base_url: str) -> Stalls:
    stalls = Stalls()
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(
            None,
            clock=Clock(),
            random=Hasty(1),
            executor=executor,
            name=name,
            base_url=base_url,
            per_page=10 if name in _FEW else 100,
            max_trunks=300,
            poll_timeout=20.0,  # less than the rate limit asks to wait
        )
        for part, function in ((bench.maker, "make"), (bench.maker.renderer, "memory")):
            setattr(part, function, stalls.noting(getattr(part, function)))
        watching = asyncio.create_task(stalls.watch())
        await bench.poller.poll()
        watching.cancel()
        await bench.client.aclose()
    return stalls


@pytest.mark.parametrize("fault", _COMPUTING)
def test_no_fault_holds_up_the_event_loop(stalls: Mapping[str, Stalls], fault: str) -> None:
    assert stalls[fault].longest < LIMIT


@pytest.mark.parametrize("fault", _COMPUTING)
def test_pages_are_decoded_and_rendered_beside_it(stalls: Mapping[str, Stalls], fault: str) -> None:
    assert threading.main_thread() not in stalls[fault].rendered_in
    assert bool(stalls[fault].rendered_in) is (fault in {row.fault for row in SURVIVED})


async def test_a_stall_would_be_seen() -> None:
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.01)
    until = time.process_time() + 2 * LIMIT
    while time.process_time() < until:
        pass
    await asyncio.sleep(0.01)
    watching.cancel()
    assert stalls.longest > LIMIT
