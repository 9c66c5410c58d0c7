"""A whole list, rendered: what a workspace shows until the next one replaces it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.metrics.rendering import Renderer
from exporter.metrics.segment import Segment
from exporter.metrics.workspace_families import Tally
from exporter.polling.completeness import Verdict
from exporter.polling.gathering import gather_pages
from exporter.polling.page import Answer, ListedPage, Page, Place
from exporter.polling.shelf import Shelf
from exporter.polling.walk import Walk, too_many
from exporter.trunks.row import Group

_RESIDUE_ROWS = 100  # lifted trunks a page: as many as the API lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a successful poll found.

    Attributes:
        pages: the pages of the list, then those of the trunks that were lifted out of them.
        sums: the workspace's totals, one for each of WORKSPACE_FAMILIES.
        answers: what the answers said that the list came in, by the digest of each, in their order.
        is_settled: one walk showed the whole list, and neither another nor an earlier poll was needed to tell that.
        segments: the trunk series, by family.
        series: how many series the segments hold.
        walks: how often the list was walked through.
        listed_pages: pages of the walk that was taken.
        reused_pages: those of them that the previous snapshot had already.
        reported: the total that the API reported last, None where it reports none.
        drift: rows by which the rows taken differ from that.
        habits: trunks that the API lists more than once, with the rows that contradict each other.
        invalid_fields: how many of each field could not be read.
        invalid_items: rows that are about no trunk.
        duplicate_items: rows beyond the first of a trunk.
        added: trunks that the previous snapshot did not have; removed: those that only it had.
    """

    pages: tuple[Page, ...]
    sums: tuple[Tally, ...]
    answers: Mapping[bytes, Answer]
    is_settled: bool
    segments: Mapping[str, tuple[Segment, ...]]
    series: int
    walks: int
    listed_pages: int
    reused_pages: int
    reported: int | None
    drift: int
    habits: Mapping[str, Group]
    invalid_fields: Mapping[str, int]
    invalid_items: int
    duplicate_items: int
    added: int
    removed: int

    @property
    def trunks(self) -> int:
        """How many trunks there are."""
        return len(_trunk_keys(self.pages))

    def is_shown_by(self, walk: Walk) -> bool:
        """Tell whether the first walk of a poll saw the answers that this snapshot was made of, and they settle it."""
        return self.is_settled and [page.answer_digest for page in walk.pages] == list(self.answers)

    def again(self) -> "Snapshot":
        """Return what another poll makes of the same answers."""
        return replace(self, reused_pages=self.listed_pages, added=0, removed=0)


@dataclass(frozen=True, slots=True)
class Assembly:
    """Puts snapshots together for one workspace."""

    renderer: Renderer
    max_trunks: int

    def assemble(
        self, verdict: Verdict, walks: int, shelf: Shelf, previous: Snapshot | None, rendered: Snapshot | None
    ) -> Snapshot:
        """Make a snapshot of the rows that a verdict chose after so many walks.

        It is compared with the ``previous`` one, and shares text with the one that was ``rendered`` in the same way.

        Raises:
            Fault: ``too_large``, there are more trunks than ``max_trunks``.
        """
        newest = verdict.walk
        keys = {row.key: row.is_trunk for row in (place.row for place in verdict.chosen)}
        trunks = sum(keys.values())
        if trunks > self.max_trunks:
            raise too_many(self.max_trunks, f"the API lists {trunks} trunks")
        lifted = _lifted(verdict)
        listed = tuple(shelf.page(page, _keys_on(page, lifted)) for page in newest.pages)
        found = (*listed, *_residue(lifted, shelf))
        families = self.renderer.families
        before = rendered.pages if rendered else ()
        pages, columns = gather_pages(found, before, [rendered.segments[name] for name in families] if rendered else ())
        sums, totals = self.renderer.add_up([page.rendered for page in pages], previous.sums if previous else None)
        known = set(map(id, before))
        added, removed = _changes(found, previous)
        return Snapshot(
            pages=pages,
            sums=sums,
            answers={page.answer_digest: Answer(page.position, page.digest) for page in newest.pages},
            is_settled=walks == 1 and verdict.whole and not verdict.habits,
            segments=dict(zip(families, columns, strict=True)) | {name: (segment,) for name, segment in totals.items()},
            series=sum(page.rendered.series for page in pages) + sum(map(len, sums)),
            walks=walks,
            listed_pages=len(listed),
            reused_pages=sum(id(page) in known for page in listed),
            reported=newest.last_total,
            drift=verdict.drift,
            habits=verdict.habits,
            invalid_fields=sum((Counter(page.invalid_fields) for page in pages), Counter()),
            invalid_items=len(keys) - trunks,
            duplicate_items=len(verdict.chosen) - len(keys),
            added=added,
            removed=removed,
        )


def _lifted(verdict: Verdict) -> dict[str, list[Place]]:
    """Return the rows of each trunk that cannot be rendered where it is listed, by key.

    It can be where the rows chosen for it are on one page of the walk, and are all that the walk has of it.
    """
    newest = verdict.walk
    listed_times = Counter(row.key for row in newest.rows())
    if len(listed_times) == len(newest.places) == len(verdict.chosen):
        return {}
    places: dict[str, list[Place]] = defaultdict(list)
    for place in verdict.chosen:
        places[place.row.key].append(place)
    in_newest = set(map(id, newest.pages))
    return {
        key: same
        for key, same in places.items()
        if len(same) != listed_times[key]
        or any(place.page is not same[0].page for place in same)
        or id(same[0].page) not in in_newest
    }


def _keys_on(page: ListedPage, lifted: Collection[str]) -> frozenset[str]:
    return frozenset(row.key for row in page.rows if row.key in lifted) if lifted else frozenset()


def _residue(lifted: Mapping[str, list[Place]], shelf: Shelf) -> list[Page]:
    keys = sorted(lifted)
    return [
        shelf.residue([place for key in keys[start : start + _RESIDUE_ROWS] for place in lifted[key]])
        for start in range(0, len(keys), _RESIDUE_ROWS)
    ]


def _changes(pages: Sequence[Page], previous: Snapshot | None) -> tuple[int, int]:
    """Count the trunks that came since the previous snapshot, and those that went."""
    if previous is None or set(map(id, pages)) == set(map(id, previous.pages)):
        return 0, 0
    before, now = _trunk_keys(previous.pages), _trunk_keys(pages)
    # One by one, since the difference of two sets this large is taken in one go, in which no scrape is answered.
    added = sum(key not in before for key in now)
    return added, len(before) - (len(now) - added)


def _trunk_keys(pages: Sequence[Page]) -> set[str]:
    return {row.key for page in pages for row in page.rows if row.is_trunk}
