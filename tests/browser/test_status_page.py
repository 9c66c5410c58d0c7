"""The status page in a real browser."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, Response, expect
from support.browser import chromium, visiting
from support.processes import RunningExporter, eventually, running_exporter
from support.simulating import write_config

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

EVERY = 5_100  # milliseconds, a little more than the page waits between two looks


@dataclass
class Scene:
    """An exporter on an API with two workspaces, and a browser to look at it."""

    simulator: Simulator
    exporter: RunningExporter
    browser: Browser

    async def up(self, *names: str) -> None:
        """Wait until exactly these workspaces are up."""

        async def are_up() -> bool:
            text = await self.exporter.metrics()
            return set(re.findall(r'mihu_up\{workspace="(\w+)"\} 1\n', text)) == set(names)

        await eventually(are_up, f"{names} are up")


@asynccontextmanager
async def scene(folder: Path, *flags: str, prefix: str) -> AsyncIterator[Scene]:
    tenants = [Tenant(name, "test-token", Fleet.generate(40, seed)) for seed, name in enumerate(("acme", "globex"))]
    async with Simulator(tenants) as simulator:
        shared = {"poll_interval": "1s", "poll_timeout": "1s", "max_staleness": "1h"}
        config = write_config(folder, simulator, tenants, **shared)
        async with (
            running_exporter(folder, "--config.file", str(config), *flags, prefix=prefix) as exporter,
            chromium() as browser,
        ):
            found = Scene(simulator, exporter, browser)
            await found.up("acme", "globex")
            yield found


def run(folder: Path, script: Callable[[Scene], Awaitable[None]], *flags: str, prefix: str = "") -> None:
    async def scenario() -> None:
        async with scene(folder, *flags, prefix=prefix) as found:
            await script(found)

    asyncio.run(scenario())


async def settled(page: Page) -> None:
    """Let the page look once more."""
    async with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
        await page.clock.run_for(EVERY)


async def follow(page: Page, link: Locator) -> Response:
    """Go where a link leads, and wait until that page is there as a whole."""
    async with page.expect_navigation() as navigation:
        await link.click()
    answer = await navigation.value
    assert answer is not None
    return answer


def test_unbound_trunks_are_seen_at_once_and_everything_is_a_click_away(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        address, window = f"{scene.exporter.url}/", {"width": 1280, "height": 900}
        # Of plain text the browser wants an icon that there is none of.
        async with visiting(scene.browser, address, expected="404 (Not Found)", viewport=window) as page:
            first = page.locator("#list tbody tr").first
            await expect(first).to_contain_text("no agent on call")
            await expect(first).to_be_in_viewport()
            unbound = await page.locator("#tile-unbound b").inner_text()
            await follow(page, page.locator("#tile-unbound"))
            await expect(page.locator("caption")).to_have_text(re.compile(rf"^{unbound} trunks? needs? attention here"))
            for name in ("Metrics", "As JSON", "Configuration", "Health", "Readiness", "Documentation"):
                link = page.get_by_role("navigation", name="Endpoints").get_by_role("link", name=name)
                assert (await follow(page, link)).status == 200, name
                await page.go_back()

    run(tmp_path, script)


def test_search_and_filters(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        async with visiting(scene.browser, f"{scene.exporter.url}/") as page:
            rows = page.locator("#list tbody tr")
            number = await rows.nth(3).locator("th").inner_text()
            digits = number.split()[0][-6:]
            await page.get_by_role("searchbox").fill(digits)
            await page.clock.run_for(300)
            await expect(rows).to_have_count(1)
            assert f"search={digits}" in page.url
            await page.get_by_role("searchbox").fill("")
            await page.clock.run_for(300)
            await page.get_by_label("Workspace", exact=True).select_option("globex")
            await page.clock.run_for(300)
            # As a list: of one text it would not wait until there is a single card.
            await expect(page.locator(".card h3")).to_have_text(["globex"])
            assert set(await rows.locator("td:last-child").all_inner_texts()) == {"globex"}
            await follow(page, page.locator("#chip-compliance"))
            await expect(page.get_by_label("Reason", exact=True)).to_have_value("compliance")
            for text in await rows.all_inner_texts():
                assert "compliance" in text
            await follow(page, page.locator("#sort-number"))
            numbers = [text.split()[0] for text in await rows.locator("th").all_inner_texts()]
            assert numbers == sorted(numbers)
            assert "sort=number" in page.url
            assert "workspace=globex" in page.url

    run(tmp_path, script)


def test_a_fault_shows_and_goes_without_a_click_and_without_losing_the_place(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        async with visiting(scene.browser, f"{scene.exporter.url}/") as page:
            card = page.locator(".card", has=page.locator("h3", has_text="acme"))
            await expect(card).to_contain_text("up")
            scene.simulator.behaviour = Behaviour(faults={"forbidden": 1.0})
            await scene.up()
            await settled(page)
            await expect(page.locator("#tile-workspaces")).to_contain_text("0 / 2")
            await expect(card.locator(".why")).to_contain_text("permission")
            await expect(page).to_have_title("(2 not up) Mihu trunk exporter")
            await card.get_by_text("Last failures").click()
            await page.get_by_role("searchbox").fill("no match at all")
            await page.clock.run_for(300)
            await expect(page.locator("#list")).to_contain_text("No trunk that needs attention matches")
            scene.simulator.behaviour = Behaviour()
            await scene.up("acme", "globex")
            await settled(page)
            await expect(page.locator("#tile-workspaces")).to_contain_text("2 / 2")
            await expect(card.locator(".why")).to_have_count(0)
            await expect(card.locator("details")).to_have_attribute("open", "")
            await expect(page.get_by_role("searchbox")).to_have_value("no match at all")
            await expect(page.get_by_role("searchbox")).to_be_focused()

    run(tmp_path, script)


def test_an_exporter_that_does_not_answer_is_told_of(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        async with visiting(scene.browser, f"{scene.exporter.url}/", expected="503") as page:
            await page.route("**/*", lambda route: route.fulfill(status=503, body="too busy"))
            await settled(page)
            await expect(page.locator("#updated")).to_contain_text("Not up to date: the exporter does not answer (503")
            await page.unroute("**/*")
            await settled(page)
            await expect(page.locator("#updated")).to_contain_text("As of")

    run(tmp_path, script)


def test_it_is_readable_everywhere_and_accessible(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.simulator.behaviour = Behaviour(faults={"unauthorized": 1.0})
        await scene.up()
        for path, (width, scheme) in product(("/", "/docs"), ((360, "dark"), (768, "light"), (1280, "dark"))):
            looks: dict[str, Any] = {"viewport": {"width": width, "height": 740}, "color_scheme": scheme}
            async with visiting(scene.browser, f"{scene.exporter.url}{path}", **looks) as page:
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, looks)
                found = await Axe().run(page)
                serious = [
                    f"{violation['id']}: {[node['html'] for node in violation['nodes']]}"
                    for violation in found.response["violations"]
                    if violation["impact"] in {"serious", "critical"}
                ]
                assert serious == [], (path, looks)

    run(tmp_path, script)


def test_it_works_without_javascript_and_behind_a_path(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        url = scene.exporter.url
        async with visiting(scene.browser, url, java_script_enabled=False) as page:
            assert page.url == f"{url}/"
            await page.get_by_label("Reason", exact=True).select_option("not_active")
            await page.get_by_role("button", name="Search").click()
            await expect(page.locator("#chip-not_active")).to_have_attribute("aria-current", "true")
            assert page.url.startswith(f"{url}/?")
            for text in await page.locator("#list tbody tr").all_inner_texts():
                assert "status" in text

    run(tmp_path, script, "--web.external-url", "https://example.com/ops/mihu/", prefix="/ops/mihu")
