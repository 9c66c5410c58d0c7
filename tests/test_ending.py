"""Why the exporter ended, or ought to be ended: it says so."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
import uvloop
from structlog.testing import capture_logs
from support.processes import eventually

from exporter.app import Exporter
from exporter.clock import SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.web.listening import ListenAddress, ListenError, listen
from exporter.web.settings import WebSettings

WORKSPACE = Workspace(name="acme", base_url="http://127.0.0.1:1", credentials=InlineCredentials(Secret("t")))


class BrokenClock(SystemClock):
    async def sleep(self, seconds: float) -> None:
        raise RuntimeError(f"cannot sleep {seconds:.0f}s")


def test_a_poller_that_dies_is_told_at_once_by_health_and_at_the_end() -> None:
    async def scenario() -> None:
        config = ValidatedConfig(workspaces=(WORKSPACE,))
        exporter = Exporter(config, lambda: config, WebSettings(), clock=BrokenClock())
        stop = asyncio.Event()
        serving = asyncio.create_task(exporter.serve([], stop))
        transport = httpx.ASGITransport(exporter.application)
        async with httpx.AsyncClient(base_url="http://exporter", transport=transport) as http:

            async def is_unhealthy() -> bool:
                return (await http.get("/-/healthy")).status_code == httpx.codes.SERVICE_UNAVAILABLE

            await eventually(is_unhealthy, "the poller dies")
        stop.set()
        await serving

    with capture_logs() as log:
        asyncio.run(scenario())
    died, ended = (line for line in log if line["log_level"] == "error")
    assert died["event"] == (
        "a poller died, which is a bug in the exporter; /-/healthy says so, and a reload brings it back"
    )
    assert died["workspace"] == "acme"
    assert str(died["exc_info"]) == "cannot sleep 0s"
    assert ended == {
        "event": "pollers had died, so that /-/healthy answered 503",
        "log_level": "error",
        "workspaces": "acme",
    }


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_socket_that_fails_ends_the_program(run: Callable[[Any], Any]) -> None:
    with closing(listen(ListenAddress("127.0.0.1", 0))) as listener:
        address = ListenAddress(*listener.getsockname())

        async def scenario() -> None:
            config = ValidatedConfig(workspaces=())
            exporter = Exporter(config, lambda: config, WebSettings())
            serving = asyncio.create_task(exporter.serve([listener], asyncio.Event()))
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.get(f"http://{address}/-/healthy")).status_code == httpx.codes.OK
            listener.shutdown(socket.SHUT_RDWR)
            await asyncio.wait_for(serving, 10)

        with pytest.raises(ListenError) as told:
            run(scenario())
    assert str(told.value) == (
        f"cannot accept connections on {address} any more (Invalid argument); start the exporter again"
    )
