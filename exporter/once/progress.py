"""A progress bar for long walks. It imports rich, which takes a moment, so import it only to draw one."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.once.collecting import Watch
from exporter.polling.page import Page
from exporter.polling.walk import last_page


class PageCount:
    """Counts the pages of all workspaces: ``read``, and ``total`` as far as is known."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def count(self, workspace: str, page: Page) -> None:
        """Count a page that was read; the first one begins a walk anew."""
        if page.number == 1:
            self._read[workspace] = 0
            self._total[workspace] = last_page(page) or 1
        self._read[workspace] += 1
        self._total[workspace] = max(self._total[workspace], page.number)

    @property
    def read(self) -> int:
        return sum(self._read.values())

    @property
    def total(self) -> int:
        return sum(self._total.values())


@contextmanager
def progress_bar() -> Iterator[Watch]:
    """Draw a bar on standard error until the block is left; yield what is to be given pages."""
    pages = PageCount()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Waiting for the first page", total=None)

        def watch(workspace: str, page: Page) -> None:
            pages.count(workspace, page)
            description = f"Page {pages.read} of {pages.total}"
            progress.update(task, description=description, completed=pages.read, total=pages.total)

        yield watch
