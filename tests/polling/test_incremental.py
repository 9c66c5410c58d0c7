"""An exporter that has polled for long shows what one shows that has just started, text for text."""

import asyncio
import re
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.exposed import text_of
from support.polling import Bench, Listing
from support.trunks import bindings, bound, row

from exporter.config.settings import ExpectRule, Match, Metrics, NumberStyle
from exporter.config.values import compile_pattern
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES
from exporter.polling.snapshot import Snapshot
from exporter.trunks.lines import unpack_lines

_OPEN = {family.name for family in WORKSPACE_FAMILIES if family.open}
_OF_THE_LIST = ("poll_drift", "poll_reported_trunks", "invalid_fields", "invalid_items", "duplicate_items")
_BUCKET_SIZE = 2  # so that a few trunks are in many buckets

INDICES = st.integers(0, 11)
ADA, BOB = bindings(call=bound("Ada")), bindings(whatsapp=bound("Bob"))
CHANGES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "phone_number_uuid": st.none(),
        "number": st.sampled_from(["+12084439178", "12084439178", "+39061234567", None]),  # others have them too
        "status": st.sampled_from(["active", "suspended", "pending", None, 7]),
        "location": st.sampled_from([None, "Rome", 7]),
        "bindings": st.sampled_from([bindings(), ADA, BOB, {"call": {"bound": "yes"}}, None, {}, 7]),
        "billing": st.sampled_from(
            [None, {"monthly_fee": -1, "currency": "EUR"}, {"monthly_fee": 0.1, "currency": "USD"}]
        ),
        "updated_at": st.sampled_from([None, "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "yesterday"]),
    },
)
ROWS = st.one_of(
    st.builds(row, INDICES),
    st.builds(lambda index, changes: row(index, **changes), INDICES, CHANGES),
    st.sampled_from([None, 7, {"status": "active"}, {"number": "1" * 200}]),
)
METRICS = st.builds(
    Metrics,
    number=st.sampled_from([NumberStyle.FULL, NumberStyle.MASKED]),
    trunk_details=st.sampled_from([True, True, False]),
    deny=st.sampled_from([(), (compile_pattern("mihu_trunk_(info|status)"),)]),
)
EXPECT = st.sampled_from(
    [
        (),
        (ExpectRule(channels=("call", "whatsapp")),),
        (ExpectRule(match=Match(status=(compile_pattern("active"),)), channels=("sms",)), ExpectRule(channels=None)),
    ]
)


class Polls(RuleBasedStateMachine):
    """Changes a list and a configuration in every way; after each change an old exporter and a new one poll."""

    def __init__(self) -> None:
        super().__init__()
        self.api = Listing([row(index) for index in range(8)], per_page=100)
        self.settings: dict[str, Any] = {"metrics": Metrics(), "expect": ()}
        self.bench = self.new()

    def new(self, snapshot: Snapshot | None = None) -> Bench:
        return Bench(self.api, bucket_size=_BUCKET_SIZE, snapshot=snapshot, **self.settings)

    @rule(rows=st.lists(ROWS, max_size=3))
    def add(self, rows: list[Any]) -> None:
        self.api.rows = rows + self.api.rows

    @rule(places=st.lists(st.tuples(INDICES, CHANGES), max_size=3))
    def change(self, places: list[tuple[int, dict[str, Any]]]) -> None:
        for place, changes in places:
            if place < len(self.api.rows) and isinstance(one := self.api.rows[place], dict):
                self.api.rows[place] = one | changes

    @rule(start=INDICES, count=st.integers(1, 8))
    def remove(self, start: int, count: int) -> None:
        del self.api.rows[start : start + count]

    @rule(place=INDICES)
    def repeat(self, place: int) -> None:
        self.api.rows += self.api.rows[place : place + 2]

    @rule(place=INDICES)
    def reorder(self, place: int) -> None:
        self.api.rows = self.api.rows[place:] + self.api.rows[:place][::-1]

    @rule(count=st.integers(12, 20))
    def grow(self, count: int) -> None:
        self.api.rows = [row(index) for index in range(count)]

    @rule(given=st.sampled_from([None, {}, bindings(), ADA]))
    def bind_all(self, given: object) -> None:
        self.api.rows = [one | {"bindings": given} if isinstance(one, dict) else one for one in self.api.rows]

    @rule(metrics=METRICS, expect=EXPECT)
    def reload(self, metrics: Metrics, expect: tuple[ExpectRule, ...]) -> None:
        known = self.bench.poller.snapshot if metrics.number == self.settings["metrics"].number else None
        self.settings = {"metrics": metrics, "expect": expect}
        self.bench = self.new(known)

    @invariant()
    def shows_what_a_new_one_shows(self) -> None:
        new = self.new()
        for bench in (self.bench, new):
            assert asyncio.run(bench.poller.poll()) is None
        assert shown(self.bench) == shown(new)


def shown(bench: Bench) -> dict[str, Any]:
    """Return the lines that are shown by family, but for what is remembered, and trunks as others may see them."""
    fleet = bench.poller.snapshot.fleet
    assert fleet is not None
    (view,) = bench.exposition.views()
    segments = {**fleet.segments, **{name: view.reading[f"mihu_{name}"] for name in _OF_THE_LIST}}
    lines = {
        family: re.sub('was_in_service="\\w+"', "", text_of([segment])).splitlines()
        for family, segment in segments.items()
    }
    # Statuses and currencies that were seen once stay at 0.
    for family in _OPEN:
        lines[family] = [line for line in lines[family] if not line.endswith(" 0")]
    listed = sorted(line for bucket in fleet.buckets for line in unpack_lines(bucket.lines))
    # Whether a trunk was in service before is remembered, and why not while that cannot be told.
    trunks = {
        key: msgspec.structs.replace(judged, served=None, outage=None, since=None, reason=None)
        for key, judged in fleet.judged_trunks(fleet.trunks).items()
    }
    return {**lines, "trunks": trunks, "listed": listed, "concerns": fleet.concerns}


TestPolls = Polls.TestCase
TestPolls.settings = settings(stateful_step_count=10)
