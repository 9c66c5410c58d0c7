"""The options of the simulated API, and how its faults strike."""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock

_OK = 200


class RowPer(enum.Enum):
    """The meaning of a row; the documentation allows both."""

    NUMBER = "number"  # each number once, with all of its bindings
    CHANNEL = "channel"  # a row per bound channel, with only that binding; an unbound number has one row


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults are the plainest reading of the documentation."""

    latency: float = 0.0  # seconds before any answer
    rate_limit: int | None = None  # requests per minute and workspace with a valid token
    listing: RowPer = RowPer.NUMBER
    faults: Mapping[str, float] = field(default_factory=dict)  # shares of the requests, by name: 1 strikes all
    fault_seed: int = 0  # equal seeds strike the same requests


@dataclass(frozen=True, slots=True)
class Strike:
    """One request that a fault strikes."""

    app: ASGIApp  # would have answered
    scope: Scope
    receive: Receive
    send: Send
    clock: Clock  # for delays and dates
    count: int  # of requests that the fault has struck before

    async def respond(self, response: Response) -> None:
        await response(self.scope, self.receive, self.send)

    async def page(self) -> bytes | None:
        """Return the JSON of the page; None if the request is refused, and told so: no fault excuses a mistake."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(self.scope, self.receive, keep)
        if messages[0]["status"] != _OK:
            for message in messages:
                await self.send(message)
            return None
        return b"".join(message.get("body", b"") for message in messages[1:])

    async def document(self) -> dict[str, Any] | None:
        page = await self.page()
        return None if page is None else msgspec.json.decode(page)


Effect = Callable[[Strike], Awaitable[None]]  # answers the request


class Fault(NamedTuple):
    name: str  # for the command line
    description: str  # what the client gets
    effect: Effect
