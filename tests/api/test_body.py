"""How an answer's body is read: decompressed while it streams in, and stopped once it is too large."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.body import Body, decompressed, read
from exporter.api.errors import ApiError, Reason

TEXT = b'{"success": true}' * 50
GZIPPED = gzip.compress(TEXT, mtime=0)
EMPTY_MEMBER = gzip.compress(b"")
SMALL = 2**20  # bytes that are allowed, where it would take long to fill a page


class Arriving:
    """Chunks as they arrive from a network, counted as they are taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def read_chunks(*chunks: bytes, encoding: str = "") -> Body:
    return asyncio.run(read(aiter(Arriving(chunks)), encoding, SMALL))


def error_of(arriving: Arriving, encoding: str) -> tuple[Reason, str]:
    with pytest.raises(ApiError) as caught:
        asyncio.run(read(aiter(arriving), encoding, SMALL))
    return caught.value.reason, str(caught.value)


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        *((encoding, TEXT) for encoding in ("", "identity", " Identity ")),
        *((encoding, GZIPPED) for encoding in ("gzip", "x-gzip", "GZIP", " gzip ")),
    ],
)
def test_a_body_is_read_in_its_encoding(encoding: str, sent: bytes) -> None:
    assert read_chunks(sent[:10], b"", sent[10:], encoding=encoding).plain == TEXT


@pytest.mark.parametrize("size", [1, 25, 10_000])
def test_a_gzipped_body_may_consist_of_several_members(size: int) -> None:
    members = gzip.compress(b"one, ") + EMPTY_MEMBER + gzip.compress(b"two, ") + gzip.compress(b"three")
    body = read_chunks(*in_pieces(members, size), encoding="gzip")
    assert body.plain == b"one, two, three"
    assert decompressed(body.compressed) == b"one, two, three"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        *(
            pytest.param(data, "ends too early", id="cut")
            for data in (GZIPPED[:5], GZIPPED[:-3], GZIPPED + GZIPPED[:30])
        ),
        pytest.param(b"<html>Not gzip, whatever the header says</html>", "not valid gzip", id="not gzip"),
        pytest.param(GZIPPED[:-8] + b"\0\0\0\0" + GZIPPED[-4:], "not valid gzip", id="wrong checksum"),
        pytest.param(GZIPPED[:-4] + b"\0\0\0\0", "not valid gzip", id="wrong length"),
        pytest.param(GZIPPED + b"something else that follows", "not valid gzip", id="something follows"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000], ids=["byte by byte", "at once"])
def test_a_gzipped_body_that_is_not_right_is_an_invalid_response(data: bytes, problem: str, size: int) -> None:
    reason, message = error_of(Arriving(in_pieces(data, size)), "gzip")
    assert reason is Reason.INVALID_RESPONSE
    assert problem in message


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "\x1b[31m" * 50])
def test_an_encoding_that_was_not_asked_for_is_an_invalid_response(encoding: str) -> None:
    reason, message = error_of(Arriving([b"anything"]), encoding)
    assert reason is Reason.INVALID_RESPONSE
    assert repr(encoding[:40]) in message
    assert message.isprintable()


@pytest.mark.parametrize(("compress", "encoding"), [(bytes, ""), (lambda text: gzip.compress(text, 1), "gzip")])
def test_a_body_of_exactly_the_limit_is_read_and_a_byte_more_is_too_large(
    compress: Callable[[bytes], bytes], encoding: str
) -> None:
    assert read_chunks(compress(bytes(SMALL)), encoding=encoding).plain == bytes(SMALL)
    error = error_of(Arriving([compress(bytes(SMALL + 1))]), encoding)
    assert error == (Reason.TOO_LARGE, "a page is larger than 1 MiB; lower per_page")


EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * (SMALL // 40)  # stored blocks without content


@pytest.mark.parametrize(
    ("chunks", "taken"),
    [
        pytest.param(repeat(gzip.compress(bytes(SMALL // 4), 1)), 5, id="a bomb of small members"),
        pytest.param(chain([EMPTY_MEMBER[:10]], repeat(EMPTY_BLOCKS)), 11, id="without any content"),
    ],
)
def test_what_is_too_large_is_stopped_while_it_streams_in(chunks: Iterable[bytes], taken: int) -> None:
    arriving = Arriving(chunks)
    assert error_of(arriving, "gzip")[0] is Reason.TOO_LARGE
    assert arriving.taken <= taken


def test_a_bomb_in_one_chunk_is_not_inflated_as_a_whole() -> None:
    bomb = gzip.compress(bytes(8 * SMALL), 1)
    tracemalloc.start()
    try:
        assert error_of(Arriving([bomb]), "gzip")[0] is Reason.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * SMALL


def test_an_answer_is_recognized_whenever_it_was_compressed() -> None:
    one, later = (read_chunks(gzip.compress(TEXT, mtime=moment), encoding="gzip") for moment in (1, 2**31))
    assert one.compressed != later.compressed
    assert one.digest == later.digest
    for place in (0, 3, 8, 20, -1):
        other = bytearray(one.compressed)
        other[place] ^= 1
        assert Body(TEXT, bytes(other)).digest != one.digest


@given(plain=st.binary(), size=st.integers(1, 50))
def test_any_body_is_read_and_held(plain: bytes, size: int) -> None:
    for data, encoding in ((plain, ""), (gzip.compress(plain), "gzip")):
        body = read_chunks(*in_pieces(data, size), encoding=encoding)
        assert body.plain == plain
        assert decompressed(body.compressed) == plain
        assert not encoding or body.compressed == data
