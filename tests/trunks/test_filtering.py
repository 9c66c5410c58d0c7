"""Whether the API filtered as asked: only what a row states counts against it."""

from typing import Any

import pytest
from support.trunks import bindings, bound, trunk, unbound

from exporter.config.settings import Filter
from exporter.polling.buckets import violation

WHATSAPP, ADA = Filter(channel="whatsapp"), Filter(agent_uuid="agent-ada")
ALL = Filter(channel="call", agent_uuid="agent-ada", search="+1208")
NOT_BOUND = "filter.channel is whatsapp, but a row is not bound on it"
OTHER_AGENTS = "filter.agent_uuid is agent-ada, but a row names other agents only"
OTHER_NUMBER = "filter.search is +39, but a row's number does not contain it"


@pytest.mark.parametrize(
    ("filter_", "changed", "contradiction"),
    [
        pytest.param(Filter(), {"bindings": None, "number": None}, None, id="no filter"),
        pytest.param(WHATSAPP, {"bindings": bindings(whatsapp=bound("Ada"))}, None, id="bound"),
        pytest.param(
            WHATSAPP, {"bindings": bindings(whatsapp=bound("Ada"), call=bound("Bob"))}, None, id="on others too"
        ),
        pytest.param(WHATSAPP, {"bindings": {}}, None, id="no bindings"),
        pytest.param(WHATSAPP, {"bindings": {"call": {}, "whatsapp": {"bound": None}}}, None, id="nothing said"),
        pytest.param(WHATSAPP, {"bindings": bindings(whatsapp={"bound": "yes"})}, None, id="unreadable"),
        pytest.param(WHATSAPP, {"bindings": bindings()}, NOT_BOUND, id="bound nowhere"),
        pytest.param(WHATSAPP, {"bindings": bindings(call=bound("Ada"))}, NOT_BOUND, id="bound elsewhere"),
        pytest.param(
            WHATSAPP, {"bindings": {"call": bound("Ada")}}, NOT_BOUND, id="bound elsewhere, nothing said of this"
        ),
        pytest.param(WHATSAPP, {"bindings": {"whatsapp": unbound()}}, NOT_BOUND, id="not bound"),
        pytest.param(
            WHATSAPP,
            {"bindings": {"whatsapp": unbound(), "call": {"bound": "yes"}}},
            NOT_BOUND,
            id="not bound, another unreadable",
        ),
        pytest.param(ADA, {"bindings": bindings(sms=bound("Ada"))}, None, id="the agent"),
        pytest.param(
            ADA, {"bindings": bindings(whatsapp=bound("Ada"), call=bound("Bob"))}, None, id="one of two agents"
        ),
        pytest.param(ADA, {"bindings": bindings()}, None, id="nobody named"),
        pytest.param(Filter(agent_uuid="AGENT-Ada"), {}, None, id="in other letters"),
        pytest.param(ADA, {"bindings": bindings(call=bound("Bob"), sms=bound("Cyd"))}, OTHER_AGENTS, id="other agents"),
        pytest.param(Filter(search="+39"), {"number": None}, None, id="no number"),
        pytest.param(Filter(search="+39"), {"number": "12084439178"}, None, id="found without the plus sign"),
        pytest.param(Filter(search="Rome"), {}, None, id="a search for no digits"),
        pytest.param(Filter(search="+39"), {"number": "+12084440000"}, OTHER_NUMBER, id="another number"),
        pytest.param(ALL, {}, None, id="all"),
        pytest.param(ALL, {"number": "+39"}, OTHER_NUMBER.replace("+39", "+1208"), id="all but the number"),
    ],
)
def test_a_row_contradicts_a_filter(filter_: Filter, changed: dict[str, Any], contradiction: str | None) -> None:
    assert violation(trunk(**changed), filter_) == contradiction


@pytest.mark.parametrize("number", ["+393331234567", "393331234567", "+39 333 123-4567", "00393331234567"])
@pytest.mark.parametrize("search", ["+39", "39", "333 12", "+39 (333)", "4567"])
def test_a_search_is_for_digits(number: str, search: str) -> None:
    assert violation(trunk(number=number), Filter(search=search)) is None
