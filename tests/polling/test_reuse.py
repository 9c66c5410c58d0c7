"""What a poll takes from the one before it: a change costs the trunks that stand beside it, and not the fleet."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.polling import Bench, Listing, polled
from support.trunks import bindings, bound, row

from exporter.config.patterns import compile_pattern
from exporter.config.settings import Metrics, NumberStyle
from exporter.polling.buckets import Bucket

Rows = list[dict[str, Any]]

EARLY, LATE = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
EARLY_SECONDS = 1_704_067_200.0
LATE_SECONDS = EARLY_SECONDS + 86_400
MANY = 500
FEW = 80  # more than a bucket of 32 ever has


def buckets(bench: Bench) -> Sequence[Bucket]:
    fleet = bench.poller.snapshot.fleet
    assert fleet is not None
    return fleet.buckets


def listed(count: int, **changed: object) -> Rows:
    return [row(index, **changed) for index in range(count)]


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        pytest.param(lambda _: None, 0, id="nothing"),
        pytest.param(lambda rows: rows.reverse(), 0, id="the order"),
        pytest.param(lambda rows: rows.insert(0, row(MANY)), FEW, id="one in front, which moves all others"),
        pytest.param(lambda rows: rows.__setitem__(60, row(60, status="suspended")), FEW, id="one"),
    ],
)
def test_a_change_costs_its_neighbours_alone(change: Callable[[Rows], None], anew: int) -> None:
    api = Listing(listed(MANY))
    bench = polled(Bench(api))
    change(api.rows)
    before = buckets(bench)
    after = buckets(polled(bench))
    assert bench.value("mihu_up") == 1
    made = [bucket for bucket in after if not any(bucket is one for one in before)]
    assert (anew > 0) <= sum(len(bucket.unpacked_trunks()) for bucket in made) <= anew


def test_pages_that_came_before_are_counted() -> None:
    api = Listing(listed(100))
    bench = polled(Bench(api))
    api.rows[60] = row(60, status="suspended")
    polled(bench)
    assert (bench.value("mihu_poll_pages"), bench.value("mihu_poll_reused_pages")) == (4, 3)


def test_a_trunk_that_stays_may_be_out_of_service_by_what_happens_to_another() -> None:
    api = Listing([*listed(MANY), row(MANY, number="+12084439178", bindings=bindings())])
    bench = polled(Bench(api))
    assert bench.value("mihu_trunks_out_of_service") == 0
    api.rows[0] = row(0, bindings=bindings())
    polled(bench)
    assert bench.value("mihu_trunks_out_of_service") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [(-1, -2), (1, 2**61)],  # whose hashes are the same in Python
    ids=str,
)
def test_a_change_that_hashes_alike_is_seen(before: int, after: int) -> None:
    api = Listing([row(0, billing={"monthly_fee": before, "currency": "EUR"})])
    bench = polled(Bench(api))
    api.rows = [row(0, billing={"monthly_fee": after, "currency": "EUR"})]
    polled(bench)
    assert bench.value("mihu_monthly_fees", currency="EUR") == after


class TestUpdates:
    """An API may touch rows, so that their ``updated_at`` changes and nothing else does."""

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
        assert labels["locality"] == "Oslo"


def test_a_list_that_did_not_add_up_is_doubted_again_though_the_same_answers_come() -> None:
    api = Listing(listed(3), per_page=1)
    api.before = lambda _, number: api.pagination.update(total=3 if number < 3 else 2, last_page=3)
    bench = polled(Bench(api, concurrency=1))
    for _ in range(2):
        assert (bench.value("mihu_poll_drift"), bench.value("mihu_poll_walks")) == (1, 3)
        polled(bench)


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
    ],
)
def test_after_a_reload_nothing_is_taken_that_was_rendered_in_another_way(before: Metrics, after: Metrics) -> None:
    api = Listing(listed(30))
    old = polled(Bench(api, metrics=before))
    reloaded = Bench(api, metrics=after, snapshot=old.poller.snapshot)
    for _ in range(2):
        polled(reloaded)
        assert reloaded.failures() == {}
        assert reloaded.trunk_samples() == polled(Bench(api, metrics=after)).trunk_samples()
