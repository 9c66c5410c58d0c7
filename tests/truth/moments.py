"""What a list was while a poll went on, moment by moment."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from exporter.simulator.behaviour import RowPer
from exporter.simulator.generator import Trunk, bound_channels

Rows = tuple[Trunk, ...]
RowId = tuple[str, tuple[str, ...]]  # of a row, whatever happens to it: its trunk, and its channels where it is one's


class Truth:
    """What the list was while a poll went on.

    Attributes:
        throughout: the rows that were listed at every moment.
        in_the_end: those that were listed at the last one.
    """

    def __init__(self, moments: Sequence[Sequence[Trunk]], listing: RowPer) -> None:
        self._listing = listing
        self._versions: dict[RowId, dict[str, Trunk]] = defaultdict(dict)
        self._ids: dict[str, set[RowId]] = defaultdict(set)
        listed: Counter[RowId] = Counter()
        for rows in moments:
            for row in rows:
                row_id = self.row_id(row)
                listed[row_id] += 1
                self._versions[row_id][row["updated_at"]] = row
                self._ids[row_id[0]].add(row_id)
        self.throughout = frozenset(row_id for row_id, count in listed.items() if count == len(moments))
        self.in_the_end = frozenset(map(self.row_id, moments[-1]))

    def row_id(self, row: Trunk) -> RowId:
        trunk = row["phone_number_uuid"] or row["number"]
        return trunk, bound_channels(row) if self._listing is RowPer.CHANNEL else ()

    def states(self, trunk: str) -> Iterator[Rows]:
        """Yield what may have been seen of a trunk: of each row one version or none, the most rows first."""
        options = [[*self._versions[row_id].values(), None] for row_id in sorted(self._ids[trunk])]
        for seen in product(*options):
            rows = tuple(row for row in seen if row is not None)
            # Rows that are not for different channels are versions of one, of which the newest counts.
            if rows and (len(rows) == 1 or all(map(bound_channels, rows))):
                yield rows
