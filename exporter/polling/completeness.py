"""Decides whether the walks of a poll have seen the whole list.

The API promises no order between requests, and the list may change while it is read. A part of it must never
be taken for the whole: missing trunks would look as if they were gone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.polling.page import ListedPage
from exporter.polling.walk import Walk
from exporter.trunks.row import Row, all_distinct, distinct

Place = tuple[ListedPage, int]  # a row, by the page that lists it and its position there


@dataclass(frozen=True)
class Verdict:
    """Which rows the walks found, and how far they can be trusted.

    Attributes:
        walk: the newest walk, which the rows are laid out by.
        chosen: the rows, each once unless the API lists them so.
        whole: they are the list.
        acceptable: only the length of the list changed meanwhile, and as many rows as it had at some moment came.
        drift: rows by which they differ from the total reported last.
        explanation: what does not add up, for whoever reads the log.
    """

    walk: Walk
    chosen: Sequence[Place]
    whole: bool
    acceptable: bool
    drift: int
    explanation: str


def judge(walks: Sequence[Walk]) -> Verdict:
    """Judge by all walks of a poll so far, the newest last; there is at least one."""
    newest = walks[-1]
    everything = _places(newest)
    if _is_whole(newest) or any(_is_steady(newest, earlier) for earlier in walks[:-1]):
        return _verdict(newest, everything, whole=True)
    united = _unite(walks)
    if all(walk.is_echoed and walk.totals == {len(united)} for walk in walks):
        return _verdict(newest, united, whole=True)
    alone = _unite([newest])
    if not _fits(alone, [newest]):
        return _verdict(newest, alone)
    # The newest walk may have missed what an earlier one saw; while the totals leave room for that, it stays.
    return _verdict(newest, united if _fits(united, walks) else alone, acceptable=True)


def _fits(places: Sequence[Place], walks: Sequence[Walk]) -> bool:
    """Tell whether only the total moved in these walks, and so many rows lie between its lowest and its highest."""
    totals = frozenset[int | None]().union(*(walk.totals for walk in walks))
    known = [total for total in totals if total is not None]
    return (
        all(walk.is_echoed for walk in walks)
        and len(known) == len(totals) > 1
        and min(known) <= len(places) <= max(known)
    )


def _is_whole(walk: Walk) -> bool:
    return walk.is_echoed and _adds_up(walk) and all_distinct(walk.rows)


def _adds_up(walk: Walk) -> bool:
    """Tell whether as many rows came as one and the same total says; without a total nothing contradicts."""
    return walk.totals in {frozenset({len(walk.rows)}), frozenset({None})}


def _is_steady(newest: Walk, earlier: Walk) -> bool:
    """Tell whether nothing moves: then rows that come twice are the API's way of listing them."""
    return (
        newest.is_echoed
        and _adds_up(newest)
        and newest.totals == earlier.totals
        and Counter(newest.rows) == Counter(earlier.rows)
    )


def _places(walk: Walk) -> list[Place]:
    return [(page, index) for page in walk.pages for index in range(len(page.rows))]


def _unite(walks: Sequence[Walk]) -> list[Place]:
    """Return each row once, as the newest walk that saw it saw it last."""
    places = [place for walk in walks for place in _places(walk)]
    places.reverse()
    return [places[position] for position in distinct(_row(place) for place in places)]


def _row(place: Place) -> Row:
    page, index = place
    return page.rows[index]


def _verdict(newest: Walk, chosen: Sequence[Place], *, whole: bool = False, acceptable: bool = False) -> Verdict:
    return Verdict(
        walk=newest,
        chosen=chosen,
        whole=whole,
        acceptable=acceptable,
        drift=0 if newest.last_total is None else abs(len(chosen) - newest.last_total),
        explanation=_explain(newest, chosen),
    )


def _explain(walk: Walk, chosen: Sequence[Place]) -> str:
    reported = " then ".join(str(total) for total in dict.fromkeys(page.position.total for page in walk.pages))
    found = f"the API reports {reported} rows, the last walk found {len(walk.rows)}"
    if (repeats := len(walk.rows) - len(chosen)) > 0:
        found += f", {repeats} of them twice"
    if strayed := [page for page in walk.pages if not page.is_echoed]:
        page = strayed[0]
        found += f"; asked for page {page.number} it answered with page {page.position.current_page}"
    return found
