"""Answers made of text that is compressed already."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from starlette.responses import Response, StreamingResponse

from exporter.metrics.gzip_segments import Segment, gzip_length, gzip_parts, inflated_parts


def segments_response(
    segments: Sequence[Segment], *, method: str, headers: Mapping[str, str], content_type: str, gzip: bool
) -> Response:
    """Answer with segments: as one gzip file, or inflated piece by piece so that the text is never held whole."""
    length = gzip_length(segments) if gzip else sum(segment.length for segment in segments)
    encoding = {"Content-Encoding": "gzip"} if gzip else {}
    headers = {**headers, **encoding, "Content-Type": content_type, "Content-Length": str(length)}
    if method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(_in_turn(gzip_parts(segments) if gzip else inflated_parts(segments)), headers=headers)


async def _in_turn(parts: Iterable[bytes | memoryview]) -> AsyncIterator[bytes | memoryview]:
    """Yield parts and let others have a turn after each: sending does not wait for a client that reads fast."""
    for part in parts:
        yield part
        await asyncio.sleep(0)
