"""Names for which the resolver never answers hold up only the requests that need them."""

import asyncio
import socket
import subprocess
import sys
from collections import Counter
from threading import Event
from typing import Any

import pytest
from api.bench import PAGE, TOKEN, Answering, Bench
from support.event_loop import Backend
from support.files import no_file_left
from support.streams import listening

from exporter.event_loop import EventLoop

_MANY = 40  # more than libuv and Python have threads for


class Resolver:
    """The system's, except for names that hang until ``released`` is set, and then are not found."""

    def __init__(self) -> None:
        self.released = Event()
        self.asked: Counter[Any] = Counter()

    def __call__(self, host: Any, *arguments: Any) -> Any:  # noqa: ANN401 - as the system's
        self.asked[host] += 1
        if b"hangs" in host:
            self.released.wait()
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return socket.getaddrinfo(host, *arguments)


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


@pytest.fixture
def anyio_backend(resolver: Resolver) -> Backend:
    return "asyncio", {"loop_factory": lambda: EventLoop(resolver)}


async def test_other_workspaces_are_polled_while_names_hang(resolver: Resolver) -> None:
    hanging = [Bench(base_url=f"http://hangs-{number}.example").client for number in range(_MANY)]
    asking = [asyncio.create_task(client.get_page(1, TOKEN)) for client in hanging]
    try:
        async with listening(Answering()) as api:
            assert await Bench(base_url=f"http://localhost:{api.port}").get_page() == PAGE
        assert not any(task.done() for task in asking)
    finally:
        resolver.released.set()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_a_name_that_hangs_is_looked_up_once_at_a_time(resolver: Resolver) -> None:
    loop = asyncio.get_running_loop()
    lookups = [asyncio.create_task(loop.getaddrinfo(b"hangs.example", 443)) for _ in range(_MANY)]
    await asyncio.sleep(0)
    lookups.pop().cancel()
    resolver.released.set()
    for found in await asyncio.gather(*lookups, return_exceptions=True):
        assert isinstance(found, socket.gaierror)
    assert resolver.asked[b"hangs.example"] == 1
    with pytest.raises(socket.gaierror):
        await loop.getaddrinfo(b"hangs.example", 443)
    assert resolver.asked[b"hangs.example"] == 2


async def test_a_resolver_that_can_open_no_file_does_not_say_that_there_is_no_such_name() -> None:
    with no_file_left(), pytest.raises(OSError, match="Too many open files"):
        await asyncio.get_running_loop().getaddrinfo(b"localhost", 443)


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
