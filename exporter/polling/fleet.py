"""The fleet: the trunks of a workspace as a poll found them, judged and rendered, in buckets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from exporter.metrics.api_metrics import PollResult
from exporter.metrics.gzip_segments import Column, ColumnCopy, Segment
from exporter.metrics.trunk_families import TRUNK_FAMILIES
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally, bounded, sums
from exporter.polling.buckets import PARTS, Bucket, BucketMaker, Findings, Made, bucket_of, unpack_states
from exporter.polling.completeness import Assessment
from exporter.polling.walk import Contents, Page, Walk, too_many
from exporter.trunks.changes import States
from exporter.trunks.memory import Comparison
from exporter.trunks.out_of_service import Judged
from exporter.trunks.rows import Group, Surroundings, Trunks, count_trunks, names_trunk, stand_alike, surroundings


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fleet:
    """The trunks of a workspace after a successful poll."""

    maker: BucketMaker  # which made the buckets
    made_at: float  # Unix time
    trunks: Trunks  # also rows that name no trunk
    around: Surroundings
    buckets: tuple[Bucket, ...]
    columns: Mapping[str, Column]  # the series of trunks, by the name of the family in force
    totals: Mapping[str, Tally]  # of the workspace, by the name of the family
    total_segments: Mapping[str, Segment]  # the same, rendered
    concerns: Mapping[str, int]  # how many trunks are to be looked at, by concern; by "" for any
    pages: Mapping[bytes, Page]  # of the newest walk by the digests of their bodies, in their order
    result: PollResult
    unconfirmed: Trunks  # those before that the only walk did not see, or not all rows of, with the rows that are known
    is_settled: bool  # whether the first walk was whole and confirmed

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
            for index in sorted({bucket_of(key, len(self.buckets)) for key in keys})
            for judged in self.buckets[index].unpacked_trunks()
            if judged.trunk.key in keys
        }

    @property
    def packed_states(self) -> tuple[bytes, ...]:
        return tuple(bucket.states for bucket in self.buckets)

    def is_shown_by(self, walk: Walk, maker: BucketMaker, now: float) -> bool:
        """Return whether the first walk of a poll saw the very answers that this fleet was made of."""
        digests = [page.digest for page in walk.pages]
        return self.may_be_kept(maker, now) and self.is_settled and digests == list(self.pages)

    def may_be_kept(self, maker: BucketMaker, now: float) -> bool:
        # Once the clock was set back, no trunk may be out of service since the future.
        return self.maker is maker and self.made_at <= now

    def has_buckets_for(self, maker: BucketMaker, now: float, count: int, around: Surroundings) -> bool:
        is_split_alike = len(self.buckets) == count and self.around.bindings_known == around.bindings_known
        return is_split_alike and self.may_be_kept(maker, now)

    def without_agent_names(self, maker: BucketMaker) -> "Fleet":
        """Return the fleet without the series that have names of agents, as it is shown until the next poll."""
        named = {family.name for family in TRUNK_FAMILIES if "agent_name" in family.labels}
        columns = {name: column for name, column in self.columns.items() if name not in named}
        return replace(self, maker=maker, columns=columns)

    def again(self) -> "Fleet":
        """Return the fleet of another poll with the same answers."""
        return replace(self, result=replace(self.result, reused_pages=self.result.pages))


def count_series(segments: Mapping[str, Segment]) -> int:
    return sum(segment.lines for segment in segments.values())


def states_of(buckets: Iterable[Bucket]) -> States:
    return unpack_states(*(bucket.states for bucket in buckets))


class Found(NamedTuple):
    """What the walks of a poll found, the newest last, as it was assessed."""

    assessment: Assessment
    walks: Sequence[Walk]
    contents: Contents
    started_walks: int

    @property
    def unconfirmed(self) -> frozenset[str]:
        """The keys of trunks that the only walk did not see."""
        return self.assessment.missing if len(self.walks) == 1 else frozenset()

    def held(self, before: "Fleet | None") -> dict[str, Group]:
        """Return the trunks that are shown as they were, because the only walk did not see all their rows.

        A trunk that the fleet before held already is shown as it is.
        """
        if before is None or len(self.walks) > 1:
            return {}
        found = self.assessment.trunks
        seen = ((key, before.trunks.get(key, ())) for key in self.assessment.changed - before.unconfirmed.keys())
        return {key: rows for key, rows in seen if 0 < len(found.get(key, ())) < len(rows)}


class _Making:
    """The buckets of a fleet in the making, with their columns."""

    def __init__(self, maker: BucketMaker, count: int, before: Fleet | None) -> None:
        self._copies: dict[str, ColumnCopy] = {}
        if before is not None:
            self.buckets = list(before.buckets)
            self._columns = before.columns
        else:
            self.buckets = [maker.empty] * count
            self._columns = {family.name: Column.of_empty(count) for family in maker.renderer.families}

    def replace(self, index: int, made: Made) -> None:
        """Replace a bucket; this is called in the order of the indexes."""
        self.buckets[index] = made.bucket
        for name, segment in made.rendered.items():
            if name not in self._copies:
                self._copies[name] = ColumnCopy(self._columns[name])
            self._copies[name].replace(index, segment)

    def columns(self) -> Mapping[str, Column]:
        copies = self._copies
        return {name: copies.pop(name).finish() if name in copies else column for name, column in self._columns.items()}


def build_fleet(maker: BucketMaker, found: Found, before: Fleet | None, comparison: Comparison) -> Fleet:
    """Build the fleet of a poll, comparing its trunks with those before.

    Buckets of the fleet ``before`` in which nothing changed are taken as they are.

    Raises:
        ApiError: ``too_large``, there are more trunks than ``max_trunks``; ``invalid_response``, a row disobeys the
            filter.
    """
    assessment, now = found.assessment, comparison.now
    held = found.held(before)
    trunks: Trunks = {**assessment.trunks, **held} if held else assessment.trunks
    around = _surroundings(trunks, assessment.changed, before)
    count = count_trunks(trunks)
    if count > maker.max_trunks:
        raise too_many(maker.max_trunks, f"the API lists {count} trunks")
    bucket_count = maker.bucket_count(count, len(before.buckets) if before else None)
    kept = before if before and before.has_buckets_for(maker, now, bucket_count, around) else None
    known = comparison.stored or {}
    if kept is not None:
        changed = assessment.changed - held.keys()
        if around is not kept.around:
            changed |= {key for key, _ in around.bound_elsewhere.items() ^ kept.around.bound_elsewhere.items()}
    else:
        if held:  # rows that no walk saw cannot be read
            held, trunks = {}, assessment.trunks
            around = _surroundings(trunks, assessment.changed, before)
        if before is not None:
            known = states_of(before.buckets)
        changed = set(trunks)
        comparison.add({key: state for key, state in known.items() if key not in trunks}, {})
    changed = set(filter(names_trunk, changed))
    found.contents.complete([trunks[key] for key in changed if key in trunks])
    making = _Making(maker, bucket_count, kept)
    served = 0 if before or known or comparison.absent else None  # by a trunk that is new: nothing is known at first
    by_bucket = sorted(_by_bucket(changed, trunks, bucket_count).items())
    parts = min(bucket_count, PARTS)
    for part, its_buckets in groupby(by_bucket, lambda bucket: bucket[0] * parts // bucket_count):
        read = found.contents.take(part, parts)
        findings = Findings(read, found.contents.json, around, known, comparison.absent, served, now)
        for index, groups in its_buckets:
            made = maker.make(making.buckets[index], groups, findings)
            comparison.add(made.states_before, made.states)
            making.replace(index, made)
    *tallies, concerns, invalid_fields = sums(bucket.unpacked_tallies() for bucket in making.buckets)
    totals = {
        family.name: bounded(family, tally, before.totals[family.name] if before else {}, maker.judge.expectation)
        for family, tally in zip(WORKSPACE_FAMILIES, tallies, strict=True)
    }
    newest, known_pages = found.walks[-1], before.pages if before else {}
    return Fleet(
        maker=maker,
        made_at=now,
        trunks=trunks,
        around=around,
        buckets=tuple(making.buckets),
        columns=making.columns(),
        totals=totals,
        total_segments=maker.renderer.totals(totals),
        concerns={concern: int(count) for concern, count in concerns.items()},
        pages={page.digest: page for page in newest.pages},
        result=PollResult(
            walks=found.started_walks,
            pages=len(newest.pages),
            reused_pages=sum(page.digest in known_pages for page in newest.pages),
            reported_trunks=newest.last_total,
            drift=assessment.drift,
            invalid_fields={path: int(count) for path, count in invalid_fields.items()},
            invalid_items=len(trunks) - count,
            duplicate_items=sum(map(len, trunks.values())) - len(trunks),
        ),
        unconfirmed=held | {key: before.trunks[key] if before else () for key in found.unconfirmed},
        is_settled=found.started_walks == 1 and assessment.whole and assessment.confirmed,
    )


def _surroundings(trunks: Trunks, changed: Iterable[str], before: Fleet | None) -> Surroundings:
    if before and all(stand_alike(trunks.get(key, ()), before.trunks.get(key, ())) for key in changed):
        return before.around
    return surroundings(trunks)


def _by_bucket(changed: Iterable[str], trunks: Trunks, count: int) -> Mapping[int, Mapping[str, Group]]:
    """Return the rows of changed trunks, none where a trunk is gone, by bucket and key."""
    by_bucket: dict[int, dict[str, Group]] = {}
    for key in changed:
        by_bucket.setdefault(bucket_of(key, count), {})[key] = trunks.get(key, ())
    return by_bucket
