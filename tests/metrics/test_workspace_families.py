"""A fleet's rows in, the workspace's series out."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import exposed, fleet, text_of, workspace
from support.trunks import bindings, bound, row

from exporter.config.settings import Metrics
from exporter.metrics.workspace_families import MAX_VALUES
from exporter.polling import fleet as polling

GOLDEN = Path(__file__).parent / "golden"

FLEET = [
    row(0),
    row(1, status="suspended", bindings=bindings(), billing={"monthly_fee": 0.1, "currency": "EUR"}),
    row(2, status=None, bindings=bindings(whatsapp=bound("Eve")), billing={"monthly_fee": 0.2, "currency": "USD"}),
    row(3, compliance={"status": "rejected"}, bindings=bindings(call=bound("Ada"), sms=bound("Ada")), billing=None),
    row(4, channel_settings={"voice": {"enabled": True, "channel_limit": 2.5}}, billing={"monthly_fee": 0.2}),
]

TOTALS_ALONE = Metrics(trunk_details=False)


class Fleet:
    """A workspace's totals, as one poll after another finds them."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - of a workspace
        self._workspace = workspace(**settings)
        self._found: polling.Fleet | None = None

    def seen(self, *rows: object, page_count: int = 1) -> "Fleet":
        self._found = fleet(rows, self._workspace, TOTALS_ALONE, page_count, before=self._found)
        return self

    def values(self, name: str) -> dict[str, str]:
        """Return a family's values, as they are spelled, by its own label."""
        assert self._found is not None
        text = text_of([self._found.segments[name]])
        return dict(re.findall(r'^\w+{workspace="acme"(?:,\w+="([^"]*)")?} (\S+)$', text, re.MULTILINE))


def with_statuses(counts: Mapping[str, int]) -> list[object]:
    statuses = [status for status, count in counts.items() for _ in range(count)]
    return [{"phone_number_uuid": f"u-{index}", "status": status} for index, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("golden", "rows", "page_count"),
    [("no_trunks.prom", [], 1), *(("fleet.prom", FLEET, count) for count in (1, 2, 5))],
)
def test_a_fleet(golden: str, rows: list[object], page_count: int, assert_golden: Callable[[Path, str], None]) -> None:
    assert_golden(GOLDEN / golden, exposed(rows, workspace(), TOTALS_ALONE, page_count))


class TestValuesOnceSeen:
    @pytest.mark.parametrize(
        ("name", "changed", "value", "healthy"),
        [
            ("mihu_trunks", {"status": "suspended"}, "suspended", "active"),
            ("mihu_trunks", {"status": None}, "unknown", "active"),
            ("mihu_trunks_by_compliance", {"compliance": {"status": "rejected"}}, "rejected", "completed"),
        ],
        ids=["status", "no status", "compliance"],
    )
    def test_a_status_stays_at_0(self, name: str, changed: dict[str, Any], value: str, healthy: str) -> None:
        fleet = Fleet().seen(row(0, **changed), row(1))
        assert fleet.values(name) == {healthy: "1", value: "1"}
        for _ in range(2):
            fleet.seen(row(0), row(1))
            assert fleet.values(name) == {healthy: "2", value: "0"}
        fleet.seen()
        assert fleet.values(name) == {healthy: "0", value: "0"}

    def test_a_currency_stays_at_0(self) -> None:
        fleet = Fleet().seen(row(billing={"monthly_fee": 1.5, "currency": "EUR"}))
        assert fleet.values("mihu_monthly_fees") == {"EUR": "1.5"}
        fleet.seen(row(billing={"monthly_fee": 2, "currency": "USD"}))
        assert fleet.values("mihu_monthly_fees") == {"EUR": "0", "USD": "2"}
        fleet.seen()
        assert fleet.values("mihu_monthly_fees") == {"EUR": "0", "USD": "0"}


class TestBound:
    def test_values_that_trunks_have_keep_their_place(self) -> None:
        first = {f"status-{index:02d}": 1 for index in range(31)}
        fleet = Fleet().seen(*with_statuses(first))
        assert "other" not in fleet.values("mihu_trunks")
        fleet.seen(*with_statuses({**first, "newcomer": 1000}))
        assert fleet.values("mihu_trunks") == {"active": "0", "other": "1000", **dict.fromkeys(first, "1")}
        fleet.seen(*with_statuses({"active": 5}))
        assert fleet.values("mihu_trunks") == {"active": "5", "other": "0", **dict.fromkeys(first, "0")}

    def test_values_that_no_trunk_has_any_more_give_way(self) -> None:
        gone = {f"gone-{index:02d}": 1 for index in range(31)}
        fleet = Fleet().seen(*with_statuses(gone))
        fleet.seen(*with_statuses({"active": 5, "suspended": 2, "gone-30": 1}))
        zeros = dict.fromkeys([f"gone-{index:02d}" for index in range(29)], "0")
        assert fleet.values("mihu_trunks") == {"active": "5", "suspended": "2", "gone-30": "1", **zeros}
        arrived = {f"arrived-{index:02d}": 1 for index in range(31)}
        fleet.seen(*with_statuses(arrived))
        assert fleet.values("mihu_trunks") == {"active": "0", **dict.fromkeys(arrived, "1")}

    @given(snapshots=st.lists(st.lists(st.integers(0, 60), max_size=60).map(Counter), min_size=1, max_size=4))
    def test_no_trunk_is_lost_and_no_label_grows_beyond_bounds(self, snapshots: list[Counter[int]]) -> None:
        fleet = Fleet()
        for counts in snapshots:
            fleet.seen(*with_statuses({f"status-{status}": count for status, count in counts.items()}))
            shown = fleet.values("mihu_trunks")
            assert sum(map(int, shown.values())) == counts.total()
            assert len(shown.keys() - {"other"}) <= MAX_VALUES


class TestExactSums:
    @given(cents=st.lists(st.integers(0, 100_000), min_size=1, max_size=20), page_count=st.integers(1, 4))
    def test_any_cents_on_any_pages_add_up(self, cents: list[int], page_count: int) -> None:
        fees = [{"monthly_fee": cent / 100, "currency": "EUR"} for cent in cents]
        limits = [{"sms": {"enabled": True, "channel_limit": cent / 100}} for cent in cents]
        rows = [row(index, billing=fees[index], channel_settings=limits[index]) for index in range(len(cents))]
        fleet = Fleet().seen(*rows, page_count=page_count)
        total = Fraction(sum(cents), 100)
        spelled = str(total.numerator) if total.denominator == 1 else str(float(total))
        assert fleet.values("mihu_monthly_fees") == {"EUR": spelled}
        assert fleet.values("mihu_channel_limits")["sms"] == spelled

    def test_a_sum_that_no_float_holds_and_one_that_was_huge_and_leaves_no_rest(self) -> None:
        fleet = Fleet().seen(*(row(index, billing={"monthly_fee": 1.7e308, "currency": "EUR"}) for index in range(2)))
        assert fleet.values("mihu_monthly_fees") == {"EUR": "+Inf"}
        fleet = Fleet()
        for first, total in ((1e30, "1e+30"), (0.01, "1")):
            fees = [{"monthly_fee": fee, "currency": "EUR"} for fee in (first, *[0.01] * 99)]
            fleet.seen(*(row(index, billing=fee) for index, fee in enumerate(fees)))
            assert fleet.values("mihu_monthly_fees") == {"EUR": total}
