"""Names whose resolution hangs delay nothing else."""

import asyncio
import socket
import subprocess
import sys
from collections import Counter
from threading import Event
from typing import Any

import pytest
import uvloop
from api.bench import PAGE, TOKEN, Answering, Bench, serving
from support.files import no_file_left

from exporter.event_loop import EventLoop

_MANY = 40  # more than libuv and Python have threads for


class Resolver:
    """The system's resolver; lookups of some names hang until they are released, and then fail."""

    def __init__(self) -> None:
        self.released = Event()
        self.asked: Counter[Any] = Counter()

    def __call__(self, host: Any, *arguments: Any) -> Any:  # noqa: ANN401 - as the system's
        self.asked[host] += 1
        if b"hangs" in host:
            self.released.wait()
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return socket.getaddrinfo(host, *arguments)


def run(scenario: Any, resolver: Resolver) -> Any:  # noqa: ANN401 - any coroutine, and what it returns
    return uvloop.run(scenario, loop_factory=lambda: EventLoop(resolver))


def test_other_workspaces_are_polled_while_names_hang() -> None:
    resolver = Resolver()

    async def scenario() -> bytes:
        hanging = [Bench(base_url=f"http://hangs-{number}.example").client for number in range(_MANY)]
        asking = [asyncio.create_task(client.get_page(1, TOKEN)) for client in hanging]
        try:
            async with serving(Answering()) as port:
                page = await Bench(base_url=f"http://localhost:{port}").get_page()
            assert not any(task.done() for task in asking)
            return page
        finally:
            resolver.released.set()
            await asyncio.gather(*asking, return_exceptions=True)

    assert run(scenario(), resolver) == PAGE


def test_lookups_of_a_name_that_hangs_are_shared() -> None:
    resolver = Resolver()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        tries = [asyncio.create_task(loop.getaddrinfo(b"hangs.example", 443)) for _ in range(_MANY)]
        await asyncio.sleep(0)
        tries.pop().cancel()
        resolver.released.set()
        for tried in await asyncio.gather(*tries, return_exceptions=True):
            assert isinstance(tried, socket.gaierror)
        assert resolver.asked[b"hangs.example"] == 1
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo(b"hangs.example", 443)
        assert resolver.asked[b"hangs.example"] == 2

    run(scenario(), resolver)


def test_a_resolver_without_file_descriptors_is_not_believed() -> None:
    async def scenario() -> None:
        with no_file_left(), pytest.raises(OSError, match="Too many open files"):
            await asyncio.get_running_loop().getaddrinfo(b"localhost", 443)

    run(scenario(), Resolver())


_ENDS = """
import asyncio, sys, threading, uvloop
from exporter.event_loop import EventLoop

async def main():
    loop = asyncio.get_running_loop()
    names = [asyncio.create_task(loop.getaddrinfo(f"{number}.example", 443)) for number in range(40)]
    await asyncio.wait(names, timeout=0.1)
    print("ending")

uvloop.run(main(), loop_factory=lambda: EventLoop(lambda *_: threading.Event().wait()))
"""


def test_the_program_ends_while_names_hang() -> None:
    ended = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", _ENDS], capture_output=True, timeout=60, check=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("ending\n", "")
