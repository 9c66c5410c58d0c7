"""Whether the API filtered as asked: only what a row states counts against it."""

from typing import Any

import pytest
from support.trunks import bindings, bound, trunk, unbound

from exporter.config.settings import Filter
from exporter.polling.buckets import violation

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
