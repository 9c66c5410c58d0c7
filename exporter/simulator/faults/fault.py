"""What a fault is, and one time that it strikes."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock

Document = dict[str, Any]
"""The JSON of a page."""

_OK = 200
_PAGE = re.compile(rb"(?<![^&])page=[0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One exchange that a fault strikes.

    Attributes:
        app: what would have answered.
        scope: of the request, together with ``receive`` and ``send``, as ASGI has it.
        clock: what delays and dates go by.
        count: how many exchanges the fault has struck before.
    """

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    clock: Clock
    count: int

    async def pass_on(self) -> None:
        """Let the request be answered as if nothing had happened."""
        await self.app(self.scope, self.receive, self.send)

    async def page(self, number: int | None = None) -> bytes | None:
        """Return the JSON of the page that is asked for, or of another one.

        None, and the answer is sent, where it is none: the client errs, and no fault excuses that.
        """
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(self._asking_for(number), self.receive, keep)
        if messages[0]["status"] != _OK:
            for message in messages:
                await self.send(message)
            return None
        return b"".join(message.get("body", b"") for message in messages[1:])

    async def document(self, number: int | None = None) -> Document | None:
        """Return the same, decoded."""
        page = await self.page(number)
        return None if page is None else msgspec.json.decode(page)

    def _asking_for(self, number: int | None) -> Scope:
        if number is None:
            return self.scope
        query = _PAGE.sub(b"page=%d" % number, self.scope["query_string"])
        return {**self.scope, "query_string": query}


Effect = Callable[[Strike], Awaitable[None]]
"""Answers a request, in its way."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong with an exchange.

    Attributes:
        name: for the command line.
        description: what the client gets, in a few words.
    """

    name: str
    description: str
    effect: Effect
