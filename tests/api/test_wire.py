"""How a page's envelope is decoded; whatever comes is a page or an error."""

import json

import pytest
from support.trunks import page, row

from exporter.api.errors import ApiError, Reason
from exporter.api.wire import Billing, Item, Number, Position, decode_page, read_items


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
        page_ = decode_page(page(rows, 3, total=137))
        assert [json.loads(item) for item in page_.items] == rows
        assert page_.position == Position(Number(3), Number(25), Number(137), Number(6), has_more=True)

    @pytest.mark.parametrize(
        "body",
        [
            *(b'{%b"data": {"items": [], "pagination": {}}}' % said for said in (b"", b'"success": true, ')),
            b'{"success": null, "data": {"items": [], "pagination": {"from": -1, "to": {"no": "number"}}}}',
            b'{"data": {"items": [], "pagination": {"cursor": {}}, "links": []}, "meta": {"took": 1}}',
        ],
    )
    def test_may_be_empty_say_nothing_and_more_than_is_documented(self, body: bytes) -> None:
        page_ = decode_page(body)
        assert (page_.items, page_.position) == ([], Position())


NUMBERS = ("current_page", "per_page", "total", "last_page")
NO_NUMBERS = ["-1", '"-1"', "1.5", '"1.5"', '"many"', '""', '"٣"', '"\\u001b[31m"', "true", "[]", "{}", "NaN", "1e999"]


class TestThePagination:
    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize(
        ("value", "number"), [("7", 7), ('"7"', 7), ('" 7 "', 7), ('"007"', 7), ("0", 0), ("7.0", 7), ("null", None)]
    )
    def test_numbers_may_come_as_texts(self, name: str, value: str, number: int | None) -> None:
        position = decode_page(envelope(pagination=f'{{"{name}": {value}}}'.encode())).position
        assert getattr(position, name) == number

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("value", [*NO_NUMBERS, "9" * 5_000, f'"{"9" * 5_000}"'], ids=lambda value: value[:12])
    def test_what_is_not_a_whole_number_is_an_invalid_response(self, name: str, value: str) -> None:
        error = error_of(envelope(pagination=f'{{"{name}": {value}}}'.encode()))
        assert error.reason is Reason.INVALID_RESPONSE
        assert f"pagination.{name}" in str(error)
        assert len(str(error)) < 250

    @pytest.mark.parametrize("value", [True, False, None])
    def test_tells_whether_there_is_more(self, value: bool | None) -> None:  # noqa: FBT001 - what the API sends
        assert decode_page(page([], total=0, has_more=value)).position.has_more is value


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

    def test_a_page_that_is_too_long_to_repair_is_invalid(self) -> None:
        padding = b'"%b"' % (b"x" * 3_000_000)
        assert len(decode_page(envelope(b"[%b]" % padding)).items) == 1
        assert error_of(envelope(b"[%b, NaN]" % padding)).reason is Reason.INVALID_RESPONSE

    @pytest.mark.parametrize("number", ["NaN", "-1e999", "9" * 400, "9" * 5_000])
    def test_a_number_out_of_range_costs_its_field(self, number: str) -> None:
        items = f'[{{"number": "+39", "billing": {{"monthly_fee": {number}, "currency": "EUR"}}}}]'
        item = Item(number="+39", billing=Billing(monthly_fee=None, currency="EUR"))
        assert read_items(decode_page(envelope(items.encode())).items) == [(item, ("billing.monthly_fee",))]


NESTED = b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000


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
