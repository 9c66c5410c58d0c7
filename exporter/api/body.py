"""Reading an answer's body: bounded while it streams in, and kept compressed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from isal import igzip, isal_zlib

from exporter.api.errors import ApiError, Reason

LIMIT = 16 * 2**20  # bytes of a decompressed page; the largest documented page is under 1 MiB

_PROXY = "if it lasts, check the proxy"
_STEP = 2**20  # bytes decompressed without a pause: a chunk of a bomb holds a thousand times its size
_BEFORE_TIME, _AFTER_TIME = slice(4), slice(8, None)  # around MTIME (RFC 1952, section 2.3)
_GZIP = 31  # zlib's window bits for the largest window inside a gzip wrapper


@dataclass(frozen=True)
class Body:
    """An answer's body, twice: as it is read, and as it is kept for the length of a poll."""

    plain: bytes
    compressed: bytes

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the compressed body, but for the time at which the server compressed it."""
        digest = sha256(self.compressed[_BEFORE_TIME])
        digest.update(memoryview(self.compressed)[_AFTER_TIME])
        return digest.digest()


def decompressed(compressed: bytes) -> bytes:
    """Return the plain body of a compressed one."""
    plain: bytes = igzip.decompress(compressed)  # type: ignore[no-untyped-call]  # isal leaves it without types
    return plain


async def read(chunks: AsyncIterator[bytes], content_encoding: str, limit: int = LIMIT) -> Body:
    """Read a body.

    Raises:
        ApiError: ``too_large`` as soon as it grows past the limit, ``invalid_response`` when it is not what the
            header ``Content-Encoding`` says or ends too early.
    """
    match content_encoding.strip().lower():
        case "" | "identity":
            return await _read_plain(chunks, limit)
        case "gzip" | "x-gzip":
            return await _read_gzip(chunks, limit)
        case _:
            seen = content_encoding[:40]
            raise ApiError(
                Reason.INVALID_RESPONSE,
                f"the answer is encoded as {seen!a}, though gzip was asked for",
                _PROXY,
            )


async def _read_plain(chunks: AsyncIterator[bytes], limit: int) -> Body:
    plain, compressed = bytearray(), bytearray()
    compressor = _compressor()
    async for chunk in chunks:
        plain += chunk
        _refuse_beyond(limit, len(plain))
        compressed += compressor.compress(chunk)
    return Body(bytes(plain), bytes(compressed) + compressor.flush())


async def _read_gzip(chunks: AsyncIterator[bytes], limit: int) -> Body:
    plain, compressed = bytearray(), bytearray()
    inflater = isal_zlib.decompressobj(_GZIP)
    ended = False
    async for chunk in chunks:
        compressed += chunk
        _refuse_beyond(limit, len(compressed))  # compressed data may go on without yielding anything
        rest = chunk
        while rest:
            if ended:  # a gzip file may consist of several members (RFC 1952, section 2.2)
                inflater = isal_zlib.decompressobj(_GZIP)
            try:
                plain += inflater.decompress(rest, min(_STEP, limit + 1 - len(plain)))
            except isal_zlib.error as error:  # type: ignore[misc]  # the stub calls the class an instance
                raise ApiError(Reason.INVALID_RESPONSE, f"the answer is not valid gzip ({error})", _PROXY) from error
            _refuse_beyond(limit, len(plain))
            ended = inflater.eof
            rest = inflater.unused_data if ended else inflater.unconsumed_tail
            if rest:
                await asyncio.sleep(0)
    if not ended:
        raise ApiError(Reason.INVALID_RESPONSE, "the compressed answer ends too early", _PROXY)
    return Body(bytes(plain), bytes(compressed))


def _refuse_beyond(limit: int, size: int) -> None:
    if size > limit:
        raise ApiError(Reason.TOO_LARGE, f"a page is larger than {limit / 2**20:g} MiB", "lower per_page")


def _compressor() -> "isal_zlib.Compress":
    return isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
