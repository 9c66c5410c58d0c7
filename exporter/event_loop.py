"""The event loop that everything runs in."""

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import uvloop

from exporter import threads


class EventLoop(uvloop.Loop):
    """uvloop's, in which a name that does not resolve holds up nobody but those who ask for it.

    Others would wait for one of libuv's four threads, and the program's end for all four.

    Args:
        resolve: the system's resolver.
    """

    def __init__(self, resolve: Callable[..., Any] = socket.getaddrinfo) -> None:
        super().__init__()
        self._resolve = resolve
        self._lookups: dict[tuple[Any, ...], Future[Any]] = {}

    async def getaddrinfo(  # noqa: PLR0913 - the event loop's interface
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as above
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # noqa: ANN401 - as above
        """Look a name up in a thread of its own, which all wait for who ask the same meanwhile."""
        asked = (host, port, family, type, proto, flags)
        lookup = self._lookups.get(asked)
        if lookup is None:
            lookup = self._lookups[asked] = threads.start(partial(self._look_up, asked))
            lookup.add_done_callback(lambda _: self._lookups.pop(asked))
        return await asyncio.wrap_future(lookup)

    def _look_up(self, asked: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
        try:
            return self._resolve(*asked)
        except socket.gaierror:
            # A resolver that can open no file says that there is no such name. This says what is wrong instead.
            os.close(os.open(os.devnull, os.O_RDONLY))
            raise
