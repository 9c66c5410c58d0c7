"""A transport whose answers stream, as answers from a network do."""

from collections.abc import Callable, Coroutine

import httpx

Handler = Callable[[httpx.Request], httpx.Response | Coroutine[None, None, httpx.Response]]


class StreamingTransport(httpx.MockTransport):
    """As MockTransport, whose answers count as read already when they are given as content."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)  # type: ignore[arg-type]  # either kind of handler, which httpx has two types for

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if not response.is_stream_consumed:
            return response
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(response.content),
            extensions=response.extensions,
        )
