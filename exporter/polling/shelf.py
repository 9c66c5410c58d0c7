"""The pages that a poll can take up again instead of rendering them."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from exporter.config.settings import Filter
from exporter.metrics.rendering import Renderer
from exporter.mihu.body import Body, unhold
from exporter.mihu.faults import Fault, Reason
from exporter.mihu.leniency import read_updates
from exporter.mihu.wire import decode_page
from exporter.polling.page import Answer, ListedPage, Page, Place, lasting, render_page, renew_page
from exporter.trunks.obedience import disobedience
from exporter.trunks.row import ReadRow, RowText, read_rows, row_text

_NOTHING: frozenset[str] = frozenset()


class Shelf:
    """Rendered pages by what they were rendered from, and by what may stay of them; it lasts for one poll.

    It starts with the pages of the previous snapshot and the answers that these came in, so that what is no longer
    listed is forgotten. What shaped them is the same throughout: a workspace whose settings change gets a new renderer
    and no pages.
    """

    def __init__(
        self, renderer: Renderer, wanted: Filter, previous: Collection[Page], answers: Mapping[bytes, Answer]
    ) -> None:
        self._renderer = renderer
        self._wanted = wanted
        self._pages = {(page.digest, page.lifted): page for page in previous}
        self._renewable = {page.lasting: page for page in previous if page.lasting is not None}
        self._earlier = {page.rendered.identity: page.rendered for page in previous}
        self._answers = answers
        self._rows = {page.digest: page.rows for page in self._pages.values()}

    def recognize(self, number: int, body: Body) -> ListedPage | None:
        """Return the page that is in the very answer that came in the previous poll, too; None where it did not."""
        answer = self._answers.get(body.digest)
        if answer is None:
            return None
        rows = self._rows[answer.digest]
        return ListedPage(number, answer.position, answer.digest, rows, body.held, body.digest)

    def take_in(self, number: int, body: Body) -> ListedPage:
        """Decode a page that arrived, and render of it what was not rendered before.

        Raises:
            Fault: it is not a page, or a row disobeys the filter.
        """
        envelope = decode_page(body.plain)
        digest = sha256(b",".join(envelope.items)).digest()
        rows = self._rows.get(digest)
        if rows is None:
            rows = self._take_in_rows(digest, list(map(row_text, envelope.items))).rows
        return ListedPage(number, envelope.position, digest, rows, body.held, body.digest)

    def page(self, listed: ListedPage, lifted: frozenset[str]) -> Page:
        """Return a page that was taken in, rendered without the lifted keys."""
        page = self._pages.get((listed.digest, lifted))
        return page or self._render(listed.digest, self.read_again(listed), lifted)

    def residue(self, places: Sequence[Place]) -> Page:
        """Return a page of lifted rows, given by where they were listed."""
        rows = [place.row for place in places]
        digest = sha256(repr([(row.key, row.content) for row in rows]).encode()).digest()
        page = self._pages.get((digest, _NOTHING))
        return page or self._render(digest, self._pick(places), _NOTHING)

    def pages(self) -> Collection[Page]:
        """Return everything that is on it."""
        return self._pages.values()

    def read_again(self, listed: ListedPage) -> list[ReadRow]:
        """Decode the rows of a page that was taken in."""
        return read_rows(list(map(row_text, decode_page(unhold(listed.held)).items)))

    def _take_in_rows(self, digest: bytes, texts: Sequence[RowText]) -> Page:
        alike = self._renewable.get(lasting(texts))
        updates = None if alike is None else read_updates([text.json for text in texts])
        if alike is None or updates is None:
            return self._render(digest, self._read(texts), _NOTHING)
        return self._put(renew_page(alike, digest, texts, updates, self._renderer))

    def _read(self, texts: Sequence[RowText]) -> list[ReadRow]:
        read = read_rows(texts)
        for row in read:
            if row.trunk and (contradiction := disobedience(row.trunk, self._wanted)):
                raise Fault(
                    Reason.INVALID_RESPONSE, f"the API does not filter as asked: {contradiction}", "check filter"
                )
        return read

    def _pick(self, places: Sequence[Place]) -> list[ReadRow]:
        pages = {place.page.digest: place.page for place in places}
        read = {digest: self.read_again(listed) for digest, listed in pages.items()}
        return [read[place.page.digest][place.index] for place in places]

    def _render(self, digest: bytes, read: Sequence[ReadRow], lifted: frozenset[str]) -> Page:
        return self._put(render_page(digest, read, lifted, self._renderer, self._earlier))

    def _put(self, page: Page) -> Page:
        self._pages[page.digest, page.lifted] = page
        self._rows[page.digest] = page.rows
        return page
