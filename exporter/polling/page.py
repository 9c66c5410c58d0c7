"""A page of the list: as one walk saw it, and as it is kept once rendered."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from exporter.metrics.rendering import Rendered, Renderer
from exporter.mihu.wire import Position, UpdatedItem
from exporter.trunks.merging import merge
from exporter.trunks.row import ReadRow, Row, Rows, RowText
from exporter.trunks.trunk import Trunk, update_from


class Answer(NamedTuple):
    """What an answer was found to say: where its page stands in the list, and the SHA-256 of the rows' JSON."""

    position: Position
    digest: bytes


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as a walk saw it.

    Attributes:
        number: the page that was asked for.
        digest: SHA-256 of the rows' JSON.
        rows: in the order of the page.
        held: the body, compressed, for the case that its rows must be read again.
        answer_digest: what tells it from other answers.
    """

    number: int
    position: Position
    digest: bytes
    rows: Rows
    held: bytes = field(repr=False)
    answer_digest: bytes = field(repr=False)

    @property
    def is_echoed(self) -> bool:
        """Tell whether the API says that this is the page that was asked for."""
        return self.position.current_page == self.number


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a row is listed: on a page, at a position."""

    page: ListedPage
    index: int

    @property
    def row(self) -> Row:
        """The row that is listed there."""
        return self.page.rows[self.index]


class Places(Collection[Place]):
    """Where the rows of pages are listed, told one by one.

    To hold as many things in one list would have the garbage collector go through all of it whenever it comes by.
    """

    def __init__(self, pages: Sequence[ListedPage]) -> None:
        self._pages = pages

    def __len__(self) -> int:
        return sum(len(page.rows) for page in self._pages)

    def __iter__(self) -> Iterator[Place]:
        for page in self._pages:
            for index in range(len(page.rows)):
                yield Place(page, index)

    def __contains__(self, place: object) -> bool:
        return any(place == other for other in self)


class Page(msgspec.Struct, frozen=True, gc=False):
    """A rendered page; of its trunks only compressed text and sums are left.

    Attributes:
        digest: tells that the same rows came again.
        lifted: the keys that are not rendered here, because rows of the same trunk are on other pages.
        rows: all its rows, lifted ones too.
        lasting: tells that rows came of which nothing but ``updated_at`` changed; None where that may change more.
        invalid_fields: how many of each could not be read, lifted rows left out.
    """

    digest: bytes
    lifted: frozenset[str]
    rows: Rows
    lasting: int | None
    rendered: Rendered
    invalid_fields: Mapping[str, int]


def render_page(
    digest: bytes, read: Sequence[ReadRow], lifted: frozenset[str], renderer: Renderer, earlier: Mapping[int, Rendered]
) -> Page:
    """Render a page without the lifted trunks; rows of one trunk are merged.

    What was rendered ``earlier`` of the same trunks is taken as it is where nothing has changed.
    """
    left = [row for row in read if row.row.key not in lifted]
    trunks = _merged(left)
    invalid_fields = Counter(name for row in left for name in row.invalid_fields)
    # Where a trunk has several rows, the one that was updated last decides on more than the time.
    may_be_renewed = len(trunks) == len(read) and not invalid_fields
    return Page(
        digest=digest,
        lifted=lifted,
        rows=Rows(row.row for row in read),
        lasting=lasting(row.text for row in read) if may_be_renewed else None,
        rendered=renderer.render(trunks, earlier),
        invalid_fields=invalid_fields,
    )


def renew_page(
    page: Page, digest: bytes, texts: Sequence[RowText], updates: Sequence[UpdatedItem], renderer: Renderer
) -> Page:
    """Render a page anew of which nothing but ``updated_at`` changed."""
    return replace(
        page,
        digest=digest,
        rows=Rows(Row(row.key, row.channels, text.content) for row, text in zip(page.rows, texts, strict=True)),
        rendered=renderer.renew(page.rendered, list(map(update_from, updates))),
    )


def lasting(texts: Iterable[RowText]) -> int:
    """Return a hash of rows without their ``updated_at``, good for comparing within this process."""
    return hash(tuple(text.lasting for text in texts))


def _merged(read: Iterable[ReadRow]) -> list[Trunk]:
    """Return the trunks of the rows, one for each key, in the order in which the keys come."""
    by_key: dict[str, list[tuple[Trunk, bytes]]] = {}
    for row in read:
        if row.trunk is not None:
            by_key.setdefault(row.row.key, []).append((row.trunk, row.text.json))
    return [merge(same) for same in by_key.values()]
