"""Tries one workspace: a poll as the exporter makes it, watched."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random

from exporter.api.client import Client
from exporter.api.errors import ApiError
from exporter.clock import Clock
from exporter.config.credentials import CredentialsError, Secret, read_token
from exporter.config.settings import Metrics, Workspace
from exporter.doctor.sight import Host, Sight
from exporter.doctor.witness import Witness
from exporter.polling.buckets import BucketMaker
from exporter.polling.fleet import Fleet
from exporter.polling.poll import Poll, PollContext

_NO_TOKEN = Secret("no-token-is-configured")  # sent where there is none, to see how far the way to the API is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying a workspace.

    Attributes:
        sight: what was seen of the poll.
        addresses: what the host's name resolves to; empty where it does not.
        without_token: why there is no token to be sent.
        fleet: what the poll found, None where it failed.
        fault: why it failed.
        seconds: how long it took.
        ended_at: Unix time.
    """

    workspace: Workspace
    sight: Sight
    addresses: tuple[str, ...]
    without_token: CredentialsError | None
    fleet: Fleet | None
    fault: ApiError | None
    seconds: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Trials:
    """What all trials share."""

    metrics: Metrics
    clock: Clock
    random: Random
    executor: Executor

    async def run(self, workspace: Workspace, tell: Callable[[str], None]) -> Trial:
        """Poll a workspace once; ``tell`` is told in words how far that is."""
        token, without_token = await _read_token(workspace)
        witness = Witness(self.clock, tell)
        started = self.clock.monotonic()
        fleet, fault = await self._poll(workspace, token, witness)
        ended = self.clock.monotonic()
        return Trial(
            workspace=workspace,
            sight=witness.sight,
            addresses=await self._resolve(workspace, witness.sight),
            without_token=without_token,
            fleet=fleet,
            fault=fault,
            seconds=ended - started,
            ended_at=self.clock.time(),
        )

    async def _poll(
        self, workspace: Workspace, token: Secret, witness: Witness
    ) -> tuple[Fleet, None] | tuple[None, ApiError]:
        client = Client(workspace, clock=self.clock, observer=witness, trace=witness.trace)
        polling = PollContext(
            workspace=workspace,
            maker=BucketMaker(workspace, self.metrics),
            client=client,
            observer=witness,
            clock=self.clock,
            random=self.random,
            executor=self.executor,
            on_page=witness.read,
        )
        try:
            return await Poll(polling, None, {}).run(token), None
        except ApiError as fault:
            return None, fault
        finally:
            await client.aclose()

    async def _resolve(self, workspace: Workspace, sight: Sight) -> tuple[str, ...]:
        """Return the addresses of the host; those of one that nothing could connect to are asked for."""
        if sight.peer is not None:
            return (sight.peer,)
        if sight.host is None:
            return ()
        try:
            async with self.clock.timeout_at(self.clock.monotonic() + workspace.request_timeout):
                return await _look_up(sight.host)
        except (OSError, TimeoutError):
            return ()


async def _read_token(workspace: Workspace) -> tuple[Secret, CredentialsError | None]:
    try:
        return await read_token(workspace.credentials), None
    except CredentialsError as error:
        return _NO_TOKEN, error


async def _look_up(host: Host) -> tuple[str, ...]:
    # As bytes, like the client: a text would be encoded by rules that refuse some names with another error.
    found = await asyncio.get_running_loop().getaddrinfo(host.name.encode(), host.port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
