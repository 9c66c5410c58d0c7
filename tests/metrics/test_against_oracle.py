"""What is exposed equals what prometheus_client makes of the same rows, in values, whatever the spelling."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.exposed import exposed, text_of, workspace
from support.exposed import fleet as fleet_of
from support.fleets import FLEETS
from support.oracle import obeys, oracle
from support.samples import samples
from support.trunks import bindings, bound, row

from exporter.config.settings import (
    ExpectRule,
    Filter,
    Match,
    Metrics,
    NumberStyle,
    Statuses,
    Workspace,
    status_patterns,
)
from exporter.config.values import compile_pattern

RULES = (
    ExpectRule(
        match=Match(number=(compile_pattern(r"\+1208444.*"),), status=(compile_pattern("active"),)), channels=("sms",)
    ),
    ExpectRule(match=Match(type=(compile_pattern("mobile"), compile_pattern("local"))), channels=("call", "whatsapp")),
    ExpectRule(match=Match(country_code=(compile_pattern("IT"),)), channels=()),
    ExpectRule(channels=None),
    ExpectRule(channels=("sms",)),  # never reached
)

OWN_STATUSES = Statuses(active=status_patterns("susp.*", "completed"), pending=status_patterns("ACTIVE"))
some_examples = settings(max_examples=settings().max_examples * 3 // 5, suppress_health_check=list(HealthCheck))

VARIANTS = {
    "as it comes": (workspace(), Metrics()),
    "numbers masked": (workspace(), Metrics(number=NumberStyle.MASKED)),
    "numbers hidden": (workspace(), Metrics(number=NumberStyle.HIDDEN)),
    "agents without names": (workspace(), Metrics(agent_names=False)),
    "families denied": (workspace(), Metrics(deny=tuple(map(compile_pattern, ("mihu_trunk_c.*", "mihu_trunk_i"))))),
    "totals alone": (workspace(), Metrics(trunk_details=False)),
    "expectations by rules": (workspace(expect=RULES), Metrics()),
    "expectations for some": (workspace(expect=RULES[:2]), Metrics()),
    "filtered by channel": (workspace(expect=RULES, filter=Filter(channel="call")), Metrics()),
    "filtered by another channel": (workspace(filter=Filter(channel="whatsapp")), Metrics()),
    "filtered by agent": (workspace(filter=Filter(agent_uuid="agent-ada")), Metrics()),
    "nothing expected": (workspace(expect=(ExpectRule(channels=()),)), Metrics()),
    "statuses of its own": (workspace(statuses=OWN_STATUSES), Metrics()),
    "odd workspace name": (workspace('a "quoted" \\ name'), Metrics()),
}


@pytest.mark.parametrize(("workspace", "metrics"), VARIANTS.values(), ids=VARIANTS)
@given(fleet=FLEETS, page_count=st.integers(1, 3))
@some_examples
def test_any_fleet_is_exposed_as_the_oracle_says(
    workspace: Workspace, metrics: Metrics, fleet: list[object], page_count: int
) -> None:
    assert_agree([row for row in fleet if obeys(row, workspace.filter)], workspace, metrics, page_count)


@given(fleet=FLEETS)
@some_examples
def test_the_order_of_the_rows_does_not_matter(fleet: list[object]) -> None:
    assert exposed(fleet, workspace()) == exposed(fleet[::-1], workspace(), page_count=2)


@given(fleets=st.lists(FLEETS, min_size=2, max_size=4), more=st.sampled_from([0, 0, 0, 70]))
@some_examples
def test_one_fleet_after_another_is_exposed_as_if_it_were_the_first(fleets: list[list[object]], more: int) -> None:
    """But for statuses and currencies that once were there, and stay at 0; and for how trunks were before."""
    now = Metrics(deny=(compile_pattern("mihu_trunk_outage_timestamp_seconds"),))
    rest = [
        row(index, bindings=bindings() if index % 3 else bindings(sms=bound("Eve"))) for index in range(5, 5 + more)
    ]
    found = None
    for listed in fleets:
        found = fleet_of([*listed, *rest], workspace(), now, page_count=3, before=found)
        shown = samples(text_of(found.segments.values()))
        expected = oracle([*listed, *rest], workspace(), now)
        assert shown.keys() >= expected.keys()
        assert {series: shown[series] for series in expected} == pytest.approx(expected, rel=1e-12, abs=1e-12)
        stayed = shown.keys() - expected.keys()
        assert {name for name, _ in stayed} <= {"mihu_trunks", "mihu_trunks_by_compliance", "mihu_monthly_fees"}
        assert not any(shown[series] for series in stayed)


ON_WHATSAPP = {"bindings": bindings(whatsapp=bound("Eve"))}
NO_CALLS = {"channel_settings": {"voice": {"enabled": False}, "inbound": {"enabled": False}}}
CLOSED = {"channel_settings": {"voice": {"enabled": True, "channel_limit": 0}}}
IN_USE: list[dict[str, Any]] = [
    {"channel_settings": {"voice": {"enabled": False}}},
    {"channel_settings": {"voice": {"enabled": False}, "inbound": {"enabled": None}}},
    {"bindings": bindings(), **NO_CALLS},
    {"bindings": bindings(), **NO_CALLS, "status": "pending"},
    NO_CALLS,
    CLOSED,
    {"status": "suspended", **CLOSED},
    {"status": "suspended", "bindings": bindings()},
    {"status": "Porting in", "bindings": bindings()},
    {"status": "pending", "compliance": {"status": "Rejected"}},
    {"status": "suspended", "compliance": {"status": "not_required"}},
    {"bindings": {"call": {"bound": "?"}}, **NO_CALLS},
    ON_WHATSAPP,
    {**ON_WHATSAPP, "bindings": {"whatsapp": bound("Eve"), "call": {"bound": "?"}}},
    {"bindings": bindings(call=bound("Ada"), whatsapp=bound("Ada"), sms=bound("Ada"))},
]


@pytest.mark.parametrize(
    "fleet",
    [
        pytest.param([], id="no trunk"),
        pytest.param([row(index, status=f"status-{index % 40}") for index in range(130)], id="40 statuses"),
        pytest.param(
            [row(index, billing={"monthly_fee": index / 10, "currency": f"C{index:02d}"}) for index in range(50)],
            id="50 currencies",
        ),
        pytest.param([row(index, status="other") for index in range(3)], id="a status called other"),
        pytest.param([row(0, number=None), row(0, number="+39")], id="number on one of two rows"),
        pytest.param(
            [
                row(0, bindings=bindings(call=bound("Ada")), updated_at="2023-11-08T00:30:00Z", status="suspended"),
                row(0, bindings=bindings(call=bound("Bob")), updated_at="2023-11-08T00:29:00-01:00"),
                row(0, bindings=bindings(), updated_at="2023-11-09T00:00:00Z", compliance={"status": "active"}),
            ],
            id="rows of one trunk that contradict each other",
        ),
        pytest.param(
            [
                row(0, bindings=bindings()),
                row(1, bindings=bindings(whatsapp=bound("Eve")), number="12084439178"),
                row(2, bindings=bindings(call=bound("Ada")), number="+1 208 443-9178"),
            ],
            id="three trunks of one number",
        ),
        pytest.param(
            [
                row(0, number=None, bindings=bindings(), updated_at="2024-01-01T00:00:00Z"),
                row(0, bindings=bindings(whatsapp=bound("Eve"))),
                row(1, number="12084439178"),
                row(2, number="no digits", bindings=bindings()),
                row(3, number="none either"),
            ],
            id="a number on the older row alone",
        ),
        pytest.param(
            [row(0, bindings=None), row(1, bindings=[]), row(2, bindings={}), row(3, bindings={"call": None})],
            id="no bindings",
        ),
        pytest.param([row(0, location="\ud800", status="\udfff"), row(1)], id="half characters"),
        pytest.param([row(index, **changed) for index, changed in enumerate(IN_USE)], id="in use and out of service"),
    ],
)
def test_fleets_that_chance_does_not_make(fleet: list[Any]) -> None:
    assert_agree(fleet, workspace(), Metrics(), page_count=2)


def test_numbers_of_any_length_are_masked() -> None:
    fleet: list[object] = [row(length, number="+39333123456"[:length]) for length in range(1, 12)]
    assert_agree(fleet, workspace(), Metrics(number=NumberStyle.MASKED), page_count=1)


def assert_agree(fleet: list[object], workspace: Workspace, metrics: Metrics, page_count: int) -> None:
    shown = samples(exposed(fleet, workspace, metrics, page_count))
    expected = oracle(fleet, workspace, metrics)
    assert shown.keys() == expected.keys()
    for series, value in expected.items():
        assert shown[series] == pytest.approx(value, rel=1e-12, abs=1e-12), series
