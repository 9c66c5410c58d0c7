"""The pages in a real browser."""

import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, Response, async_playwright, expect
from support.processes import RunningExporter, eventually, running_exporter
from support.programs import installed
from support.simulating import write_config

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour, RowPer
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

PATIENCE = 30_000.0  # milliseconds after which what ought to show is taken not to show
EVERY = 5_100  # milliseconds, a little more than the page waits between two looks

expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    # Chromium does not run as root otherwise; it shows nothing but pages of this project.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=installed("chromium"), args=arguments) as browser,
    ):
        yield browser


@asynccontextmanager
async def visiting(browser: Browser, url: str, expected: str = "nothing", **context: Any) -> AsyncIterator[Page]:  # noqa: ANN401 - playwright's
    """Open a page, whose time can be wound on; it may complain of what is expected alone."""
    complaints: list[str] = []
    async with await browser.new_context(**context) as fresh:
        page = await fresh.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.clock.install()
        await page.goto(url)
        yield page
        unexpected = [complaint for complaint in complaints if expected not in complaint]
        assert not unexpected, unexpected


@dataclass
class Scene:
    """An exporter on an API with two workspaces, and a browser to look at it."""

    simulator: Simulator
    tenants: Sequence[Tenant]
    exporter: RunningExporter
    browser: Browser

    async def up(self, *names: str) -> None:
        """Wait until these workspaces are up, and no others."""
        every = [tenant.name for tenant in self.tenants]
        await self.exporter.shows(*(f'mihu_up{{workspace="{name}"}} {int(name in names)}' for name in every))


@asynccontextmanager
async def put_up(folder: Path, *flags: str, prefix: str = "", staleness: str = "1h") -> AsyncIterator[Scene]:
    tenants = [Tenant(name, "test-token", Fleet.generate(40, seed)) for seed, name in enumerate(("acme", "globex"))]
    async with Simulator(tenants) as simulator:
        shared = {"poll_interval": "1s", "poll_timeout": "1s", "max_staleness": staleness}
        config = write_config(folder, simulator, tenants, **shared)
        async with (
            running_exporter(folder, "--config.file", str(config), *flags, prefix=prefix) as exporter,
            chromium() as browser,
        ):
            found = Scene(simulator, tenants, exporter, browser)
            await found.up("acme", "globex")
            yield found


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with put_up(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


async def settled(page: Page) -> None:
    """Let the page look once more."""
    async with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
        await page.clock.run_for(EVERY)


async def looks_until(page: Page, count: Callable[[], Awaitable[int]]) -> None:
    """Let the page look again and again, until there is something of what is counted."""

    async def looks() -> int:
        await page.clock.run_for(EVERY)
        return await count()

    await eventually(looks, "the page shows it")


async def follow(page: Page, link: Locator) -> Response:
    """Go where a link leads, and wait until that page is there as a whole."""
    async with page.expect_navigation() as navigation:
        await link.click()
    answer = await navigation.value
    assert answer is not None
    return answer


def where(trunk: Mapping[str, Any], workspace: str = "acme") -> str:
    """Return the address of a trunk's page, as notifications link to it."""
    uuid, number = trunk["phone_number_uuid"], trunk["number"]
    return f"/trunk?{urlencode({'workspace': workspace} | ({'uuid': uuid} if uuid else {'number': number}))}"


def a_healthy_number(scene: Scene) -> dict[str, Any]:
    rows = scene.tenants[0].fleet.rows(RowPer.NUMBER)
    return next(row for row in rows if row["status"] == "active" and row["bindings"]["call"]["bound"])


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 640)])
async def test_an_operator_sees_at_once_what_is_out_of_service(scene: Scene, width: int, height: int) -> None:
    viewport = {"width": width, "height": height}
    async with visiting(scene.browser, f"{scene.exporter.url}/", viewport=viewport) as page:
        answer = page.get_by_role("heading", level=1)
        await expect(answer).to_have_text(re.compile(r"^\d+ of \d+ trunks (is|are) out of service\.$"))
        await expect(answer).to_be_in_viewport()
        longest = page.locator("#answer tbody tr").first
        await expect(longest).to_be_in_viewport()
        await expect(longest.get_by_role("time")).to_have_text(re.compile("ago|just now"))
        agent = longest.locator("[data-label='Agent']")
        await expect(agent).to_be_in_viewport(ratio=1)
        await expect(agent).to_have_text(re.compile(r"\w"))
        link = longest.get_by_role("rowheader").get_by_role("link")
        number = await link.inner_text()
        await follow(page, link)
        await expect(page.get_by_role("heading", level=1)).to_contain_text(number)
        await expect(page.locator(".answer")).to_contain_text("Out of service since")


async def test_who_answers_a_healthy_number_is_found_by_keyboard_alone(scene: Scene) -> None:
    trunk = a_healthy_number(scene)
    async with visiting(scene.browser, f"{scene.exporter.url}/") as page:
        for _ in range(200):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "search":
                break
        await page.keyboard.type(trunk["number"])
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        row = page.locator("#list tbody tr")
        await expect(row).to_have_count(1)
        await expect(row).to_contain_text(trunk["bindings"]["call"]["agent_name"])
        await row.get_by_role("rowheader").get_by_role("link").focus()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.get_by_role("row", name="call")).to_contain_text(trunk["bindings"]["call"]["agent_name"])


async def test_search_and_filters_act_while_one_types_and_keep_the_place(scene: Scene) -> None:
    number = a_healthy_number(scene)["number"]
    async with visiting(scene.browser, f"{scene.exporter.url}/trunks") as page:
        rows = page.locator("#list tbody tr")
        search = page.get_by_role("searchbox")
        await search.fill(number[-7:])
        await page.clock.run_for(300)
        await expect(rows).to_have_count(1)
        await expect(page.locator("#found[role=status]")).to_have_text(re.compile("^1 trunk;"))
        await expect(search).to_be_focused()
        assert f"search={number[-7:]}" in page.url
        await search.fill("")
        await page.get_by_label("Workspace", exact=True).select_option("globex")
        await page.clock.run_for(300)
        await expect(page.locator("#list caption")).to_have_text(re.compile("^40 trunks"))
        assert set(await rows.locator("td:last-child a").all_inner_texts()) == {"globex"}
        await page.get_by_label("Reason", exact=True).select_option("compliance")
        await page.clock.run_for(300)
        await expect(page.locator("#list caption")).not_to_have_text(re.compile("^40 trunks"))
        for text in await rows.all_inner_texts():
            assert "compliance" in text
        assert "reason=compliance" in (await page.locator("#as-csv").get_attribute("href") or "")
        await settled(page)
        await expect(page.get_by_label("Reason", exact=True)).to_have_value("compliance")


async def test_data_that_become_stale_are_told_of_at_the_top_until_they_are_fresh(tmp_path: Path) -> None:
    async with put_up(tmp_path, staleness="3s") as scene, visiting(scene.browser, f"{scene.exporter.url}/") as page:
        banner = page.get_by_role("status").filter(has_text="No data from")
        await expect(banner).to_have_count(0)
        scene.simulator.behaviour = Behaviour(faults={"forbidden": 1.0})
        await scene.up()
        await settled(page)
        await expect(page.locator("#workspace-list")).to_contain_text("permission")

        async def is_stale() -> bool:
            await settled(page)
            return await banner.count() > 0

        await eventually(is_stale, "the page says that data are stale")
        await expect(banner).to_be_in_viewport()
        await expect(banner).to_contain_text("acme")
        await expect(page).to_have_title(re.compile(r"^\(no data: "))
        scene.simulator.behaviour = Behaviour()
        await scene.up("acme", "globex")
        await settled(page)
        await expect(banner).to_have_count(0)


async def test_an_exporter_that_does_not_answer_is_told_of_at_the_top(scene: Scene) -> None:
    async with visiting(scene.browser, f"{scene.exporter.url}/", expected="status of") as page:
        alert, well = page.get_by_role("alert"), page.locator("#unreachable[hidden]")
        reasons = {503: "503", 404: "another page", 200: "another page", 0: "no answer within 30 s"}
        for status, reason in reasons.items():
            await looks_until(page, well.count)
            await page.route("**/*", lambda route, _, status=status: route.fulfill(status=status) if status else None)
            await looks_until(page, alert.count)
            await expect(alert).to_contain_text(f"This page cannot reach the exporter ({reason}")
            await expect(alert).to_contain_text("What you see is old: as of 20")
            await expect(alert).to_be_in_viewport()
            await page.unroute("**/*")
        await looks_until(page, well.count)


async def test_a_page_shows_what_is_at_its_address_now(scene: Scene) -> None:
    other = (await scene.exporter.http.get("/workspace?name=globex")).text
    for path in (where(a_healthy_number(scene)), "/workspace?name=acme", "/config", "/trunk?number=1"):
        async with visiting(scene.browser, f"{scene.exporter.url}{path}", expected="404 (Not Found)") as page:
            await page.route("**/*", lambda route: route.fulfill(body=other, content_type="text/html"))
            await settled(page)
            await expect(page.get_by_role("heading", level=1)).to_contain_text("globex")


async def test_a_number_is_copied(scene: Scene) -> None:
    trunk = a_healthy_number(scene)
    address = f"{scene.exporter.url}{where(trunk)}"
    async with visiting(scene.browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        button = page.get_by_role("button", name=f"Copy {trunk['number']}")
        await button.press("Enter")
        await expect(button).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == trunk["number"]
        await settled(page)
        await expect(page.get_by_role("button", name=f"Copy {trunk['number']}")).to_have_text("Copy")


async def test_every_page_is_readable_everywhere_and_accessible(scene: Scene) -> None:
    trunk = a_healthy_number(scene)
    paths = ("/", "/trunks", where(trunk), "/workspace?name=acme", "/changes", "/config", "/docs", "/trunk?number=1")
    looks: tuple[tuple[int, Literal["dark", "light"]], ...] = ((320, "dark"), (768, "light"), (1280, "dark"))
    tenant = scene.tenants[1]
    tenant.fleet.change(tenant.fleet.numbers[0], now=time.time(), status="x" * 128)
    await scene.exporter.shows(f'mihu_trunks{{workspace="globex",status="{"x" * 128}"}} 1')
    for path in paths:
        async with visiting(scene.browser, f"{scene.exporter.url}{path}", expected="404 (Not Found)") as page:
            for width, scheme in looks:
                await page.set_viewport_size({"width": width, "height": 740})
                await page.emulate_media(color_scheme=scheme)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
                found = (await Axe().run(page)).response["violations"]
                violations = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
                assert violations == [], (path, width, scheme)


async def test_in_print_there_is_the_list_without_what_is_only_for_the_screen(scene: Scene) -> None:
    async with visiting(scene.browser, f"{scene.exporter.url}/trunks") as page:
        await page.emulate_media(media="print")
        await expect(page.locator("#list table")).to_be_visible()
        for hidden in ("nav", "form", ".copy"):
            await expect(page.locator(hidden).first).to_be_hidden()


async def test_it_works_without_javascript_and_behind_a_path(tmp_path: Path) -> None:
    async with put_up(tmp_path, "--web.external-url", "https://example.com/ops/mihu/", prefix="/ops/mihu") as scene:
        url = scene.exporter.url
        # Beside the metrics, which are text, a browser looks for an icon.
        async with visiting(scene.browser, url, expected="404 (Not Found)", java_script_enabled=False) as page:
            assert page.url == f"{url}/"
            await expect(page.locator(".copy").first).to_be_hidden()
            await page.get_by_label("Reason", exact=True).select_option("not_active")
            await page.get_by_role("button", name="Search").click()
            assert page.url.startswith(f"{url}/trunks?")
            await expect(page.get_by_label("Reason", exact=True)).to_have_value("not_active")
            for text in await page.locator("#list tbody tr").all_inner_texts():
                assert "status" in text
            for name in ("Status", "Trunks", "Changes", "Configuration", "Documentation", "Metrics"):
                link = page.get_by_role("navigation", name="Pages").get_by_role("link", name=name)
                assert (await follow(page, link)).status == 200, name
                await page.go_back()
