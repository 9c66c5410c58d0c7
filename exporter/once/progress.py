"""A progress bar for long walks. It imports rich, which takes a moment, so import it only to draw one."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.once.collecting import Watch
from exporter.polling.walk import Page, last_page


class PageCount:
    """Counts the pages of all workspaces."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[int, int]] = {}

    def count(self, workspace: str, page: Page) -> tuple[int, int]:
        """Count a page that was read, and return how many were, and how many there are as far as is known.

        A first page begins another walk.
        """
        read, total = (0, last_page(page) or 1) if page.number == 1 else self._pages[workspace]
        self._pages[workspace] = read + 1, max(total, page.number)
        return sum(read for read, _ in self._pages.values()), sum(total for _, total in self._pages.values())


@contextmanager
def progress_bar() -> Iterator[Watch]:
    """Draw a bar on standard error until the block is left; yield what is to be given pages."""
    pages = PageCount()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Waiting for the first page", total=None)

        def watch(workspace: str, page: Page) -> None:
            read, total = pages.count(workspace, page)
            progress.update(task, description=f"Page {read} of {total}", completed=read, total=total)

        yield watch
