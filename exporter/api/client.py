"""One request for one page."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

import httpx

from exporter.api import body, responses
from exporter.api.body import Body
from exporter.api.connection import Connections, Trace, only_if_asked, transport_error
from exporter.api.errors import ApiError, Reason
from exporter.api.redaction import redact
from exporter.clock import Clock
from exporter.config.addresses import LIST_PATH
from exporter.config.credentials import Secret
from exporter.config.settings import Workspace

PATH = LIST_PATH
_MOST_OF_AN_ERROR = 2**16  # bytes read of what comes with another status than 200


class Observer(Protocol):
    """Whoever counts the requests."""

    def requested(self, code: str, seconds: float) -> None:
        """Count one request; ``code`` is the HTTP status, or ``error`` where no whole answer came."""

    def retried(self, reason: Reason) -> None:
        """Count one request that is about to be made again."""


class Client:
    """Asks one workspace for pages of its trunks, one request a call.

    It owns the connections: ``await aclose()`` when done. What happens on them is told to ``trace``, step by step. A
    request is made within ``turn``, such as a semaphore that clients share.
    """

    def __init__(  # noqa: PLR0913 - each is used by somebody
        self,
        workspace: Workspace,
        *,
        clock: Clock,
        observer: Observer,
        transport: httpx.AsyncBaseTransport | None = None,
        trace: Trace | None = None,
        turn: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._observer = observer
        self._connections = Connections(workspace, transport, clock)
        self._turn = turn or nullcontext()
        self._list = str(httpx.URL(workspace.base_url + PATH, params=_query(workspace)))
        server_name = workspace.tls.server_name
        self._extensions: dict[str, Any] = {} if server_name is None else {"sni_hostname": server_name}
        self._trace = trace

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def get_page(
        self, number: int, token: Secret, on_remaining: Callable[[int | None], None] = lambda _: None
    ) -> Body:
        """Return the body of a page; a request that is cancelled is not counted.

        ``on_remaining`` is told how many requests the API says are left, None where it does not say.

        Raises:
            ApiError: no page came; never one that shows a secret.
        """
        if number == 1:  # a list is begun
            await self._connections.follow_certificates()
        started = self._clock.monotonic()
        code: str | None = "error"
        try:
            async with self._clock.timeout_at(started + self._workspace.request_timeout):
                content = await self._exchange(number, token, on_remaining)
                code = str(responses.OK)
        except asyncio.CancelledError:
            code = None
            raise
        except TimeoutError as error:
            raise ApiError(
                Reason.TIMEOUT,
                f"no complete answer for page {number} within {self._workspace.request_timeout:g}s (request_timeout)",
            ) from error
        except httpx.HTTPError as error:
            raise redact(transport_error(error, self._workspace.proxy), token, self._workspace.proxy) from None
        except ApiError as fault:
            code = "error" if fault.status is None else str(fault.status)
            raise redact(fault, token, self._workspace.proxy) from None
        finally:
            if code is not None:
                self._observer.requested(code, self._clock.monotonic() - started)
        return content

    async def _exchange(self, number: int, token: Secret, on_remaining: Callable[[int | None], None]) -> Body:
        async with (
            self._turn,
            self._connections.lent() as http,
            http.stream(
                "GET",
                f"{self._list}&page={number}",
                headers={"Authorization": f"Bearer {token.reveal}"},
                extensions={**self._extensions, "trace": only_if_asked(self._trace)},
            ) as response,
        ):
            on_remaining(responses.requests_left(response.headers.get("X-RateLimit-Remaining")))
            most = body.LIMIT if response.status_code == responses.OK else _MOST_OF_AN_ERROR
            try:
                content = await body.read(response.aiter_raw(), response.headers.get("Content-Encoding", ""), most)
            except ApiError as fault:
                if response.status_code == responses.OK:
                    fault.status = responses.OK
                    raise
                content = Body(b"", b"")  # the status tells more than a broken error page
            if response.status_code != responses.OK:
                raise responses.fault(response, content.plain, now=self._clock.time())
            return content


def _query(workspace: Workspace) -> dict[str, str]:
    wanted = workspace.filter
    query = {
        "per_page": str(workspace.per_page),
        "channel": wanted.channel,
        "agent_uuid": wanted.agent_uuid,
        "search": wanted.search,
    }
    return {name: value for name, value in query.items() if value is not None}
