"""What a poll knows of a row before the list is known to be whole."""

import json

import pytest
from support.trunks import row

from exporter.trunks.rows import Row, are_siblings, by_trunk, read_rows

CALL, SMS, WHATSAPP = 1, 2, 4


def read(*documents: object) -> tuple[Row, ...]:
    return read_rows([json.dumps(document).encode() for document in documents], {}, {})[0]


@pytest.mark.parametrize(
    ("document", "another", "of_one_trunk"),
    [
        pytest.param(row(), row(location="Rome"), True, id="of one trunk"),
        pytest.param(None, 7, False, id="about no trunk"),
    ],
)
def test_rows_are_told_apart_by_their_content(document: object, another: object, *, of_one_trunk: bool) -> None:
    first, same, other = read(document, document, another)
    assert first == same
    assert first.digest != other.digest
    assert (first.key == other.key) is of_one_trunk


def test_the_rows_of_a_trunk_are_together_whatever_the_order_of_the_list() -> None:
    rows = read(row(), row(1), row(location="Rome"), row(location="Oslo"))
    assert by_trunk(rows) == by_trunk(rows[::-1])
    assert sorted(map(len, by_trunk(rows).values())) == [1, 3]


@pytest.mark.parametrize(
    ("channels", "are"),
    [
        pytest.param([CALL, WHATSAPP], True, id="different channels"),
        pytest.param([CALL | SMS, WHATSAPP], True, id="more different channels"),
        pytest.param([CALL, CALL], False, id="the same channel"),
        pytest.param([CALL | WHATSAPP, WHATSAPP], False, id="a channel in common"),
        pytest.param([CALL, 0], False, id="one of no channel"),
    ],
)
def test_siblings_stand_for_different_channels(channels: list[int], *, are: bool) -> None:
    rows = tuple(Row("a", "39", bits, digest=b"") for bits in channels)
    assert are_siblings(rows) is are_siblings(rows[::-1]) is are
