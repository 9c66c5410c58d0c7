"""How an answer's body is read: decompressed while it streams in, and stopped once it is too large."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.body import LIMIT, Body, decompressed, read
from exporter.api.errors import ApiError, Reason

TEXT = b'{"success": true}' * 50
GZIPPED = gzip.compress(TEXT)
EMPTY_MEMBER = gzip.compress(b"")


class Arriving:
    """Chunks as they arrive from a network, counted as they are taken."""

    def __init__(self, chunks: Sequence[bytes] | Iterator[bytes]) -> None:
        self._chunks = iter(chunks)
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def read_chunks(*chunks: bytes, encoding: str = "") -> Body:
    return asyncio.run(read(aiter(Arriving(chunks)), encoding))


def error_of(arriving: Arriving, encoding: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        asyncio.run(read(aiter(arriving), encoding))
    return caught.value


def body_or_error(chunks: Sequence[bytes], encoding: str) -> Body | ApiError:
    try:
        return read_chunks(*chunks, encoding=encoding)
    except ApiError as error:
        return error


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_is_read_as_it_comes(encoding: str) -> None:
    assert read_chunks(TEXT[:10], b"", TEXT[10:], encoding=encoding).plain == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_a_gzipped_body_is_decompressed(encoding: str) -> None:
    assert read_chunks(GZIPPED, encoding=encoding).plain == TEXT


@pytest.mark.parametrize("size", [1, 25, 10_000])
def test_a_gzipped_body_may_consist_of_several_members(size: int) -> None:
    members = gzip.compress(b"one, ") + EMPTY_MEMBER + gzip.compress(b"two, ") + gzip.compress(b"three")
    body = read_chunks(*in_pieces(members, size), encoding="gzip")
    assert body.plain == b"one, two, three"
    assert decompressed(body.compressed) == b"one, two, three"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "ends too early", id="nothing at all"),
        pytest.param(GZIPPED[:5], "ends too early", id="cut in the header"),
        pytest.param(GZIPPED[:30], "ends too early", id="cut in the data"),
        pytest.param(GZIPPED[:-3], "ends too early", id="cut in the trailer"),
        pytest.param(GZIPPED + GZIPPED[:30], "ends too early", id="cut in the second member"),
        pytest.param(b"<html>Not gzip, whatever the header says</html>", "not valid gzip", id="not gzip"),
        pytest.param(zlib.compress(TEXT), "not valid gzip", id="zlib"),
        pytest.param(GZIPPED[:-8] + b"\0\0\0\0" + GZIPPED[-4:], "not valid gzip", id="wrong checksum"),
        pytest.param(GZIPPED[:-4] + b"\0\0\0\0", "not valid gzip", id="wrong length"),
        pytest.param(GZIPPED + b"something else that follows", "not valid gzip", id="something follows"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000], ids=["byte by byte", "at once"])
def test_a_gzipped_body_that_is_not_right_is_an_invalid_response(data: bytes, problem: str, size: int) -> None:
    error = error_of(Arriving(in_pieces(data, size)), "gzip")
    assert error.reason is Reason.INVALID_RESPONSE
    assert problem in str(error)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "\x1b[31m" * 50])
def test_an_encoding_that_was_not_asked_for_is_an_invalid_response(encoding: str) -> None:
    error = error_of(Arriving([b"anything"]), encoding)
    assert error.reason is Reason.INVALID_RESPONSE
    assert repr(encoding[:40]) in str(error)
    assert str(error).isprintable()


class TestTheLimit:
    @pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
    def test_a_body_of_exactly_the_limit_is_read(self, gzipped: bool) -> None:  # noqa: FBT001 - parametrised
        plain = bytes(LIMIT)
        chunk, encoding = (gzip.compress(plain, 1), "gzip") if gzipped else (plain, "")
        assert read_chunks(chunk, encoding=encoding).plain == plain

    @pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
    def test_a_byte_more_is_too_large(self, gzipped: bool) -> None:  # noqa: FBT001 - parametrised
        plain = bytes(LIMIT + 1)
        chunk, encoding = (gzip.compress(plain, 1), "gzip") if gzipped else (plain, "")
        error = error_of(Arriving([chunk]), encoding)
        assert error.reason is Reason.TOO_LARGE
        assert str(error) == "a page is larger than 16 MiB; lower per_page"

    def test_a_bomb_is_stopped_while_it_streams_in(self) -> None:
        compressed = gzip.compress(bytes(4 * LIMIT), 1)
        chunks = in_pieces(compressed, 1024)
        bomb = Arriving(chunks)
        assert error_of(bomb, "gzip").reason is Reason.TOO_LARGE
        assert len(compressed) < LIMIT / 50
        assert bomb.taken <= len(chunks) / 4 + 1

    def test_a_bomb_of_many_small_members_is_stopped_too(self) -> None:
        member = gzip.compress(bytes(LIMIT // 4), 1)
        bomb = Arriving([member] * 100)
        assert error_of(bomb, "gzip").reason is Reason.TOO_LARGE
        assert bomb.taken == 5

    def test_a_bomb_in_one_chunk_is_not_inflated_as_a_whole(self) -> None:
        bomb = gzip.compress(bytes(8 * LIMIT), 1)
        tracemalloc.start()
        try:
            assert error_of(Arriving([bomb]), "gzip").reason is Reason.TOO_LARGE
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 4 * LIMIT

    def test_an_endless_plain_body_is_stopped(self) -> None:
        endless = Arriving(bytes(LIMIT // 4) for _ in iter(int, 1))
        assert error_of(endless, "").reason is Reason.TOO_LARGE
        assert endless.taken == 5

    def test_endless_compressed_data_that_yields_nothing_is_stopped(self) -> None:
        empty_blocks = b"\x00\x00\x00\xff\xff" * (LIMIT // 40)  # stored blocks without content
        endless = Arriving(data for data in [gzip.compress(b"")[:10], *[empty_blocks] * 100])
        assert error_of(endless, "gzip").reason is Reason.TOO_LARGE
        assert endless.taken < 12


class TestTheHeldBody:
    def test_of_a_gzipped_answer_is_what_came(self) -> None:
        assert read_chunks(*in_pieces(GZIPPED, 20), encoding="gzip").compressed == GZIPPED

    @pytest.mark.parametrize("encoding", ["", "gzip"])
    def test_is_smaller(self, encoding: str) -> None:
        assert len(read_chunks(GZIPPED if encoding else TEXT, encoding=encoding).compressed) < len(TEXT) / 10

    def test_is_recognized_whenever_the_server_compressed_it(self) -> None:
        one, other = (read_chunks(gzip.compress(TEXT, mtime=moment), encoding="gzip") for moment in (1, 2**31))
        assert one.compressed != other.compressed
        assert one.digest == other.digest

    @pytest.mark.parametrize("at", [0, 3, 8, 20, -1])
    def test_is_not_taken_for_another(self, at: int) -> None:
        other = bytearray(GZIPPED)
        other[at] ^= 1
        assert Body(TEXT, bytes(other)).digest != Body(TEXT, GZIPPED).digest


@given(plain=st.binary(), size=st.integers(1, 50))
def test_any_body_is_read_and_held(plain: bytes, size: int) -> None:
    for data, encoding in ((plain, ""), (gzip.compress(plain), "gzip")):
        body = read_chunks(*in_pieces(data, size), encoding=encoding)
        assert body.plain == plain
        assert decompressed(body.compressed) == plain


@given(data=st.binary() | st.binary().map(lambda end: GZIPPED[:12] + end), size=st.integers(1, 50))
def test_any_bytes_that_claim_to_be_gzip_are_a_body_or_an_error(data: bytes, size: int) -> None:
    found = body_or_error(in_pieces(data, size), "gzip")
    assert isinstance(found, Body) or found.reason is Reason.INVALID_RESPONSE
