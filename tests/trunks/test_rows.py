"""Rows of the list: the trunk that is read from one, whether it obeys the filter, and which rows list one trunk."""

import time as time_module
import unicodedata
from datetime import timedelta, timezone
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import bindings, bound, trunk, unbound

from exporter.config.settings import Filter
from exporter.polling.buckets import violation
from exporter.trunks.rows import Row, are_siblings, surroundings
from exporter.trunks.trunk import MAX_LENGTH, safe


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


ZONES = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439))


@given(st.datetimes(timezones=st.none() | ZONES))
def test_any_time_is_unix_time(time: Any) -> None:  # noqa: ANN401 - a datetime
    assert isinstance(trunk(updated_at=time.isoformat()).updated, float)


@given(st.text(st.characters()))
def test_any_text_is_made_safe(text: str) -> None:
    made = safe(text)
    assert len(made) == min(len(text), MAX_LENGTH)
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cs", "Zl", "Zp"}
    overrides = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {unicodedata.bidirectional(character) for character in made} & overrides
    assert safe(made) == made


WHATSAPP, ADA, ITALY = Filter(channel="whatsapp"), Filter(agent_uuid="agent-ada"), Filter(search="+39")
ALL = Filter(channel="call", agent_uuid="agent-ada", search="+1208")
NOT_BOUND = "filter.channel is whatsapp, but a row is not bound on it"
OTHER_AGENTS = "filter.agent_uuid is agent-ada, but a row names other agents only"
OTHER_NUMBER = "filter.search is +39, but a row's number does not contain it"
BOTH = bindings(whatsapp=bound("Ada"), call=bound("Bob"))
UNREADABLE = {"bound": "yes"}


@pytest.mark.parametrize(
    ("filter_", "changed", "contradiction"),
    [
        (Filter(), {"bindings": None, "number": None}, None),
        (WHATSAPP, {"bindings": bindings(whatsapp=bound("Ada"))}, None),
        (WHATSAPP, {"bindings": BOTH}, None),
        (WHATSAPP, {"bindings": {}}, None),
        (WHATSAPP, {"bindings": {"call": {}, "whatsapp": {"bound": None}}}, None),
        (WHATSAPP, {"bindings": bindings(whatsapp=UNREADABLE)}, None),
        (WHATSAPP, {"bindings": bindings()}, NOT_BOUND),
        (WHATSAPP, {"bindings": {"call": bound("Ada")}}, NOT_BOUND),
        (WHATSAPP, {"bindings": {"whatsapp": unbound()}}, NOT_BOUND),
        (WHATSAPP, {"bindings": {"whatsapp": unbound(), "call": UNREADABLE}}, NOT_BOUND),
        (ADA, {"bindings": bindings(sms=bound("Ada"))}, None),
        (ADA, {"bindings": BOTH}, None),
        (ADA, {"bindings": bindings()}, None),
        (Filter(agent_uuid="AGENT-Ada"), {}, None),
        (ADA, {"bindings": bindings(call=bound("Bob"), sms=bound("Cyd"))}, OTHER_AGENTS),
        (ITALY, {"number": None}, None),
        (Filter(search="Rome"), {}, None),  # no digits
        (ITALY, {"number": "+12084440000"}, OTHER_NUMBER),
        (ALL, {}, None),
        (ALL, {"number": "+39"}, OTHER_NUMBER.replace("+39", "+1208")),
    ],
    ids=str,
)
def test_a_row_contradicts_a_filter(filter_: Filter, changed: dict[str, Any], contradiction: str | None) -> None:
    assert violation(trunk(**changed), filter_) == contradiction


@pytest.mark.parametrize("number", ["+393331234567", "393331234567", "+39 333 123-4567", "00393331234567"])
@pytest.mark.parametrize("search", ["+39", "39", "333 12", "+39 (333)", "4567"])
def test_a_search_is_for_digits(number: str, search: str) -> None:
    assert violation(trunk(number=number), Filter(search=search)) is None


@pytest.mark.parametrize("channels", [(1, 4), (3, 4), (1, 1), (5, 4), (1, 0)])
def test_siblings_stand_for_different_channels(channels: tuple[int, ...]) -> None:
    """A channel is a bit: 3 is call and sms, 4 whatsapp."""
    rows = tuple(Row("a", "39", bits, digest=b"") for bits in channels)
    assert are_siblings(rows) is are_siblings(rows[::-1]) is (channels in {(1, 4), (3, 4)})


def test_many_trunks_may_share_a_number() -> None:
    """Comparing every two of them would take half a minute."""
    trunks = {str(key): (Row(str(key), "39", 1 << key % 2, digest=b""),) for key in range(20_000)}
    started = process_time()
    assert set(surroundings(trunks).bound_elsewhere.values()) == {3}
    assert process_time() - started < 10
