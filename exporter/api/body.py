"""Reads the body of a response, bounded in size, and keeps it compressed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from isal import isal_zlib

from exporter.api.errors import ApiError, Reason

LIMIT = 16 * 2**20  # bytes of a page, also decompressed; the largest documented page is under 1 MiB

_PROXY = "if it lasts, check the proxy"
_STEP = 2**20  # bytes decompressed without a pause: a chunk of a bomb holds a thousand times its size
_CHUNK = 256  # bytes that a chunk counts for at least: it takes longer to receive than a kilobyte
_GZIP = 31  # zlib's window bits for the largest window inside a gzip wrapper


@dataclass(frozen=True)
class Body:
    """A body, plain for decoding, and compressed for keeping during a poll."""

    plain: bytes
    compressed: bytes

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the compressed body without MTIME (RFC 1952, section 2.3): when the server compressed it."""
        return sha256(self.compressed[:4] + self.compressed[8:]).digest()


async def read(chunks: AsyncIterator[bytes], content_encoding: str, limit: int = LIMIT) -> Body:
    """Read a body.

    An ApiError is ``too_large`` as soon as the body exceeds the limit, and ``invalid_response`` if it does not have the
    encoding that ``Content-Encoding`` names, or ends too early.
    """
    encoding = content_encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        problem = f"the answer is encoded as {content_encoding[:40]!a}, though gzip was asked for"
        raise ApiError(Reason.INVALID_RESPONSE, problem, _PROXY)
    is_gzip = encoding in {"gzip", "x-gzip"}
    received, plain, inflater = bytearray(), bytearray(), isal_zlib.decompressobj(_GZIP)
    size = 0
    async for chunk in chunks:
        if len(chunk) < _CHUNK:  # many may have been received together
            await asyncio.sleep(0)
        received += chunk
        size += max(len(chunk), _CHUNK)
        _check_size(size, limit)  # compressed data may go on without yielding anything
        rest = chunk if is_gzip else b""
        while rest:
            if inflater.eof:  # a gzip file may consist of several members (RFC 1952, section 2.2)
                inflater = isal_zlib.decompressobj(_GZIP)
            try:
                plain += inflater.decompress(rest, _STEP)
            except isal_zlib.error as error:  # type: ignore[misc]  # the stub calls the class an instance
                raise ApiError(Reason.INVALID_RESPONSE, f"the answer is not valid gzip ({error})", _PROXY) from error
            _check_size(len(plain), limit)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if rest:
                await asyncio.sleep(0)
    if not is_gzip:
        return Body(bytes(received), isal_zlib.compress(received, 1, _GZIP))
    if not inflater.eof:
        raise ApiError(Reason.INVALID_RESPONSE, "the compressed answer ends too early", _PROXY)
    return Body(bytes(plain), bytes(received))


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ApiError(Reason.TOO_LARGE, f"a page is larger than {limit / 2**20:g} MiB", "lower per_page")
