"""The fleet: the trunks of a workspace as a poll found them, judged and rendered, in buckets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from exporter.metrics.api_metrics import PollResult
from exporter.metrics.gzip_segments import Column, ColumnCopy, Segment
from exporter.metrics.trunk_families import TRUNK_FAMILIES
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally, bounded, sums
from exporter.polling.buckets import PARTS, Bucket, BucketMaker, Inputs, bucket_of, unpack_states
from exporter.polling.completeness import Assessment
from exporter.polling.trunk_buffer import TrunkBuffer
from exporter.polling.walk import Page, Walk, too_many
from exporter.trunks.memory import Comparison
from exporter.trunks.out_of_service import Judged
from exporter.trunks.rows import Group, RowsByTrunk, Surroundings, count_trunks, names_trunk, stand_alike, surroundings


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fleet:
    """The trunks of a workspace after a successful poll."""

    maker: BucketMaker  # which made the buckets
    made_at: float  # Unix time
    trunks: RowsByTrunk  # also rows that name no trunk
    around: Surroundings
    buckets: tuple[Bucket, ...]
    columns: Mapping[str, Column]  # the series of trunks, by the name of the family in force
    totals: Mapping[str, Tally]  # of the workspace, by the name of the family
    total_segments: Mapping[str, Segment]  # the same, rendered
    concerns: Mapping[str, int]  # how many trunks are to be looked at, by concern; by "" for any
    pages: Mapping[bytes, Page]  # of the newest walk by the digests of their bodies, in their order
    result: PollResult
    unconfirmed: RowsByTrunk  # of trunks of the fleet before that were not seen, or not in all their rows
    first_walk_sufficed: bool  # it was whole and confirmed

    @property
    def segments(self) -> Mapping[str, Segment]:
        """Everything that is exposed, by family."""
        return {**self.total_segments, **{name: column.whole for name, column in self.columns.items()}}

    @property
    def trunk_count(self) -> int:
        return len(self.trunks) - self.result.invalid_items

    def judged_trunks(self, keys: Iterable[str]) -> Mapping[str, Judged]:
        """Decode trunks of the fleet, by key."""
        keys = set(keys)
        return {
            judged.trunk.key: judged
            for index in sorted({bucket_of(key, len(self.buckets)) for key in keys})
            for judged in self.buckets[index].unpacked_trunks()
            if judged.trunk.key in keys
        }

    @property
    def packed_states(self) -> tuple[bytes, ...]:
        return tuple(bucket.states for bucket in self.buckets)

    def again(self, walk: Walk, maker: BucketMaker, now: float) -> "Fleet | None":
        """Return the fleet of another poll if its first walk saw the very answers that this one was made of."""
        digests = [page.digest for page in walk.pages]
        if self.may_be_kept(maker, now) and self.first_walk_sufficed and digests == list(self.pages):
            return replace(self, result=replace(self.result, reused_pages=self.result.pages))
        return None

    def may_be_kept(self, maker: BucketMaker, now: float) -> bool:
        # Once the clock was set back, no trunk may be out of service since the future.
        return self.maker is maker and self.made_at <= now

    def without_agent_names(self, maker: BucketMaker) -> "Fleet":
        """Return the fleet without what shows names of agents, as it is shown until the next poll."""
        named = {family.name for family in TRUNK_FAMILIES if "agent_name" in family.labels}
        columns = {name: column for name, column in self.columns.items() if name not in named}
        buckets = tuple(bucket.without_agent_names() for bucket in self.buckets)
        return replace(self, maker=maker, columns=columns, buckets=buckets)


def build_fleet(
    maker: BucketMaker, assessment: Assessment, buffer: TrunkBuffer, last: Fleet | None, comparison: Comparison
) -> Fleet:
    """Build the fleet of a poll, comparing its trunks with those before.

    Buckets of the ``last`` fleet in which nothing changed are taken as they are, unless stored states replace it.

    Raises:
        ApiError: ``too_large``, there are more trunks than ``max_trunks``; ``invalid_response``, a row disobeys the
            filter.
    """
    now, before = comparison.now, last if comparison.stored is None else None
    # Trunks that were seen in part are shown as they were, but only once.
    held = {key: rows for key, rows in assessment.partly_seen.items() if before and key not in before.unconfirmed}
    trunks: RowsByTrunk = {**assessment.trunks, **held} if held else assessment.trunks
    around = _surroundings(trunks, assessment.changed, before)
    count = count_trunks(trunks)
    if count > maker.max_trunks:
        raise too_many(maker.max_trunks, f"the API lists {count} trunks")
    bucket_count = maker.bucket_count(count, len(before.buckets) if before else None)
    known = comparison.stored or {}
    split = bucket_count, around.bindings_known
    if before and (len(before.buckets), before.around.bindings_known) == split and before.may_be_kept(maker, now):
        buckets, columns = list(before.buckets), before.columns
        changed = assessment.changed - held.keys()
        if around is not before.around:
            changed |= {key for key, _ in around.bound_elsewhere.items() ^ before.around.bound_elsewhere.items()}
    else:
        if held:  # rows that no walk saw cannot be read
            held, trunks = {}, assessment.trunks
            around = _surroundings(trunks, assessment.changed, before)
        if before is not None:
            known = unpack_states(*before.packed_states)
        buckets = [maker.empty] * bucket_count
        columns = {family.name: Column.of_empty(bucket_count) for family in maker.renderer.families}
        changed = set(trunks)
        comparison.add({key: state for key, state in known.items() if key not in trunks}, {})
    by_bucket = _by_bucket(filter(names_trunk, changed), trunks, bucket_count)
    buffer.complete([group for groups in by_bucket.values() for group in groups.values()])
    served = 0 if before or known or comparison.absent else None  # by a trunk that is new: nothing is known at first
    copies: dict[str, ColumnCopy] = {}  # of columns with segments that change
    parts = min(bucket_count, PARTS)
    for part, indexes in groupby(sorted(by_bucket), lambda index: index * parts // bucket_count):
        read = buffer.take(part, parts)
        inputs = Inputs(read, buffer.json, around, known, comparison.absent, served, now)
        for index in indexes:
            made = maker.make(buckets[index], by_bucket[index], inputs)
            comparison.add(made.states_before, made.states)
            buckets[index] = made.bucket
            for name, segment in made.rendered.items():
                if name not in copies:
                    copies[name] = ColumnCopy(columns[name])
                copies[name].replace(index, segment)
    trunks_before = before.trunks if before else {}
    pages_before = before.pages if before else {}
    totals_before = last.totals if last else {}
    *tallies, concerns, invalid_fields = sums(bucket.unpacked_tallies() for bucket in buckets)
    totals = {
        family.name: bounded(family, tally, totals_before.get(family.name, {}), maker.judge.expectation)
        for family, tally in zip(WORKSPACE_FAMILIES, tallies, strict=True)
    }
    newest = assessment.walks[-1]
    return Fleet(
        maker=maker,
        made_at=now,
        trunks=trunks,
        around=around,
        buckets=tuple(buckets),
        columns={name: copies.pop(name).finish() if name in copies else column for name, column in columns.items()},
        totals=totals,
        total_segments=maker.renderer.totals(totals),
        concerns={concern: int(count) for concern, count in concerns.items()},
        pages={page.digest: page for page in newest.pages},
        result=PollResult(
            walks=assessment.started_walks,
            pages=len(newest.pages),
            reused_pages=sum(page.digest in pages_before for page in newest.pages),
            reported_trunks=newest.last_total,
            drift=assessment.drift,
            invalid_fields={path: int(count) for path, count in invalid_fields.items()},
            invalid_items=len(trunks) - count,
            duplicate_items=sum(map(len, trunks.values())) - len(trunks),
        ),
        unconfirmed=held | {key: trunks_before.get(key, ()) for key in assessment.unseen},
        first_walk_sufficed=assessment.started_walks == 1 and assessment.whole and assessment.confirmed,
    )


def _by_bucket(changed: Iterable[str], trunks: RowsByTrunk, count: int) -> Mapping[int, Mapping[str, Group]]:
    """Return the rows of changed trunks, none where a trunk is gone, by bucket and key."""
    by_bucket: dict[int, dict[str, Group]] = {}
    for key in changed:
        by_bucket.setdefault(bucket_of(key, count), {})[key] = trunks.get(key, ())
    return by_bucket


def _surroundings(trunks: RowsByTrunk, changed: Iterable[str], before: Fleet | None) -> Surroundings:
    if before and all(stand_alike(trunks.get(key, ()), before.trunks.get(key, ())) for key in changed):
        return before.around
    return surroundings(trunks)
