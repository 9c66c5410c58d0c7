"""A page of the list, as far as it is read before the list is known to be whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.api.body import Body, decompressed
from exporter.api.wire import Position, decode_page
from exporter.trunks.rows import Row, rows_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer of the API says: where its page stands in the list, and its rows in their order."""

    position: Position
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as one walk saw it.

    Attributes:
        number: the page that was asked for.
        answer: what came.
        digest: of the body; another body has another.
        compressed: the body, from which rows that changed are decoded once the list is whole.
    """

    number: int
    answer: Answer
    digest: bytes
    compressed: bytes = field(repr=False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, in the order of the page."""
        return self.answer.rows

    @property
    def is_echoed(self) -> bool:
        """Tell whether the API says that this is the page that was asked for."""
        return self.answer.position.current_page == self.number

    def items(self) -> list[bytes]:
        """Return the JSON of each row."""
        return decode_page(decompressed(self.compressed)).items


def read_answer(body: Body, known: Mapping[bytes, Row]) -> Answer:
    """Read where a page stands and which rows it has; ``known`` are rows by their digests.

    Raises:
        Fault: ``api_error`` or ``invalid_response``, it is not a page.
    """
    envelope = decode_page(body.plain)
    return Answer(envelope.position, rows_of(envelope.items, known))
