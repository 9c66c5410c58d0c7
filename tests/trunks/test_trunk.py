"""Times of a trunk, and texts that are fit to be labels."""

import time as time_module
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import trunk

from exporter.api.wire import Item
from exporter.trunks.trunk import MAX_LENGTH, safe, trunk_from


@pytest.mark.parametrize("field", ["purchased_at", "updated_at"])
@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        pytest.param("2023-11-07T05:31:56", 1_699_335_116, id="without zone"),
        pytest.param("2023-11-07T06:31:56+01:00", 1_699_335_116, id="another zone"),
        pytest.param("1969-12-31T23:59:59Z", -1, id="before the epoch"),
        pytest.param("0001-01-01T00:00:00+23:59", -62_135_683_140, id="the first day, further east"),
        pytest.param("9999-12-31T23:59:59-23:59", 253_402_387_139, id="the last day, further west"),
    ],
)
def test_times_are_unix_time_and_without_a_zone_utc(
    field: str, time: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time_module.tzset()
    try:
        made = trunk(**{field: time})
    finally:
        monkeypatch.undo()
        time_module.tzset()
    assert getattr(made, field.removesuffix("_at")) == seconds


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_any_time_is_unix_time(time: Any) -> None:  # noqa: ANN401 - a datetime
    made = trunk_from(Item(number="+39", updated_at=time))
    assert made is not None
    assert isinstance(made.updated, float)


@given(st.text(st.characters()))
def test_any_text_is_made_safe(text: str) -> None:
    made = safe(text)
    assert len(made) == min(len(text), MAX_LENGTH)
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cs", "Zl", "Zp"}
    overrides = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {unicodedata.bidirectional(character) for character in made} & overrides
    assert safe(made) == made
