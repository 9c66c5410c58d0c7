import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.values import format_duration, parse_duration

LONGEST = 292 * 365 * 86_400_000  # milliseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("90s", 90),
        ("5m", 300),
        ("5ms", 0.005),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 1_209_600 + 259_200 + 14_400 + 300 + 6 + 0.007),
        ("007s", 7),
        ("292y", LONGEST / 1000),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "0s"),
        (0.25, "250ms"),
        (60, "1m"),
        (250 / 3, "1m23s333ms"),
        (5400, "1h30m"),
        (7 * 86_400, "7d"),
        (365 * 86_400, "365d"),
    ],
)
def test_seconds_are_written_in_days_and_smaller_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, LONGEST))
def test_a_written_duration_parses_to_the_same_seconds(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(alphabet="0123456789ywdhms", max_size=12))
def test_a_parsed_duration_is_written_as_the_same_seconds(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(seconds)) == seconds
