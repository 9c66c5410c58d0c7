"""What a poll knows of a row before the list is known to be whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleets import FLEETS
from support.trunks import bindings, bound, row

from exporter.api.wire import read_item
from exporter.trunks.rows import Row, are_siblings, by_trunk, digits, names_trunk, rows_of
from exporter.trunks.trunk import trunk_from

CALL, SMS, WHATSAPP = 1, 2, 4


def read(*documents: object) -> tuple[Row, ...]:
    return rows_of([json.dumps(document).encode() for document in documents], {})


def a_row(key: str = "a", channels: int = CALL, content: int = 0) -> Row:
    return Row(key, "39", channels, states_bindings=True, digest=content.to_bytes(16, "big"))


class TestReading:
    def test_gives_every_row_in_its_order(self) -> None:
        found = read(row(0), row(1), row(2))
        assert [f"+{read_.number}" for read_ in found] == [row(index)["number"] for index in range(3)]
        assert all(names_trunk(read_.key) for read_ in found)

    def test_of_an_empty_page_gives_none(self) -> None:
        assert read() == ()

    @pytest.mark.parametrize(
        ("channels", "bits", "states"),
        [
            pytest.param(bindings(), 0, True, id="none"),
            pytest.param(bindings(call=bound("Ada")), CALL, True, id="call"),
            pytest.param(bindings(sms=bound("Ada")), SMS, True, id="sms"),
            pytest.param(bindings(whatsapp=bound("Ada")), WHATSAPP, True, id="whatsapp"),
            pytest.param(bindings(call=bound("Ada"), whatsapp=bound("Ada")), CALL | WHATSAPP, True, id="two"),
            pytest.param({"call": {"bound": 7}}, 0, True, id="unreadable"),
            pytest.param({"call": "bound"}, 0, True, id="a channel unreadable"),
            pytest.param("bound", 0, True, id="all unreadable"),
            pytest.param({"call": {}}, 0, False, id="left out"),
            pytest.param({"call": {"bound": None, "agent_uuid": "a"}, "sms": None}, 0, False, id="null"),
            pytest.param({}, 0, False, id="no channel"),
            pytest.param([], 0, False, id="empty, as PHP sends it"),
            pytest.param(None, 0, False, id="no bindings"),
        ],
    )
    def test_tells_on_which_channels_a_row_is_bound(self, channels: object, bits: int, *, states: bool) -> None:
        for other_field in ({}, {"location": 7}, {"number": 7}):  # each page may need to be read field by field
            (found,) = read(row(bindings=channels, **other_field))
            assert (found.channels, found.states_bindings) == (bits, states)

    def test_tells_rows_by_their_content(self) -> None:
        first, same, other = read(row(), row(), row(location="Rome"))
        assert first == same
        assert first.key == other.key
        assert first.digest != other.digest

    def test_tells_rows_that_are_about_no_trunk_by_their_content(self) -> None:
        first, same, other = read(None, None, 7)
        assert first == same
        assert first.key != other.key

    def test_never_takes_a_trunk_for_none(self) -> None:
        (found,) = read(row(phone_number_uuid="\0" + "1"))
        assert names_trunk(found.key)

    @given(FLEETS)
    def test_agrees_with_what_is_read_once_the_list_is_whole(self, documents: list[object]) -> None:
        for document, found in zip(documents, read(*documents), strict=True):
            item = read_item(json.dumps(document).encode())
            trunk = item and trunk_from(item[0])
            assert names_trunk(found.key) == (trunk is not None)
            if trunk is not None:
                assert (found.key, found.number) == (trunk.key, digits(trunk.number))
                assert [bool(found.channels & bit) for bit in (1, 2, 4)] == [state is True for state in trunk.bound]


@pytest.mark.parametrize(
    ("number", "expected"),
    [("+12084439178", "12084439178"), ("12084439178", "12084439178"), ("+1 (208) 443-91", "120844391"), ("", "")],
)
def test_numbers_are_compared_by_their_digits(number: str, expected: str) -> None:
    assert digits(number) == expected


class TestSiblings:
    @pytest.mark.parametrize(
        ("channels", "are"),
        [
            pytest.param([CALL, WHATSAPP], True, id="different channels"),
            pytest.param([CALL | SMS, WHATSAPP], True, id="more different channels"),
            pytest.param([CALL, SMS, WHATSAPP], True, id="three"),
            pytest.param([CALL, CALL], False, id="the same channel"),
            pytest.param([CALL | WHATSAPP, WHATSAPP], False, id="a channel in common"),
            pytest.param([CALL, 0], False, id="one of no channel"),
            pytest.param([0, 0], False, id="both of no channel"),
        ],
    )
    def test_stand_for_different_channels(self, channels: list[int], *, are: bool) -> None:
        rows = tuple(a_row(channels=bits) for bits in channels)
        assert are_siblings(rows) is are
        assert are_siblings(rows[::-1]) is are


ANY_ROWS = st.lists(st.builds(a_row, st.sampled_from("abc"), st.integers(0, 7), st.integers(0, 2)), max_size=12)


@given(ANY_ROWS)
def test_every_row_is_with_those_of_its_trunk_whatever_the_order_of_the_list(rows: list[Row]) -> None:
    groups = by_trunk(rows)
    assert {key: {row_.key for row_ in group} for key, group in groups.items()} == {
        row_.key: {row_.key} for row_ in rows
    }
    assert sum(map(len, groups.values())) == len(rows)
    distinct = {row_.digest: row_ for row_ in rows}  # rows of the same digest are the same row
    assert by_trunk([*distinct.values()]) == by_trunk([*reversed(distinct.values())])
