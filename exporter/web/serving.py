"""The HTTP server: uvicorn on sockets that are open already, as a part of the program."""

import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

_GRACE = 3  # seconds that answers under way have to finish; the whole shutdown has 5
_KEEP_ALIVE = 90  # seconds; longer than the usual scrape intervals, so that Prometheus keeps its connection


class Server(uvicorn.Server):
    """Serves an application until ``should_exit`` is set; signals belong to whoever runs the event loop."""

    def __init__(self, application: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )

    async def serve_on(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until told to stop, then let answers under way finish."""
        await self.serve(sockets=list(listeners))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
