"""What tells the rows of the list from one another."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import bindings, bound, row

from exporter.trunks.row import ReadRow, Row, Rows, distinct, read_rows, repeats, row_text, siblings

CALL, SMS, WHATSAPP = 1, 2, 4


def read(*documents: object) -> list[ReadRow]:
    return read_rows([row_text(json.dumps(document).encode()) for document in documents])


def a_row(key: str = "a", channels: int = CALL, content: int = 0) -> Row:
    return Row(key, channels, content)


class TestWithoutItsUpdate:
    """What a row says beside ``updated_at`` is told by a hash of its JSON without it."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param('{"number":"+39","updated_at":"A"}', '{"number":"+39","updated_at":"B"}', id="at the end"),
            pytest.param('{"updated_at":"A","number":"+39"}', '{"updated_at":"B","number":"+39"}', id="in front"),
            pytest.param('{"updated_at" : "A"}', '{"updated_at" : "A"}', id="the same"),
            pytest.param('{"updated_at":  "A"}', '{"updated_at":"B"}', id="spaces"),
        ],
    )
    def test_stays_the_same(self, one: str, other: str) -> None:
        assert row_text(one.encode()).lasting == row_text(other.encode()).lasting

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param('{"number":"+39","updated_at":"A"}', '{"number":"+40","updated_at":"A"}', id="a number"),
            pytest.param('{"updated_at":"A"}', '{"updated_at":null}', id="a time that is gone"),
            pytest.param('{"updated_at":null}', '{"updated_at":0}', id="no times"),
            pytest.param('{"updated_at":"A"}', '{"purchased_at":"A"}', id="another time"),
            pytest.param('{"updated_at":"A"}', "{}", id="no key"),
            pytest.param('{"updated_at":"A","status":"x"}', '{"status":"x","updated_at":"A"}', id="another place"),
            pytest.param(
                r'{"location":"\"updated_at\":\"A\""}', r'{"location":"\"updated_at\":\"B\""}', id="inside a text"
            ),
        ],
    )
    def test_is_not_taken_for_something_else(self, one: str, other: str) -> None:
        assert row_text(one.encode()).lasting != row_text(other.encode()).lasting

    @pytest.mark.parametrize("time", ["A", "", 'with \\" in it'])
    def test_does_not_hide_that_the_row_changed(self, time: str) -> None:
        one, other = (row_text(json.dumps({"updated_at": value}).encode()) for value in (time, f"{time}!"))
        assert one.content != other.content


class TestReading:
    def test_gives_every_row_in_its_order(self) -> None:
        found = read(row(0), row(1), row(2))
        assert [read_.trunk and read_.trunk.number for read_ in found] == [row(index)["number"] for index in range(3)]
        assert all(read_.row.is_trunk for read_ in found)

    def test_of_an_empty_page_gives_none(self) -> None:
        assert read() == []

    @pytest.mark.parametrize(
        ("document", "key"),
        [
            ({"phone_number_uuid": "u-1", "number": "+39"}, "u-1"),
            ({"phone_number_uuid": None, "number": "+39"}, "+39"),
            ({"phone_number_uuid": "u-1"}, "u-1"),
        ],
        ids=["uuid", "number", "uuid alone"],
    )
    def test_tells_which_trunk_a_row_is_about(self, document: object, key: str) -> None:
        (found,) = read(document)
        assert found.row.key == key

    @pytest.mark.parametrize(
        ("channels", "bits"),
        [
            pytest.param(bindings(), 0, id="none"),
            pytest.param(bindings(call=bound("Ada")), CALL, id="call"),
            pytest.param(bindings(sms=bound("Ada")), SMS, id="sms"),
            pytest.param(bindings(whatsapp=bound("Ada")), WHATSAPP, id="whatsapp"),
            pytest.param(bindings(call=bound("Ada"), whatsapp=bound("Ada")), CALL | WHATSAPP, id="two"),
            pytest.param(bindings(call={"bound": 7}), 0, id="unreadable"),
            pytest.param({"call": {}}, 0, id="left out"),
        ],
    )
    def test_tells_on_which_channels_a_row_is_bound(self, channels: object, bits: int) -> None:
        (found,) = read(row(bindings=channels))
        assert found.row.channels == bits

    def test_tells_rows_of_the_same_content(self) -> None:
        first, same, other = read(row(), row(), row(location="Rome"))
        assert first.row == same.row
        assert first.row.key == other.row.key
        assert first.row.content != other.row.content

    def test_reports_what_could_not_be_read(self) -> None:
        (found,) = read(row(location=7, billing={"monthly_fee": "free"}))
        assert found.invalid_fields == ("location", "billing.monthly_fee")
        assert found.trunk is not None

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(None, id="null"),
            pytest.param(7, id="number"),
            pytest.param("row", id="text"),
            pytest.param([], id="list"),
            pytest.param({}, id="empty object"),
            pytest.param(row(phone_number_uuid=None, number=None), id="neither uuid nor number"),
            pytest.param(row(phone_number_uuid="x" * 129), id="uuid too long"),
            pytest.param(row(phone_number_uuid=None, number=39), id="number of the wrong type"),
        ],
    )
    def test_finds_rows_that_are_about_no_trunk(self, document: object) -> None:
        invalid, valid = read(document, row())
        assert invalid.trunk is None
        assert invalid.invalid_fields == ()
        assert not invalid.row.is_trunk
        assert valid.row.is_trunk

    def test_tells_rows_that_are_about_no_trunk_by_their_content(self) -> None:
        first, same, other = read(None, None, 7)
        assert first.row == same.row
        assert first.row.key != other.row.key

    def test_never_takes_a_trunk_for_none(self) -> None:
        (found,) = read(row(phone_number_uuid="\0" + "1"))
        assert found.row.is_trunk


class TestSiblings:
    @pytest.mark.parametrize(
        ("one", "other", "are"),
        [
            pytest.param(CALL, WHATSAPP, True, id="different channels"),
            pytest.param(CALL | SMS, WHATSAPP, True, id="more different channels"),
            pytest.param(CALL, CALL, False, id="the same channel"),
            pytest.param(CALL | WHATSAPP, WHATSAPP, False, id="a channel in common"),
            pytest.param(CALL, 0, False, id="one of no channel"),
            pytest.param(0, 0, False, id="both of no channel"),
        ],
    )
    def test_stand_for_different_channels(self, one: int, other: int, are: bool) -> None:  # noqa: FBT001 - parametrised
        assert siblings(a_row(channels=one), a_row(channels=other)) is are
        assert siblings(a_row(channels=other), a_row(channels=one)) is are


LISTS = [
    pytest.param([], [], id="no rows"),
    pytest.param([a_row("a"), a_row("b")], [0, 1], id="two trunks"),
    pytest.param([a_row(), a_row()], [0], id="the same row twice"),
    pytest.param([a_row(content=1), a_row(content=2)], [0], id="the same row, changed in between"),
    pytest.param([a_row(channels=CALL), a_row(channels=WHATSAPP)], [0, 1], id="siblings"),
    pytest.param(
        [a_row(channels=CALL), a_row(channels=WHATSAPP), a_row(channels=CALL)], [0, 1], id="siblings, one twice"
    ),
    pytest.param([a_row(channels=0), a_row(channels=CALL)], [0], id="the same row, bound in between"),
    pytest.param([a_row(channels=CALL), a_row(channels=SMS), a_row(channels=WHATSAPP)], [0, 1, 2], id="three siblings"),
    pytest.param(
        [a_row(channels=CALL), a_row(channels=SMS), a_row(channels=CALL | WHATSAPP)], [0, 1], id="not a sibling of all"
    ),
    pytest.param([a_row("a"), a_row("b"), a_row("a"), a_row("c"), a_row("b")], [0, 1, 3], id="repeats in between"),
]


@pytest.mark.parametrize(("rows", "left"), LISTS)
def test_of_the_same_row_the_first_is_left(rows: list[Row], left: list[int]) -> None:
    assert distinct(rows) == left


@pytest.mark.parametrize(("rows", "left"), LISTS)
def test_all_are_distinct_where_all_are_left(rows: list[Row], left: list[int]) -> None:
    assert (repeats(rows) == {}) is (len(left) == len(rows))


ANY_ROWS = st.lists(st.builds(Row, st.sampled_from("abc"), st.integers(0, 7), st.integers(0, 2)), max_size=12)


@given(ANY_ROWS)
def test_both_ways_of_asking_agree(rows: list[Row]) -> None:
    left = distinct(rows)
    assert all(one < other for one, other in pairwise(left))
    assert repeats([rows[position] for position in left]) == {}
    assert (repeats(rows) == {}) is (len(left) == len(rows))
    assert {rows[position].key for position in left} == {row_.key for row_ in rows}


@given(st.lists(st.builds(Row, st.text(max_size=5), st.integers(0, 7), st.integers(-(2**63), 2**63 - 1))))
def test_rows_give_back_what_they_were_made_of(rows: list[Row]) -> None:
    packed = Rows(rows)
    assert list(packed) == rows
    assert [packed[index] for index in range(len(packed))] == rows
