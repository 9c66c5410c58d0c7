"""The fleet: the trunks of a workspace as a poll found them, judged and rendered, in buckets."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from operator import or_

from exporter.metrics.api_metrics import PollResult
from exporter.metrics.gzip_segments import Column, Segment
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally, add_up, bounded
from exporter.polling.buckets import (
    Bucket,
    BucketMaker,
    Remarked,
    Surroundings,
    bucket_of,
    in_order,
    unpack_states,
)
from exporter.polling.completeness import Trunks, Verdict
from exporter.polling.walk import Answer, Walk, too_many
from exporter.trunks.changes import States
from exporter.trunks.out_of_service import Judged
from exporter.trunks.rows import Group, count_trunks

_BATCH = 512  # buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What a successful poll found.

    Attributes:
        maker: the one that made the buckets.
        trunks: the rows of each trunk, and rows that name no trunk.
        buckets: ``1 << bits`` of them.
        columns: the series of single trunks, a column for each family in force.
        totals: of the workspace, one for each of WORKSPACE_FAMILIES.
        total_segments: the same, rendered, by family.
        series: the number of series, totals included.
        answers: the pages of the newest walk by the digests of their bodies, in their order.
        unconfirmed: trunks of the fleet before that the only walk did not see, with the rows that are known of them.
        is_settled: whether the first walk was whole and confirmed.
    """

    maker: BucketMaker = field(repr=False)
    trunks: Trunks = field(repr=False)
    around: Surroundings = field(repr=False)
    bits: int
    buckets: tuple[Bucket, ...] = field(repr=False)
    columns: tuple[Column, ...] = field(repr=False)
    totals: tuple[Tally, ...]
    total_segments: Mapping[str, Segment] = field(repr=False)
    series: int
    answers: Mapping[bytes, Answer] = field(repr=False)
    result: PollResult
    unconfirmed: Trunks = field(repr=False)
    is_settled: bool

    @property
    def segments(self) -> Mapping[str, Segment]:
        """Everything that is exposed, by family."""
        families = (family.name for family in self.maker.renderer.families)
        return {
            **self.total_segments,
            **{name: column.whole for name, column in zip(families, self.columns, strict=True)},
        }

    @property
    def totals_by_family(self) -> Mapping[str, Tally]:
        """The totals by the family's name."""
        return {family.name: total for family, total in zip(WORKSPACE_FAMILIES, self.totals, strict=True)}

    @property
    def trunk_count(self) -> int:
        return count_trunks(self.trunks)

    def judged(self) -> Iterator[Judged]:
        """Decode the trunks, in the order in which they are exposed."""
        for bucket in self.buckets:
            yield from self.maker.judged(bucket, self.around)

    def remarked(self) -> Iterator[Remarked]:
        for bucket in self.buckets:
            yield from bucket.remarked

    @property
    def packed_states(self) -> tuple[bytes, ...]:
        return tuple(bucket.states for bucket in self.buckets)

    def is_shown_by(self, walk: Walk, maker: BucketMaker) -> bool:
        """Return whether the first walk of a poll saw the very answers that this fleet was made of."""
        answers = [page.digest for page in walk.pages]
        return self.maker is maker and self.is_settled and answers == list(self.answers)

    def again(self) -> "Fleet":
        """Return the fleet of another poll with the same answers."""
        return replace(self, result=replace(self.result, reused_pages=self.result.pages))


def states_that_differ(before: Fleet | None, after: Fleet) -> Iterator[tuple[States, States]]:
    """Yield the states before and after of the trunks in buckets that differ."""
    if before is None or before.bits != after.bits:
        yield states_of(before.buckets if before else ()), states_of(after.buckets)
        return
    for one, other in zip(before.buckets, after.buckets, strict=True):
        if one.states != other.states:
            yield states_of([one]), states_of([other])


def states_of(buckets: Iterable[Bucket]) -> States:
    return {state.key: state for bucket in buckets for state in unpack_states(bucket.states)}


def build_fleet(  # noqa: PLR0913, PLR0917 - what a poll found, and what was there before
    maker: BucketMaker,
    max_trunks: int,
    verdict: Verdict,
    walks: Sequence[Walk],
    started_walks: int,
    before: Fleet | None,
    remembered: States,
) -> Fleet:
    """Build the fleet of a verdict over walks, the newest last.

    Buckets of the fleet ``before`` in which nothing changed are taken as they are. ``remembered`` are states that
    trunks had, beside those of the fleet before.

    Raises:
        ApiError: ``too_large``, there are more trunks than ``max_trunks``; ``invalid_response``, a row disobeys the
            filter.
    """
    trunks = verdict.trunks
    count = count_trunks(trunks)
    if count > max_trunks:
        raise too_many(max_trunks, f"the API lists {count} trunks")
    bits = maker.bits(len(trunks), before.bits if before else None)
    changed = _changed(trunks, before.trunks if before else {})
    around = _surroundings(trunks, changed, before)
    kept = before if before is not None and _may_be_kept(before, maker, bits, around) else None
    if kept is None:
        keys_by_bucket = _all_keys(trunks, bits)
    else:
        if around is not kept.around:
            changed |= {key for key, _ in around.bound_elsewhere.items() ^ kept.around.bound_elsewhere.items()}
        keys_by_bucket = _keys_of_changed(changed, trunks, kept.buckets, bits)
    buckets = dict(enumerate(kept.buckets)) if kept else {}
    segments: dict[int, list[Segment]] = {}
    known = _known_states(before, bits, remembered)
    for batch in _batches(keys_by_bucket):
        items = _items(batch, trunks, walks, kept.buckets if kept else ())
        for index, keys in batch.items():
            buckets[index], segments[index] = maker.make([trunks[key] for key in keys], items, known(index), around)
    made = tuple(buckets.values())
    tallies = add_up(bucket.unpacked_tallies() for bucket in made)
    totals = tuple(
        bounded(family, tally, before.totals[index] if before else {}, maker.judge.expectation)
        for index, (family, tally) in enumerate(zip(WORKSPACE_FAMILIES, tallies, strict=True))
    )
    total_segments, total_series = maker.renderer.totals(totals)
    newest = walks[-1]
    return Fleet(
        maker=maker,
        trunks=trunks,
        around=around,
        bits=bits,
        buckets=made,
        columns=_columns(segments, kept.columns if kept else None, len(maker.renderer.families)),
        totals=totals,
        total_segments=total_segments,
        series=total_series + sum(bucket.series for bucket in made),
        answers={page.digest: page.answer for page in newest.pages},
        result=PollResult(
            walks=started_walks,
            pages=len(newest.pages),
            reused_pages=sum(page.digest in before.answers for page in newest.pages) if before else 0,
            reported_trunks=newest.last_total,
            drift=verdict.drift,
            invalid_fields=_added_up(bucket.invalid_fields for bucket in made),
            invalid_items=len(trunks) - count,
            duplicate_items=sum(map(len, trunks.values())) - len(trunks),
        ),
        unconfirmed={key: before.trunks[key] if before else () for key in verdict.missing} if len(walks) == 1 else {},
        is_settled=started_walks == 1 and verdict.whole and verdict.confirmed,
    )


def _may_be_kept(before: Fleet, maker: BucketMaker, bits: int, around: Surroundings) -> bool:
    return before.maker is maker and before.bits == bits and before.around.bindings_known == around.bindings_known


def _known_states(before: Fleet | None, bits: int, remembered: States) -> Callable[[int], States]:
    """Return a function that returns the states before of the trunks in a bucket."""
    if before is None:
        return lambda _: remembered
    if before.bits != bits:
        states = {**remembered, **states_of(before.buckets)}
        return lambda _: states
    return lambda index: {**remembered, **states_of([before.buckets[index]])}


def _changed(trunks: Trunks, before: Trunks) -> set[str]:
    changed = {key for key, group in trunks.items() if before.get(key) != group}
    if len(trunks) - len(changed) < len(before):
        changed.update(key for key in before if key not in trunks)
    return changed


def _surroundings(trunks: Trunks, changed: Iterable[str], before: Fleet | None) -> Surroundings:
    if before is not None and all(_stand_alike(trunks.get(key), before.trunks.get(key)) for key in changed):
        return before.around
    known = not trunks or any(row.states_bindings for group in trunks.values() for row in group)
    return Surroundings(known, _bound_elsewhere(trunks))


def _stand_alike(group: Group | None, other: Group | None) -> bool:
    """Return whether the rows of a trunk are alike in all that matters to other trunks."""
    if group is None or other is None or len(group) != len(other):
        return False
    return all(
        row.number == was.number and row.channels == was.channels and row.states_bindings == was.states_bindings
        for row, was in zip(group, other, strict=True)
    )


def _bound_elsewhere(trunks: Trunks) -> Mapping[str, int]:
    """Return a bit for each channel that other trunks with the same number are bound on, by key."""
    first: dict[str, str] = {}
    shared: dict[str, set[str]] = {}
    for key, group in trunks.items():
        for row in group:
            if row.number and first.setdefault(row.number, key) != key:
                shared.setdefault(row.number, {first[row.number]}).add(key)
    bound = {key: _union(row.channels for row in trunks[key]) for keys in shared.values() for key in keys}
    elsewhere: dict[str, int] = {}
    for keys in shared.values():
        for key in keys:
            elsewhere[key] = elsewhere.get(key, 0) | _union(bound[other] for other in keys if other != key)
    return {key: channels for key, channels in elsewhere.items() if channels}


def _union(channels: Iterable[int]) -> int:
    return reduce(or_, channels, 0)


def _added_up(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total = Counter[str]()
    for count in counts:
        if count:
            total.update(count)
    return total


def _all_keys(trunks: Trunks, bits: int) -> dict[int, list[str]]:
    keys: dict[int, list[str]] = {index: [] for index in range(1 << bits)}
    for key in trunks:
        keys[bucket_of(key, bits)].append(key)
    return {index: in_order(found) for index, found in keys.items()}


def _keys_of_changed(
    changed: Iterable[str], trunks: Trunks, buckets: Sequence[Bucket], bits: int
) -> dict[int, list[str]]:
    """Return the keys in each bucket that is to be made anew, in their order."""
    by_bucket: dict[int, set[str]] = {}
    for key in changed:
        by_bucket.setdefault(bucket_of(key, bits), set()).add(key)
    return {
        index: in_order(key for key in keys.union(row.key for row in buckets[index].rows) if key in trunks)
        for index, keys in by_bucket.items()
    }


def _batches(keys_by_bucket: Mapping[int, list[str]]) -> Iterator[Mapping[int, list[str]]]:
    # In parts, so that not all of a large list's JSON is held at once.
    left = iter(keys_by_bucket.items())
    while batch := dict(islice(left, _BATCH)):
        yield batch


def _items(
    keys_by_bucket: Mapping[int, Sequence[str]], trunks: Trunks, walks: Sequence[Walk], kept: Sequence[Bucket]
) -> Mapping[bytes, bytes]:
    """Return the JSON of rows by digest, taken from the buckets before and from the pages that came."""
    needed = {row.digest for keys in keys_by_bucket.values() for key in keys for row in trunks[key]}
    items: dict[bytes, bytes] = {}
    for index in keys_by_bucket if kept else ():
        rows = kept[index].rows
        if any(row.digest in needed for row in rows):
            items.update((row.digest, json) for row, json in zip(rows, kept[index].json(), strict=True))
    needed.difference_update(items)
    for page in (page for walk in reversed(walks) for page in walk.pages):
        if not needed:
            break
        found = [(position, row.digest) for position, row in enumerate(page.rows) if row.digest in needed]
        if found:
            json = page.items()
            items.update((digest, json[position]) for position, digest in found)
            needed.difference_update(digest for _, digest in found)
    return items


def _columns(segments: Mapping[int, list[Segment]], kept: Sequence[Column] | None, families: int) -> tuple[Column, ...]:
    # Segments are taken out of the lists, the last family first: to hold all of them twice takes too much memory.
    columns = []
    for family in reversed(range(families)):
        made = {index: found.pop() for index, found in sorted(segments.items())}
        columns.append(Column.of(list(made.values())) if kept is None else kept[family].replaced(made))
    return tuple(reversed(columns))
