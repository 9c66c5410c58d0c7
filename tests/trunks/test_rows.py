"""Which rows of one trunk stand for its channels, and are not one row that was seen twice."""

import pytest

from exporter.trunks.rows import Row, are_siblings

CALL, SMS, WHATSAPP = 1, 2, 4


@pytest.mark.parametrize(
    ("channels", "are"),
    [
        ([CALL, WHATSAPP], True),
        ([CALL | SMS, WHATSAPP], True),
        ([CALL, CALL], False),
        ([CALL | WHATSAPP, WHATSAPP], False),
        ([CALL, 0], False),
    ],
)
def test_siblings_stand_for_different_channels(channels: list[int], *, are: bool) -> None:
    rows = tuple(Row("a", "39", bits, digest=b"") for bits in channels)
    assert are_siblings(rows) is are_siblings(rows[::-1]) is are
