"""Lists the trunks that somebody should look at, as a query asks for them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from exporter.polling.buckets import Remarked
from exporter.polling.status import Status
from exporter.status.document import Trunk, TrunkList, TrunkReason
from exporter.status.paging import part
from exporter.status.query import Query, Sort
from exporter.trunks.out_of_service import Concern

A_PAGE = 50

_Listed = tuple[str, Remarked]  # by the name of the workspace
_URGENCY = {concern: index for index, concern in enumerate(Concern)}


def list_trunks(statuses: Sequence[Status], query: Query) -> TrunkList:
    """Return the part of the trunks that a query asks for."""
    matching = [listed for listed in _listed(statuses) if _matches(listed, query)]
    concerned = [
        listed
        for listed in matching
        if query.concern is None or any(reason.concern is query.concern for reason in listed[1].remarks)
    ]
    concerned.sort(key=_ORDERS[query.sort])
    page, pages, shown = part(concerned, query.page, A_PAGE)
    return TrunkList(len(concerned), page, pages, _by_concern(matching), tuple(map(_trunk, shown)))


def _listed(statuses: Iterable[Status]) -> Iterator[_Listed]:
    for status in statuses:
        if status.snapshot.fleet:
            for remarked in status.snapshot.fleet.remarked():
                yield status.workspace.name, remarked


def _matches(listed: _Listed, query: Query) -> bool:
    name, trunk = listed
    if query.workspace not in {"", name}:
        return False
    if not query.search:
        return True
    words = " ".join(remark.words for remark in trunk.remarks)
    text = f"{name} {trunk.number} {trunk.uuid} {trunk.location} {words}"
    return query.search.casefold() in text.casefold()


def concerns(statuses: Iterable[Status]) -> Mapping[Concern, int]:
    """Count the trunks of which something of each kind is wrong."""
    return _by_concern(_listed(statuses))


def _by_concern(listed: Iterable[_Listed]) -> Mapping[Concern, int]:
    counted = Counter(reason.concern for _, trunk in listed for reason in trunk.remarks)
    return {concern: counted[concern] for concern in Concern}


def _urgency(listed: _Listed) -> tuple[tuple[int, ...], str, str, str]:
    name, trunk = listed
    # Of those whose first reasons are the same, the one with more of them comes first.
    urgency = (*(_URGENCY[reason.concern] for reason in trunk.remarks), len(_URGENCY))
    return urgency, name, trunk.number, trunk.uuid


_ORDERS: Mapping[Sort, Callable[[_Listed], tuple[object, ...]]] = {
    Sort.URGENCY: _urgency,
    Sort.WORKSPACE: lambda listed: (listed[0], *_urgency(listed)),
    Sort.NUMBER: lambda listed: (listed[1].number, *_urgency(listed)),
    Sort.LOCATION: lambda listed: (not listed[1].location, listed[1].location, *_urgency(listed)),
}


def _trunk(listed: _Listed) -> Trunk:
    name, trunk = listed
    return Trunk(
        name,
        trunk.uuid,
        trunk.number,
        trunk.location,
        tuple(TrunkReason(reason.concern, reason.words) for reason in trunk.remarks),
    )
