"""A progress bar for long walks. It imports rich, which takes a moment, so import it only to draw one."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.once.collecting import Watch
from exporter.polling.walk import Page, last_page


class Pages:
    """Counts the pages of all workspaces: those that were read, of those that are known."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def count(self, workspace: str, page: Page) -> None:
        """Count a page that was read; the first one begins a walk anew."""
        if page.number == 1:
            self._read[workspace] = 0
            self._known[workspace] = last_page(page) or 1
        self._read[workspace] += 1
        self._known[workspace] = max(self._known[workspace], page.number)

    @property
    def read(self) -> int:
        """How many were read."""
        return sum(self._read.values())

    @property
    def known(self) -> int:
        """How many there are, as far as is known."""
        return sum(self._known.values())


@contextmanager
def progress_bar() -> Iterator[Watch]:
    """Draw a bar on standard error until the block is left; yield what is to be told of pages."""
    pages = Pages()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Waiting for the first page", total=None)

        def watch(workspace: str, page: Page) -> None:
            pages.count(workspace, page)
            said = f"Page {pages.read} of {pages.known}"
            progress.update(task, description=said, completed=pages.read, total=pages.known)

        yield watch
