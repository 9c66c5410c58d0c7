"""What a poll takes from the one before it, and that nobody can tell by what is shown."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.polling import Bench, Listing, polled
from support.trunks import bindings, bound, row

from exporter.config.patterns import compile_pattern
from exporter.config.settings import Metrics, NumberStyle
from exporter.metrics.segment import Segment

Rows = list[dict[str, Any]]

EARLY, LATE = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
EARLY_SECONDS = 1_704_067_200.0
LATE_SECONDS = EARLY_SECONDS + 86_400


def listed(count: int, **changed: object) -> Rows:
    return [row(index, **changed) for index in range(count)]


def pieces(bench: Bench) -> dict[str, tuple[Segment, ...]]:
    snapshot = bench.poller.known.snapshot
    assert snapshot is not None
    return {name: found for name, found in snapshot.segments.items() if name.startswith("mihu_trunk_")}


def new_pieces(bench: Bench, api: Listing, rows: Rows) -> set[str]:
    """Return the families that are not as they were once the API lists other rows."""
    before = pieces(polled(bench))
    api.rows = rows
    after = pieces(polled(bench))
    return {
        name.removeprefix("mihu_trunk_")
        for name in after
        if any(one is not other for one, other in zip(after[name], before[name], strict=True))
    }


class TestPagesThatStay:
    """A page with the same rows is taken as it is."""

    def test_a_poll_in_which_nothing_changed_renders_nothing(self) -> None:
        bench = polled(Bench(Listing(listed(137))))
        assert bench.renderer.batches == [25, 25, 25, 25, 25, 12]
        polled(bench)
        assert len(bench.renderer.batches) == 6
        assert bench.value("mihu_poll_reused_pages") == 6

    def test_one_changed_trunk_renders_one_page(self) -> None:
        api = Listing(listed(137))
        bench = polled(Bench(api))
        api.rows[60] = row(60, status="suspended")
        polled(bench)
        assert bench.renderer.batches[6:] == [25]
        assert bench.value("mihu_poll_reused_pages") == 5
        assert bench.value("mihu_trunks", status="suspended") == 1

    def test_a_trunk_added_in_front_shifts_every_page_and_only_the_total_would_not(self) -> None:
        api = Listing(listed(50))
        bench = polled(Bench(api))
        api.rows.append(row(50))
        polled(bench)
        assert bench.renderer.batches[2:] == [1]


class TestUpdatesAlone:
    """An API may touch rows, so that their ``updated_at`` changes and nothing else does."""

    def test_cost_one_family(self) -> None:
        api = Listing(listed(60, updated_at=EARLY))
        bench = Bench(api)
        assert new_pieces(bench, api, listed(60, updated_at=LATE)) == {"updated_timestamp_seconds"}
        assert bench.renderer.batches == [25, 25, 10]
        assert bench.value("mihu_poll_reused_pages") == 0

    @pytest.mark.parametrize("number", NumberStyle)
    def test_are_shown(self, number: NumberStyle) -> None:
        api = Listing([*listed(3, updated_at=EARLY), row(3, phone_number_uuid=None, updated_at=EARLY)])
        bench = polled(Bench(api, metrics=Metrics(number=number)))
        early = bench.trunk_samples()
        api.rows = [*listed(3, updated_at=LATE), row(3, phone_number_uuid=None, updated_at=LATE)]
        late = polled(bench).trunk_samples()
        assert late.keys() == early.keys()
        changed = {key: (early[key], late[key]) for key in late if late[key] != early[key]}
        assert {name for name, _ in changed} == {"mihu_trunk_updated_timestamp_seconds"}
        assert set(changed.values()) == {(EARLY_SECONDS, LATE_SECONDS)}
        assert len(changed) == (4 if number is NumberStyle.FULL else 3)

    def test_of_one_trunk_leave_the_others_alone(self) -> None:
        api = Listing(listed(30, updated_at=EARLY))
        bench = polled(Bench(api))
        api.rows[3] = row(3, updated_at=LATE)
        polled(bench)
        shown = [
            value for (name, _), value in bench.samples().items() if name == "mihu_trunk_updated_timestamp_seconds"
        ]
        assert sorted(shown) == [EARLY_SECONDS] * 29 + [LATE_SECONDS]
        assert bench.value("mihu_poll_reused_pages") == 1

    def test_cost_nothing_where_the_family_is_denied(self) -> None:
        api = Listing(listed(30, updated_at=EARLY))
        bench = Bench(api, metrics=Metrics(deny=(compile_pattern("mihu_trunk_updated_.*"),)))
        assert new_pieces(bench, api, listed(30, updated_at=LATE)) == set()

    def test_that_cannot_be_read_are_counted(self) -> None:
        api = Listing(listed(3, updated_at=EARLY))
        bench = polled(Bench(api))
        api.rows = listed(3, updated_at="yesterday")
        polled(bench)
        assert bench.value("mihu_invalid_fields", field="updated_at") == 3
        assert bench.series("mihu_trunk_updated_timestamp_seconds") == 0
        api.rows = listed(3, updated_at=LATE)
        polled(bench)
        assert bench.value("mihu_invalid_fields", field="updated_at") is None
        assert bench.series("mihu_trunk_updated_timestamp_seconds") == 3

    def test_decide_which_of_several_rows_of_a_trunk_counts(self) -> None:
        rome, oslo = (
            row(1, location="Rome", bindings=bindings(call=bound("Ada"))),
            row(1, location="Oslo", bindings=bindings(whatsapp=bound("Bob"))),
        )
        api = Listing([rome | {"updated_at": LATE}, oslo | {"updated_at": EARLY}])
        bench = polled(Bench(api))
        api.rows = [rome | {"updated_at": LATE}, oslo | {"updated_at": "2024-01-03T00:00:00Z"}]
        polled(bench)
        (labels,) = [dict(labels) for name, labels in bench.samples() if name == "mihu_trunk_info"]
        assert labels["location"] == "Oslo"


class TestOtherChanges:
    """Of what else changes, the families stay in which nothing has changed."""

    @pytest.mark.parametrize(
        ("changed", "families"),
        [
            ({"status": "suspended"}, {"status"}),
            ({"location": "elsewhere"}, {"info"}),
            ({"billing": {"monthly_fee": -2, "currency": "EUR"}}, {"monthly_fee"}),
            ({"bindings": bindings(call=bound("Bob"))}, {"channel_agent_info"}),
            ({"bindings": bindings()}, {"channel_bound", "channel_unbound", "channel_agent_info"}),
        ],
        ids=["status", "location", "fee", "agent", "binding"],
    )
    def test_cost_the_families_that_show_them(self, changed: dict[str, object], families: set[str]) -> None:
        before = {"billing": {"monthly_fee": -1, "currency": "EUR"}}  # -1 and -2 have the same hash
        api = Listing(listed(60, **before))
        assert new_pieces(Bench(api), api, listed(60, **(before | changed))) == families

    def test_of_a_number_cost_all(self) -> None:
        api = Listing(listed(30))
        bench = Bench(api)
        polled(bench)
        assert new_pieces(bench, api, listed(30, number="+39061234567")) == {
            name.removeprefix("mihu_trunk_") for name in pieces(bench)
        }


def test_a_list_that_did_not_add_up_is_doubted_again_though_the_same_answers_come() -> None:
    api = Listing(listed(3), per_page=1)
    api.before = lambda _, number: api.pagination.update(total=3 if number < 3 else 2, last_page=3)
    bench = polled(Bench(api, concurrency=1))
    assert (bench.value("mihu_poll_drift"), bench.value("mihu_poll_walks")) == (1, 3)
    polled(bench)
    assert (bench.value("mihu_poll_drift"), bench.value("mihu_poll_walks")) == (1, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Metrics(), Metrics(deny=(compile_pattern("mihu_trunk_info"),)), id="one more is denied"),
        pytest.param(Metrics(deny=(compile_pattern("mihu_trunk_info"),)), Metrics(), id="one less is denied"),
        pytest.param(
            Metrics(deny=(compile_pattern("mihu_trunk_info"),)),
            Metrics(deny=(compile_pattern("mihu_trunk_status"),)),
            id="another is denied",
        ),
        pytest.param(Metrics(), Metrics(trunk_details=False), id="no details"),
        pytest.param(Metrics(trunk_details=False), Metrics(), id="details"),
        pytest.param(Metrics(), Metrics(agent_names=False), id="no agents' names"),
        pytest.param(Metrics(), Metrics(number=NumberStyle.MASKED), id="masked numbers"),
    ],
)
def test_after_a_reload_nothing_is_taken_that_was_rendered_in_another_way(before: Metrics, after: Metrics) -> None:
    api = Listing(listed(30))
    old = polled(Bench(api, metrics=before))
    reloaded = Bench(api, metrics=after)
    reloaded.poller.known = old.poller.known
    for _ in range(2):
        polled(reloaded)
        assert reloaded.failures() == {}
        assert reloaded.trunk_samples() == polled(Bench(api, metrics=after)).trunk_samples()


ROWS = st.builds(
    row,
    st.integers(0, 5),
    status=st.sampled_from(["active", "suspended"]),
    location=st.sampled_from([None, "Rome", 7]),
    bindings=st.sampled_from([bindings(), bindings(call=bound("Ada")), bindings(whatsapp=bound("Bob")), 7]),
    billing=st.sampled_from([None, {"monthly_fee": -1, "currency": "EUR"}, {"monthly_fee": -2, "currency": "USD"}]),
    updated_at=st.sampled_from([None, EARLY, LATE, "yesterday"]),
)


def shown(bench: Bench) -> dict[Any, float]:
    """Return what is shown of trunks, but for statuses and currencies that are remembered at 0."""
    remembered = {"mihu_trunks", "mihu_trunks_by_compliance", "mihu_monthly_fees"}
    counted = {"mihu_invalid_fields", "mihu_invalid_items", "mihu_duplicate_items", "mihu_poll_drift"}
    samples = bench.trunk_samples() | {key: value for key, value in bench.samples().items() if key[0] in counted}
    return {key: value for key, value in samples.items() if value or key[0] not in remembered}


@settings(max_examples=60)
@given(lists=st.lists(st.lists(ROWS, max_size=8), min_size=2, max_size=5), touched=st.booleans())
def test_an_exporter_that_ran_before_shows_what_a_new_one_does(lists: list[Rows], *, touched: bool) -> None:
    if touched:
        lists = [[one | {"updated_at": LATE} for one in lists[0]], *lists, lists[-1]]
    api = Listing([], per_page=3)
    old = Bench(api)
    for rows in lists:
        api.rows = rows
        new = polled(Bench(Listing(rows, per_page=3)))
        polled(old)
        if new.value("mihu_up") and old.value("mihu_up"):
            assert shown(old) == shown(new)
