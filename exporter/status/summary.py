"""Makes the status document of where polling stands."""

from collections import Counter
from collections.abc import Sequence

from exporter import __version__
from exporter.polling.status import Status
from exporter.status.changes import ChangeQuery, list_changes
from exporter.status.document import Document, Totals
from exporter.status.query import Query
from exporter.status.trunks import concerns, list_trunks
from exporter.status.workspaces import list_workspaces, state_of, trunks_in

_CHANGES = 20  # that are shown


def summarize(statuses: Sequence[Status], query: Query, *, now: float, monotonic: float) -> Document:
    """Make the document that a query asks for; ``now`` is Unix time, ``monotonic`` the clock's."""
    states = [state_of(status, monotonic) for status in statuses]
    return Document(
        version=__version__,
        time=now,
        totals=Totals(
            workspaces=len(statuses),
            by_state=Counter(states),
            trunks=sum(trunks_in(status.snapshot.fleet) for status in statuses),
            attention=concerns(statuses),
        ),
        workspaces=list_workspaces(statuses, states, query, now - monotonic),
        trunks=list_trunks(statuses, query),
        changes=list_changes(statuses, ChangeQuery(workspace=query.workspace, limit=_CHANGES)),
    )
