"""A page of the list: as one walk saw it, and as it is kept once rendered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.metrics.rendering import Rendered, Renderer
from exporter.mihu.wire import Position
from exporter.trunks.merging import merge
from exporter.trunks.row import ReadRow, Row
from exporter.trunks.trunk import Trunk


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as a walk saw it.

    Attributes:
        number: the page that was asked for.
        digest: SHA-256 of the rows' JSON.
        rows: in the order of the page.
        held: the body, compressed, for the case that its rows must be read again.
    """

    number: int
    position: Position
    digest: bytes
    rows: tuple[Row, ...]
    held: bytes = field(repr=False)

    @property
    def is_echoed(self) -> bool:
        """Tell whether the API says that this is the page that was asked for."""
        return self.position.current_page == self.number


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered page; of its trunks only compressed text and sums are left.

    Attributes:
        digest: tells that the same rows came again.
        lifted: the keys that are not rendered here, because rows of the same trunk are on other pages.
        rows: all its rows, lifted ones too.
        invalid_fields: how many of each could not be read, lifted rows left out.
    """

    digest: bytes
    lifted: frozenset[str]
    rows: tuple[Row, ...]
    rendered: Rendered
    invalid_fields: Mapping[str, int]


def render_page(digest: bytes, read: Sequence[ReadRow], lifted: frozenset[str], renderer: Renderer) -> Page:
    """Render a page without the lifted trunks; rows of one trunk are merged."""
    left = [row for row in read if row.row.key not in lifted]
    return Page(
        digest=digest,
        lifted=lifted,
        rows=tuple(row.row for row in read),
        rendered=renderer.render(merged(left)),
        invalid_fields=Counter(name for row in left for name in row.invalid_fields),
    )


def merged(read: Iterable[ReadRow]) -> list[Trunk]:
    """Return the trunks of the rows, one for each key, in the order in which the keys come."""
    by_key: dict[str, list[tuple[Trunk, bytes]]] = {}
    for row in read:
        if row.trunk is not None:
            by_key.setdefault(row.row.key, []).append((row.trunk, row.json))
    return [merge(same) for same in by_key.values()]
