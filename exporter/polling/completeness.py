"""Decides whether the walks of a poll have seen the whole list.

The API promises no order between requests, and the list may change while it is read. A part of it must never
be taken for the whole: missing trunks would look as if they were gone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.polling.walk import Walk
from exporter.trunks.rows import Group, RowsByTrunk, are_siblings, names_trunk

MAX_WALKS = 3  # of a poll


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The rows of a poll, and whether they may be published."""

    walks: Sequence[Walk]  # the newest last
    started_walks: int  # also those that did not come to an end
    trunks: RowsByTrunk
    changed: set[str]  # the keys of trunks whose rows differ from the fleet before
    whole: bool  # they are the list
    acceptable: bool  # only the length of the list changed meanwhile, and as many rows came as it had at some moment
    unseen: frozenset[str]  # trunks of the fleet before that no walk saw, while another walk has to confirm that
    partly_seen: RowsByTrunk  # likewise, trunks of which some rows only were seen, with the rows of the fleet before
    confirmed: bool  # nothing that the fleet before had is missing, or two walks listed the same without it
    drift: int  # the number of rows by which they differ from the total reported last
    explanation: str  # what does not add up, for the log; empty where nothing is wrong


def assess(
    walks: Sequence[Walk], before: RowsByTrunk, cut: Sequence[Walk] = (), unseen: Iterable[str] = ()
) -> Assessment:
    """Assess the walks of a poll so far, the newest last; there is at least one.

    ``before`` are the rows of the fleet before, which shows which trunks the API lists in several rows. ``cut`` are
    walks that did not come to an end, ``unseen`` the keys of trunks that were unseen in the poll before.
    """
    settled = [(walk, _settle(walk, walks, before)) for walk in reversed(walks)]
    newest, newest_trunks = settled[0]
    union = _unite([settled_trunks for _, settled_trunks in settled])
    whole = next(((walk, trunks) for walk, trunks in settled if _is_whole(walk, trunks)), None)
    acceptable = next(((walk, trunks) for walk, trunks in settled if _fits(trunks, [walk])), None)
    walk, trunks = whole or acceptable or settled[0]
    is_union_whole = (
        whole is None and len(walks) > 1 and all(each.is_echoed and each.totals == {_count(union)} for each in walks)
    )
    # A walk may have missed what another one saw; while the totals leave room for that, it stays.
    if is_union_whole or (whole is None and acceptable is not None and _fits(union, walks)):
        trunks = union
    changed = _differing(trunks, before)
    # Of several rows of a trunk, one may be missing.
    lacking = [key for key in changed if len(trunks.get(key, ())) < len(before.get(key, ())) and names_trunk(key)]
    lacking += [key for key in unseen if key not in trunks]
    if lacking:
        seen = _unite([union, *(_settle(each, walks, before) for each in reversed(cut))])
        trunks = _unite([trunks, {key: seen[key] for key in lacking if key in seen}])
        changed = _differing(trunks, before)
        lacking = [key for key in lacking if len(trunks.get(key, ())) < len(before.get(key, ()))]
    confirmed = not lacking or any(_lists_the_same(walk, other) for other in walks if other is not walk)
    unconfirmed = [] if confirmed or len(walks) == MAX_WALKS else lacking
    return Assessment(
        walks=tuple(walks),
        started_walks=len(walks),
        trunks=trunks,
        changed=changed,
        whole=whole is not None or is_union_whole,
        acceptable=acceptable is not None,
        unseen=frozenset(key for key in unconfirmed if key not in trunks),
        partly_seen={key: before[key] for key in unconfirmed if key in trunks},
        confirmed=confirmed,
        drift=0 if newest.last_total is None else abs(_count(trunks) - newest.last_total),
        explanation="" if whole else _explain(newest, newest_trunks),
    )


def _differing(trunks: RowsByTrunk, before: RowsByTrunk) -> set[str]:
    differing = {key for key, group in trunks.items() if before.get(key) != group}
    if len(trunks) - len(differing) < len(before):
        differing.update(key for key in before if key not in trunks)
    return differing


def _unite(walks: Sequence[RowsByTrunk]) -> RowsByTrunk:
    """Unite walks, the newest first: the rows of a trunk are those of the first walk that has the most."""
    union = walks[0]
    for trunks in walks[1:]:
        union = {**union, **{key: rows for key, rows in trunks.items() if len(rows) > len(union.get(key, ()))}}
    return union


def _lists_the_same(one: Walk, other: Walk) -> bool:
    """Return whether two walks list the same trunks, on the same channels; then neither misses any.

    A walk may have as many rows as the total says, and yet miss a trunk, if it lists both a trunk that was removed
    meanwhile and one that was added. An earlier walk does not list the added one, a later walk not the removed one.
    """
    return {(row.key, row.channels) for row in one.rows} == {(row.key, row.channels) for row in other.rows}


def _settle(walk: Walk, walks: Sequence[Walk], before: RowsByTrunk) -> RowsByTrunk:
    """Return the rows of each trunk of a walk; of several that may be one row, which moved meanwhile, only the last.

    Several rows of a trunk are the API's way of listing it where another walk, or the fleet before, has it so, too.
    """
    if len(walk.trunks) == walk.row_count:
        return walk.trunks
    others = [other for other in walks if other is not walk]
    listed = walk.totals, Counter(row.digest for row in walk.rows)
    # Where two walks saw the same, nothing moved, and repeats are the API's way of listing.
    still = any(listed == (other.totals, Counter(row.digest for row in other.rows)) for other in others)
    lists = [before, *(other.trunks for other in others)]
    last = {row.key: row for row in walk.rows}
    moved = {
        key: (last[key],)
        for key, rows in walk.trunks.items()
        if len(rows) > 1 and not still and not any(_lists_alike(rows, trunks.get(key, ())) for trunks in lists)
    }
    return {**walk.trunks, **moved} if moved else walk.trunks


def _lists_alike(rows: Group, others: Group) -> bool:
    """Return whether other rows show that several rows are the API's way of listing a trunk.

    A row that moved is not seen twice in the same two versions. It may be seen twice unchanged, so that equal rows show
    nothing.
    """
    if are_siblings(rows):
        return Counter(row.channels for row in rows) == Counter(row.channels for row in others)
    return rows == others and len({row.digest for row in rows}) == len(rows)


def _count(trunks: RowsByTrunk) -> int:
    return sum(map(len, trunks.values()))


def _fits(trunks: RowsByTrunk, walks: Sequence[Walk]) -> bool:
    """Return whether only the total moved in these walks, and the number of rows is within its range."""
    totals = frozenset[int | None]().union(*(walk.totals for walk in walks))
    reported = [total for total in totals if total is not None]
    return (
        all(walk.is_echoed for walk in walks)
        and len(reported) == len(totals) > 1
        and min(reported) <= _count(trunks) <= max(reported)
    )


def _is_whole(walk: Walk, trunks: RowsByTrunk) -> bool:
    # Without a total nothing contradicts.
    adds_up = walk.totals in {frozenset({walk.row_count}), frozenset({None})}
    return walk.is_echoed and adds_up and _count(trunks) == walk.row_count


def _explain(walk: Walk, trunks: RowsByTrunk) -> str:
    totals = dict.fromkeys(page.pagination.total for page in walk.pages)
    reported = " then ".join(str(total) for total in totals if total is not None) or "no number of"
    text = f"the API reports {reported} rows, the last walk found {walk.row_count}"
    if (repeats := walk.row_count - _count(trunks)) > 0:
        text += f", {repeats} of them twice"
    if others := [page for page in walk.pages if not page.is_echoed]:
        asked, echo = others[0].number, others[0].pagination.current_page
        answered_with = "one without a number" if echo is None else f"page {echo}"
        text += f"; asked for page {asked} it answered with {answered_with}"
    return text
