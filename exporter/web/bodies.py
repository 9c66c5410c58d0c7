"""Answers made of text that is compressed already."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.metrics.gzip_segments import Segment, gzip_length, gzip_parts, inflated_parts


class SegmentsResponse(Response):
    """Sends segments: as one gzip file, or inflated piece by piece so that the text is never held whole."""

    def __init__(
        self, segments: Sequence[Segment], *, headers: Mapping[str, str], content_type: str, gzip: bool
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.media_type = None
        self._gzip = gzip
        self._segments = segments
        length = gzip_length(segments) if gzip else sum(segment.length for segment in segments)
        encoding = {"Content-Encoding": "gzip"} if gzip else {}
        self.init_headers({**headers, **encoding, "Content-Type": content_type, "Content-Length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send the answer; HEAD gets the headers alone."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for part in self._parts() if scope["method"] == "GET" else ():
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)  # sending does not wait for a client that reads fast, so others would
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _parts(self) -> Iterator[bytes] | Iterator[bytes | memoryview]:
        return gzip_parts(self._segments) if self._gzip else inflated_parts(self._segments)
