"""What a poll takes from the one before it: a change costs the trunks that stand beside it, and not the fleet."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.polling import Bench, Listing, polled
from support.trunks import row

from exporter.polling.buckets import Bucket

Rows = list[dict[str, Any]]

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


def test_a_list_that_did_not_add_up_is_doubted_again_though_the_same_answers_come() -> None:
    api = Listing(listed(3), per_page=1)
    api.before = lambda _, number: api.pagination.update(total=3 if number < 3 else 2, last_page=3)
    bench = polled(Bench(api, concurrency=1))
    for _ in range(2):
        assert (bench.value("mihu_poll_drift"), bench.value("mihu_poll_walks")) == (1, 3)
        polled(bench)
