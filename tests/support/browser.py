"""A real browser: Debian's Chromium, driven over its debugging protocol."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from support.programs import installed

_PATIENCE = 30_000.0  # milliseconds after which what ought to show is taken not to show

expect.set_options(timeout=_PATIENCE)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    # Chromium does not run as root otherwise; it shows nothing but pages of this project.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed("chromium"), args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    expected: str = "nothing",
    **context: Any,  # noqa: ANN401 - playwright's
) -> AsyncIterator[Page]:
    """Open a page, whose time can be wound on; it may complain of what is expected alone."""
    complaints: list[str] = []
    async with await browser.new_context(**context) as fresh:
        page = await fresh.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.clock.install()
        await page.goto(url)
        yield page
        unexpected = [complaint for complaint in complaints if expected not in complaint]
        assert not unexpected, unexpected
