"""Decides whether the walks of a poll have seen the whole list.

The API promises no order between requests, and the list may change while it is read. A part of it must never
be taken for the whole: missing trunks would look as if they were gone.
"""

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass

from exporter.polling.page import Place
from exporter.polling.walk import Walk
from exporter.trunks.row import Group, distinct, repeats


@dataclass(frozen=True)
class Verdict:
    """Which rows the walks found, and how far they can be trusted.

    Attributes:
        walk: the newest walk, which the rows are laid out by.
        chosen: the rows, each once unless the API lists them so.
        habits: trunks that the API lists more than once with contradicting rows, which the next poll need not doubt.
        whole: they are the list.
        acceptable: only the length of the list changed meanwhile, and as many rows as it had at some moment came.
        drift: rows by which they differ from the total reported last.
        explanation: what does not add up, for whoever reads the log.
    """

    walk: Walk
    chosen: Collection[Place]
    habits: Mapping[str, Group]
    whole: bool
    acceptable: bool
    drift: int
    explanation: str


def judge(walks: Sequence[Walk], before: Mapping[str, Group]) -> Verdict:
    """Judge by all walks of a poll so far, the newest last; there is at least one.

    ``before`` are the habits of the poll before this one: the trunks that the API listed more than once.
    """
    newest = walks[-1]
    repeated = repeats(newest.rows())
    habits = _habits(repeated, [*(_explained_by(walk, newest) for walk in walks[:-1]), before])
    if newest.is_echoed and _adds_up(newest) and len(habits) == len(repeated):
        return _verdict(newest, newest.places, habits, whole=True)
    united = _unite(walks, habits)
    if all(walk.is_echoed and walk.totals == {len(united)} for walk in walks):
        return _verdict(newest, united, habits, whole=True)
    alone = _unite([newest], habits)
    if not _fits(alone, [newest]):
        return _verdict(newest, alone, habits)
    # The newest walk may have missed what an earlier one saw; while the totals leave room for that, it stays.
    return _verdict(newest, united if _fits(united, walks) else alone, habits, acceptable=True)


def _habits(repeated: Mapping[str, Group], explained: Sequence[Mapping[str, Group]]) -> dict[str, Group]:
    """Return the repeated rows that are the API's way of listing a trunk.

    Others may be one row that moved while the list was read, and hid another one by that.
    """
    return {key: group for key, group in repeated.items() if any(other.get(key) == group for other in explained)}


def _explained_by(earlier: Walk, newest: Walk) -> Mapping[str, Group]:
    """Return the repeats that an earlier walk shows to be habits.

    A moved row is not seen twice in the same two versions. To the letter it may well be, unless nothing moves.
    """
    groups = repeats(earlier.rows())
    still = bool(groups) and earlier.totals == newest.totals and Counter(earlier.rows()) == Counter(newest.rows())
    return groups if still else _contradicting(groups)


def _contradicting(groups: Mapping[str, Group]) -> dict[str, Group]:
    return {key: group for key, group in groups.items() if len(set(group)) == len(group)}


def _fits(places: Collection[Place], walks: Sequence[Walk]) -> bool:
    """Tell whether only the total moved in these walks, and so many rows lie between its lowest and its highest."""
    totals = frozenset[int | None]().union(*(walk.totals for walk in walks))
    known = [total for total in totals if total is not None]
    return (
        all(walk.is_echoed for walk in walks)
        and len(known) == len(totals) > 1
        and min(known) <= len(places) <= max(known)
    )


def _adds_up(walk: Walk) -> bool:
    """Tell whether as many rows came as one and the same total says; without a total nothing contradicts."""
    return walk.totals in {frozenset({len(walk.places)}), frozenset({None})}


def _unite(walks: Sequence[Walk], habits: Container[str]) -> list[Place]:
    """Return each row once, as the newest walk that saw it saw it last; habits as the newest walk lists them."""
    habitual = [place for place in walks[-1].places if place.row.key in habits]
    others = [place for walk in walks for place in walk.places if place.row.key not in habits]
    others.reverse()
    return habitual + [others[position] for position in distinct(place.row for place in others)]


def _verdict(
    newest: Walk,
    chosen: Collection[Place],
    habits: Mapping[str, Group],
    *,
    whole: bool = False,
    acceptable: bool = False,
) -> Verdict:
    return Verdict(
        walk=newest,
        chosen=chosen,
        habits=_contradicting(habits),
        whole=whole,
        acceptable=acceptable,
        drift=0 if newest.last_total is None else abs(len(chosen) - newest.last_total),
        explanation=_explain(newest, chosen),
    )


def _explain(walk: Walk, chosen: Collection[Place]) -> str:
    reported = " then ".join(str(total) for total in dict.fromkeys(page.position.total for page in walk.pages))
    found = f"the API reports {reported} rows, the last walk found {len(walk.places)}"
    if (repeats := len(walk.places) - len(chosen)) > 0:
        found += f", {repeats} of them twice"
    if strayed := [page for page in walk.pages if not page.is_echoed]:
        page = strayed[0]
        found += f"; asked for page {page.number} it answered with page {page.position.current_page}"
    return found
