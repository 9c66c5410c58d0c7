"""How an answer is read: its body while it streams in, then a page's envelope. Whatever comes is a page or an error."""

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import chain, cycle, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import page, row

from exporter.api.body import Body, read
from exporter.api.errors import ApiError, Reason
from exporter.api.wire import Number, Pagination, decode_page
from exporter.trunks.items import read_trunks

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


def body_error(arriving: Arriving, encoding: str) -> tuple[Reason, str]:
    with pytest.raises(ApiError) as caught:
        asyncio.run(read(aiter(arriving), encoding, SMALL))
    return caught.value.reason, str(caught.value)


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("encoding", ["", "identity", " Identity ", "gzip", "x-gzip", "GZIP", " gzip "])
def test_a_body_is_read_in_its_encoding(encoding: str) -> None:
    sent = GZIPPED if "gzip" in encoding.lower() else TEXT
    assert read_chunks(sent[:10], b"", sent[10:], encoding=encoding).plain == TEXT


@pytest.mark.parametrize("size", [1, 25, 10_000])
def test_a_gzipped_body_may_consist_of_several_members(size: int) -> None:
    members = gzip.compress(b"one, ") + EMPTY_MEMBER + gzip.compress(b"two, ") + gzip.compress(b"three")
    body = read_chunks(*in_pieces(members, size), encoding="gzip")
    assert body.plain == b"one, two, three"
    assert gzip.decompress(body.compressed) == b"one, two, three"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        *((cut, "ends too early") for cut in (GZIPPED[:5], GZIPPED[:-3], GZIPPED + GZIPPED[:30])),
        pytest.param(b"<html>Not gzip, whatever the header says</html>", "not valid gzip", id="not gzip"),
        pytest.param(GZIPPED[:-8] + b"\0\0\0\0" + GZIPPED[-4:], "not valid gzip", id="wrong checksum"),
        pytest.param(GZIPPED[:-4] + b"\0\0\0\0", "not valid gzip", id="wrong length"),
        pytest.param(GZIPPED + b"something else that follows", "not valid gzip", id="something follows"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000], ids=["byte by byte", "at once"])
def test_a_gzipped_body_that_is_not_right_is_an_invalid_response(data: bytes, problem: str, size: int) -> None:
    reason, message = body_error(Arriving(in_pieces(data, size)), "gzip")
    assert reason is Reason.INVALID_RESPONSE
    assert problem in message


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "\x1b[31m" * 50])
def test_an_encoding_that_was_not_asked_for_is_an_invalid_response(encoding: str) -> None:
    reason, message = body_error(Arriving([b"anything"]), encoding)
    assert reason is Reason.INVALID_RESPONSE
    assert repr(encoding[:40]) in message
    assert message.isprintable()


@pytest.mark.parametrize(("compress", "encoding"), [(bytes, ""), (lambda text: gzip.compress(text, 1), "gzip")])
def test_a_body_of_exactly_the_limit_is_read_and_a_byte_more_is_too_large(
    compress: Callable[[bytes], bytes], encoding: str
) -> None:
    assert read_chunks(compress(bytes(SMALL)), encoding=encoding).plain == bytes(SMALL)
    error = body_error(Arriving([compress(bytes(SMALL + 1))]), encoding)
    assert error == (Reason.TOO_LARGE, "a page is larger than 1 MiB; lower per_page")


EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * (SMALL // 40)  # stored blocks without content


@pytest.mark.parametrize(
    ("chunks", "taken"),
    [
        pytest.param(repeat(gzip.compress(bytes(SMALL // 4), 1)), 5, id="a bomb of small members"),
        pytest.param(chain([EMPTY_MEMBER[:10]], repeat(EMPTY_BLOCKS)), 11, id="without any content"),
        pytest.param(chain([EMPTY_MEMBER[:10]], map(bytes, cycle(zip(EMPTY_BLOCKS[:5])))), 2**12 + 1, id="in bytes"),
    ],
)
def test_what_is_too_large_is_stopped_while_it_streams_in(chunks: Iterable[bytes], taken: int) -> None:
    arriving = Arriving(chunks)
    assert body_error(arriving, "gzip")[0] is Reason.TOO_LARGE
    assert arriving.taken <= taken


def test_a_bomb_in_one_chunk_is_not_inflated_as_a_whole() -> None:
    bomb = gzip.compress(bytes(8 * SMALL), 1)
    tracemalloc.start()
    try:
        assert body_error(Arriving([bomb]), "gzip")[0] is Reason.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * SMALL


@given(plain=st.binary(), size=st.integers(1, 50))
def test_any_body_is_read_and_held(plain: bytes, size: int) -> None:
    for data, encoding in ((plain, ""), (gzip.compress(plain), "gzip")):
        body = read_chunks(*in_pieces(data, size), encoding=encoding)
        assert body.plain == plain
        assert gzip.decompress(body.compressed) == plain
        assert not encoding or body.compressed == data


def envelope(items: bytes = b"[]", pagination: bytes = b"{}") -> bytes:
    return b'{"success": true, "data": {"items": ' + items + b', "pagination": ' + pagination + b"}}"


def error_of(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        decode_page(body)
    assert str(caught.value).isprintable()
    return caught.value


class TestADocumentedPage:
    def test_has_rows_and_a_position(self) -> None:
        rows = [row(0), row(1)]
        items, pagination = decode_page(page(rows, 3, total=137))
        assert [json.loads(item) for item in items] == rows
        assert pagination == Pagination(Number(3), Number(25), Number(137), Number(6), has_more=True)

    @pytest.mark.parametrize(
        "body",
        [
            *(b'{%b"data": {"items": [], "pagination": {}}}' % said for said in (b"", b'"success": true, ')),
            b'{"success": null, "data": {"items": [], "pagination": {"from": -1, "to": {"no": "number"}}}}',
            b'{"data": {"items": [], "pagination": {"cursor": {}}, "links": []}, "meta": {"took": 1}}',
        ],
    )
    def test_may_be_empty_say_nothing_and_more_than_is_documented(self, body: bytes) -> None:
        assert decode_page(body) == ([], Pagination())


NUMBERS = ("current_page", "per_page", "total", "last_page")
NO_NUMBERS = ["-1", '"-1"', "1.5", '"1.5"', '"many"', '""', '"٣"', '"\\u001b[31m"', "true", "[]", "{}", "NaN", "1e999"]


class TestThePagination:
    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize(
        ("value", "number"), [("7", 7), ('"7"', 7), ('" 7 "', 7), ('"007"', 7), ("0", 0), ("7.0", 7), ("null", None)]
    )
    def test_numbers_may_come_as_texts(self, name: str, value: str, number: int | None) -> None:
        _, pagination = decode_page(envelope(pagination=f'{{"{name}": {value}}}'.encode()))
        assert getattr(pagination, name) == number

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("value", [*NO_NUMBERS, "9" * 5_000, f'"{"9" * 5_000}"'], ids=lambda value: value[:12])
    def test_what_is_not_a_whole_number_is_an_invalid_response(self, name: str, value: str) -> None:
        error = error_of(envelope(pagination=f'{{"{name}": {value}}}'.encode()))
        assert error.reason is Reason.INVALID_RESPONSE
        assert f"pagination.{name}" in str(error)
        assert len(str(error)) < 250

    def test_tells_whether_there_is_more(self) -> None:
        for value in (True, False, None):
            assert decode_page(page([], total=0, has_more=value))[1].has_more is value


SUCCESS_FALSE = b'{"success": false, "message": "Out of order"'


@pytest.mark.parametrize(
    "body",
    [
        *(SUCCESS_FALSE + rest for rest in (b"}", b', "data": []}', b', "data": {"items": [], "pagination": {}}}')),
        b'{"success": false, "data": {"error": {"message": "Out of order"}}}',
        b"\xef\xbb\xbf" + SUCCESS_FALSE + b"}",
        pytest.param(SUCCESS_FALSE + b', "data": {"items": {}}}' + b" " * 3 * 2**20, id="too long to be repaired"),
    ],
)
def test_a_failure_that_is_answered_200_is_an_api_error(body: bytes) -> None:
    error = error_of(body)
    assert error.reason is Reason.API_ERROR
    assert str(error) == "HTTP 200 with success: false (Out of order); if it lasts, ask the vendor"
    assert str(error_of(b'{"success": false}')) == "HTTP 200 with success: false; if it lasts, ask the vendor"


# tests/faults has more of what is sent in the place of a page.
@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b" \r\n", "not JSON: it is empty"),
        (b"\xef\xbb\xbf", "not JSON: it is empty"),
        (page([row()], total=1) + b"}", 'not JSON: it begins with \'{"success"'),
        (b"\x1f\x8b\x08\x00", "not JSON: it begins with"),
        (b"null", "not the documented JSON: Expected `object`, got `null`"),
        (b'{"success": true}', "not the documented JSON: Object missing required field `data`"),
        (b'{"data": {"items": []}}', "not the documented JSON: Object missing required field `pagination`"),
        (envelope(pagination=b"[]"), "not the documented JSON: Expected `object`, got `array`"),
        (b'{"success": 0, "data": {}}', "not the documented JSON: Expected `bool | null`"),
    ],
)
def test_what_is_no_page_is_an_invalid_response(body: bytes, seen: str) -> None:
    error = error_of(body)
    assert error.reason is Reason.INVALID_RESPONSE
    assert error.seen.startswith(f"the answer is {seen}")


class TestWhatIsNearlyRight:
    """One bad character costs no page."""

    def test_a_page_that_is_too_long_to_repair_is_invalid_and_one_of_a_million_values_too_large(self) -> None:
        padding = b'"%b"' % (b"x" * 3_000_000)
        assert len(decode_page(envelope(b"[%b]" % padding))[0]) == 1
        assert error_of(envelope(b"[%b, NaN]" % padding)).reason is Reason.INVALID_RESPONSE
        assert error_of(envelope(b"[%b1]" % (b"1," * 2**20))).reason is Reason.TOO_LARGE

    @pytest.mark.parametrize("number", ["NaN", "-1e999", "9" * 400, "9" * 5_000])
    def test_a_number_out_of_range_costs_its_field(self, number: str) -> None:
        items = f'[{{"number": "+39", "billing": {{"monthly_fee": {number}, "currency": "EUR"}}}}]'
        (trunk,) = read_trunks(decode_page(envelope(items.encode()))[0])
        assert trunk is not None
        assert (trunk.number, trunk.monthly_fee, trunk.currency) == ("+39", None, "EUR")
        assert trunk.invalid == ("billing.monthly_fee",)


NESTED = b'[{"a":' * 200_000 + b"1" + b"}]" * 200_000  # Python 3.14 is bounded by the stack alone


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(envelope(b"[%s]") % NESTED, id="row"),
        pytest.param(envelope(b'[{"number": 1, "compliance": {"requirements": %s}}]') % NESTED, id="documented field"),
        pytest.param(envelope(b'[{"channel_limit": NaN, "unheard_of": %s}]') % NESTED, id="row that is not quite JSON"),
        pytest.param(envelope(pagination=b'{"unheard_of": %s}') % NESTED, id="pagination"),
    ],
)
def test_a_page_that_is_nested_far_too_deep_is_an_invalid_response(body: bytes, mark: bytes) -> None:
    assert error_of(mark + body).reason is Reason.INVALID_RESPONSE
