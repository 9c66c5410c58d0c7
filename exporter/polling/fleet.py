"""The fleet: the trunks of a workspace as a poll found them, judged and rendered, in buckets."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from operator import attrgetter, or_

from exporter.metrics.api_metrics import PollResult
from exporter.metrics.gzip_segments import Column, ColumnCopy, Segment
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Sums, Tally, bounded, replace_tallies
from exporter.polling.buckets import Bucket, BucketMaker, Findings, Surroundings, bucket_of, unpack_states
from exporter.polling.completeness import Assessment, Trunks
from exporter.polling.walk import PART_BITS, Answer, Contents, Walk, too_many
from exporter.trunks.changes import States
from exporter.trunks.out_of_service import Judged
from exporter.trunks.rows import Group, count_trunks, names_trunk


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fleet:
    """The trunks of a workspace after a successful poll.

    Attributes:
        maker: the one that made the buckets.
        made_at: when that was, in Unix time.
        trunks: the rows of each trunk, and rows that name no trunk.
        buckets: ``1 << bits`` of them.
        columns: the series of trunks, by the name of the family in force.
        sums: of the buckets' tallies.
        totals: of the workspace, by the name of the family.
        total_segments: the same, rendered.
        concerns: how many trunks are to be looked at, by concern; by "" for any.
        answers: the pages of the newest walk by the digests of their bodies, in their order.
        unconfirmed: trunks of the fleet before that the only walk did not see, or not all rows of, with the rows that
            are known of them.
        is_settled: whether the first walk was whole and confirmed.
    """

    maker: BucketMaker
    made_at: float
    trunks: Trunks
    around: Surroundings
    bits: int
    buckets: tuple[Bucket, ...]
    columns: Mapping[str, Column]
    sums: Sums
    totals: Mapping[str, Tally]
    total_segments: Mapping[str, Segment]
    concerns: Mapping[str, int]
    answers: Mapping[bytes, Answer]
    result: PollResult
    unconfirmed: Trunks
    is_settled: bool

    @property
    def segments(self) -> Mapping[str, Segment]:
        """Everything that is exposed, by family."""
        return {**self.total_segments, **{name: column.whole for name, column in self.columns.items()}}

    @property
    def series(self) -> int:
        return count_series(self.segments)

    @property
    def trunk_count(self) -> int:
        return len(self.trunks) - self.result.invalid_items

    def judged_trunks(self, keys: Iterable[str]) -> Mapping[str, Judged]:
        """Decode trunks of the fleet, by key."""
        keys = set(keys)
        return {
            judged.trunk.key: judged
            for index in sorted({bucket_of(key, self.bits) for key in keys})
            for judged in self.buckets[index].unpacked_trunks()
            if judged.trunk.key in keys
        }

    @property
    def packed_states(self) -> tuple[bytes, ...]:
        return tuple(bucket.states for bucket in self.buckets)

    def is_shown_by(self, walk: Walk, maker: BucketMaker, now: float) -> bool:
        """Return whether the first walk of a poll saw the very answers that this fleet was made of."""
        answers = [page.digest for page in walk.pages]
        return self.may_be_kept(maker, now) and self.is_settled and answers == list(self.answers)

    def may_be_kept(self, maker: BucketMaker, now: float) -> bool:
        # Once the clock was set back, no trunk may be out of service since the future.
        return self.maker is maker and self.made_at <= now

    def again(self) -> "Fleet":
        """Return the fleet of another poll with the same answers."""
        return replace(self, result=replace(self.result, reused_pages=self.result.pages))


def count_series(segments: Mapping[str, Segment]) -> int:
    return sum(segment.lines for segment in segments.values())


def states_that_differ(before: Fleet | None, after: Fleet) -> Iterator[tuple[States, States]]:
    """Yield the states before and after of the trunks in buckets that differ."""
    if before is None or before.bits != after.bits:
        yield states_of(before.buckets if before else ()), states_of(after.buckets)
        return
    for one, other in zip(before.buckets, after.buckets, strict=True):
        if one.states != other.states:
            yield states_of([one]), states_of([other])


def states_of(buckets: Iterable[Bucket]) -> States:
    return unpack_states(*(bucket.states for bucket in buckets))


def build_fleet(  # noqa: PLR0913, PLR0917 - what a poll found, and what was there before
    maker: BucketMaker,
    max_trunks: int,
    assessment: Assessment,
    walks: Sequence[Walk],
    contents: Contents,
    started_walks: int,
    before: Fleet | None,
    remembered: States,
    now: float,
) -> Fleet:
    """Build the fleet of walks, the newest last, as they were assessed.

    Buckets of the fleet ``before`` in which nothing changed are taken as they are. ``remembered`` are states that
    trunks had, beside those of the fleet before; ``now`` is Unix time.

    Raises:
        ApiError: ``too_large``, there are more trunks than ``max_trunks``; ``invalid_response``, a row disobeys the
            filter.
    """
    held = _held(assessment, before) if len(walks) == 1 else {}
    trunks: Trunks = {**assessment.trunks, **held} if held else assessment.trunks
    count = count_trunks(trunks)
    if count > max_trunks:
        raise too_many(max_trunks, f"the API lists {count} trunks")
    bits = maker.bits(count, before.bits if before else None)
    around = _surroundings(trunks, assessment.changed, before)
    if (
        before is not None
        and before.may_be_kept(maker, now)
        and before.bits == bits
        and before.around.bindings_known == around.bindings_known
    ):
        buckets, columns, around_before = list(before.buckets), before.columns, before.around
        sums = [dict(each) for each in before.sums]
        changed = assessment.changed - held.keys()
    else:
        if held:  # rows that no walk saw cannot be read
            held, trunks, around = {}, assessment.trunks, _surroundings(assessment.trunks, assessment.changed, before)
        if before is not None:
            remembered = {**remembered, **states_of(before.buckets)}
        buckets, around_before = [maker.empty] * (1 << bits), around
        columns = {family.name: Column.of_empty(1 << bits) for family in maker.renderer.families}
        sums = [{} for _ in maker.empty.unpacked_tallies()]
        changed = set(trunks)
    changed = set(filter(names_trunk, changed))
    answers = before.answers if before else {}
    # Most rows that came before are on pages that are new.
    pages = sorted((page for walk in walks for page in walk.pages), key=lambda page: page.digest in answers)
    contents.complete(pages, [trunks[key] for key in changed if key in trunks])
    if around is not around_before:
        changed |= {key for key, _ in around.bound_elsewhere.items() ^ around_before.bound_elsewhere.items()}
    copies: dict[str, ColumnCopy] = {}
    served = 0 if before or remembered else None  # by a trunk that is new: nothing is known at first
    by_bucket = sorted(_by_bucket(changed, trunks, bits).items())
    for part, its_buckets in groupby(by_bucket, lambda bucket: bucket[0] >> max(0, bits - PART_BITS)):
        read = contents.take(part, min(bits, PART_BITS))
        findings = Findings(read, contents.json, around, remembered, served, now)
        for index, groups in its_buckets:
            bucket, rendered = maker.make(buckets[index], groups, findings)
            replace_tallies(sums, buckets[index].unpacked_tallies(), bucket.unpacked_tallies())
            buckets[index] = bucket
            for name, segment in rendered.items():
                if name not in copies:
                    copies[name] = ColumnCopy(columns[name])
                copies[name].replace(index, segment)
    *tallies, concerns, invalid_fields = ({value: amount for value, (amount, _) in each.items()} for each in sums)
    totals = {
        family.name: bounded(family, tally, before.totals[family.name] if before else {}, maker.judge.expectation)
        for family, tally in zip(WORKSPACE_FAMILIES, tallies, strict=True)
    }
    newest = walks[-1]
    return Fleet(
        maker=maker,
        made_at=now,
        trunks=trunks,
        around=around,
        bits=bits,
        buckets=tuple(buckets),
        columns={name: copies.pop(name).finish() if name in copies else column for name, column in columns.items()},
        sums=sums,
        totals=totals,
        total_segments=maker.renderer.totals(totals),
        concerns={concern: int(count) for concern, count in concerns.items()},
        answers={page.digest: page.answer for page in newest.pages},
        result=PollResult(
            walks=started_walks,
            pages=len(newest.pages),
            reused_pages=sum(page.digest in answers for page in newest.pages),
            reported_trunks=newest.last_total,
            drift=assessment.drift,
            invalid_fields={path: int(count) for path, count in invalid_fields.items()},
            invalid_items=len(trunks) - count,
            duplicate_items=sum(map(len, trunks.values())) - len(trunks),
        ),
        unconfirmed=held | {key: before.trunks[key] if before else () for key in assessment.missing if len(walks) == 1},
        is_settled=started_walks == 1 and assessment.whole and assessment.confirmed,
    )


def _held(assessment: Assessment, before: Fleet | None) -> dict[str, Group]:
    """Return the trunks that are shown as they were, because the only walk did not see all their rows.

    A trunk that the fleet before held already is shown as it is.
    """
    if before is None:
        return {}
    seen = ((key, before.trunks.get(key, ())) for key in assessment.changed - before.unconfirmed.keys())
    return {key: rows for key, rows in seen if 0 < len(assessment.trunks.get(key, ())) < len(rows)}


_standing = attrgetter("number", "channels", "states_bindings")  # what matters of a row to other trunks


def _surroundings(trunks: Trunks, changed: Iterable[str], before: Fleet | None) -> Surroundings:
    if before is not None and all(
        [*map(_standing, trunks.get(key, ()))] == [*map(_standing, before.trunks.get(key, ()))] for key in changed
    ):
        return before.around
    bindings_known = not trunks or any(row.states_bindings for group in trunks.values() for row in group)
    return Surroundings(bindings_known, _bound_elsewhere(trunks))


def _bound_elsewhere(trunks: Trunks) -> Mapping[str, int]:
    """Return a bit for each channel that other trunks with the same number are bound on, by key."""
    counts = Counter(row.number for group in trunks.values() for row in group)
    several = {number for number, count in counts.items() if count > 1 and number}
    shared: dict[str, set[str]] = {}
    for key, group in trunks.items() if several else ():
        for row in group:
            if row.number in several:
                shared.setdefault(row.number, set()).add(key)
    bound = {key: _union(row.channels for row in trunks[key]) for keys in shared.values() for key in keys}
    elsewhere: dict[str, int] = {}
    for keys in shared.values():
        for key in keys:
            elsewhere[key] = elsewhere.get(key, 0) | _union(bound[other] for other in keys if other != key)
    return {key: channels for key, channels in elsewhere.items() if channels}


def _union(channels: Iterable[int]) -> int:
    return reduce(or_, channels, 0)


def _by_bucket(changed: Iterable[str], trunks: Trunks, bits: int) -> Mapping[int, Mapping[str, Group]]:
    """Return the rows of changed trunks, none where a trunk is gone, by bucket and key."""
    by_bucket: dict[int, dict[str, Group]] = {}
    for key in changed:
        by_bucket.setdefault(bucket_of(key, bits), {})[key] = trunks.get(key, ())
    return by_bucket
