"""The workspaces that a command polls once, several at a time, and how far it is."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from typing import TypeVar

import click

from exporter.commands.common import Common
from exporter.config.problems import did_you_mean
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.polling.walk import Page, last_page

T = TypeVar("T")
Watch = Callable[[str, Page], None]  # is given every page that was read, with the name of its workspace


@asynccontextmanager
async def configuration(common: Common, names: Sequence[str]) -> AsyncIterator[ValidatedConfig]:
    """Yield the configuration with the named workspaces, or with all if none is named; a demo's API runs meanwhile."""
    if common.demo:
        from exporter.commands.simulate import demo_config  # noqa: PLC0415 - only the demo needs the simulated API

        found: AbstractAsyncContextManager[ValidatedConfig] = demo_config()
    else:
        found = nullcontext(common.load())
    async with found as config:
        configured = [workspace.name for workspace in config.workspaces]
        for name in names:
            if name not in configured:
                shard = f" in shard {config.shard}" if config.shard.total > 1 else ""
                raise click.BadParameter(
                    f"there is no workspace called {name!r}{shard}{did_you_mean(name, configured)}",
                    param_hint="'--workspace'",
                )
        chosen = (workspace for workspace in config.workspaces if not names or workspace.name in names)
        yield replace(config, workspaces=tuple(chosen))


async def for_each(config: ValidatedConfig, work: Callable[[Workspace], Awaitable[T]], at_once: int) -> list[T]:
    """Return the result of some work about each workspace, in the order of the configuration."""
    slots = asyncio.Semaphore(at_once)

    async def work_on(workspace: Workspace) -> T:
        async with slots:
            return await work(workspace)

    return await asyncio.gather(*map(work_on, config.workspaces))


def count_page(pages: dict[str, tuple[int, int]], workspace: str, page: Page) -> tuple[int, int]:
    """Count a page of a workspace, of which a first one begins another walk.

    Return how many pages of all were read, and how many there are as far as is known.
    """
    read, total = (0, last_page(page) or 1) if page.number == 1 else pages[workspace]
    pages[workspace] = read + 1, max(total, page.number)
    return sum(read for read, _ in pages.values()), sum(total for _, total in pages.values())


@contextmanager
def progress() -> Iterator[Watch]:
    """Draw a bar on standard error, if it is a terminal, until the block is left; yield what is to be given pages."""
    if not sys.stderr.isatty():
        yield lambda _workspace, _page: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich takes a moment to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - likewise

    pages: dict[str, tuple[int, int]] = {}  # of each workspace, how many were read, and how many there are
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Waiting for the first page", total=None)

        def watch(workspace: str, page: Page) -> None:
            read, total = count_page(pages, workspace, page)
            bar.update(task, description=f"Page {read} of {total}", completed=read, total=total)

        yield watch
