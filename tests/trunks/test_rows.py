"""What a poll knows of a row before the list is known to be whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleets import FLEETS
from support.trunks import row

from exporter.api.wire import read_item
from exporter.trunks.rows import Row, are_siblings, by_trunk, digits, names_trunk, read_rows
from exporter.trunks.trunk import trunk_from

CALL, SMS, WHATSAPP = 1, 2, 4


def read(*documents: object) -> tuple[Row, ...]:
    return read_rows([json.dumps(document).encode() for document in documents], {}, {})[0]


def a_row(key: str = "a", channels: int = CALL, content: int = 0) -> Row:
    return Row(key, "39", channels, content.to_bytes(16, "big"))


class TestReading:
    def test_tells_rows_by_their_content(self) -> None:
        first, same, other = read(row(), row(), row(location="Rome"))
        assert first == same
        assert first.key == other.key
        assert first.digest != other.digest

    def test_tells_rows_that_are_about_no_trunk_by_their_content(self) -> None:
        first, same, other = read(None, None, 7)
        assert first == same
        assert first.key != other.key

    @given(FLEETS)
    def test_agrees_with_what_is_read_once_the_list_is_whole(self, documents: list[object]) -> None:
        for document, found in zip(documents, read(*documents), strict=True):
            item = read_item(json.dumps(document).encode())
            trunk = item and trunk_from(item[0])
            assert names_trunk(found.key) == (trunk is not None)
            if trunk is not None:
                assert (found.key, found.number) == (trunk.key, digits(trunk.number))
                assert [bool((found.channels or 0) & bit) for bit in (1, 2, 4)] == [
                    state is True for state in trunk.bound
                ]


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
