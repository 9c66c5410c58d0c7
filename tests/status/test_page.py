"""The status page as HTML, and the same as JSON, as they are answered."""

import asyncio
import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from support.clock import ManualClock
from support.fleet_status import polled, refused, statuses
from support.once import collected
from support.polling import Bench, Listing
from support.trunks import bindings, row

from exporter.api.errors import Reason
from exporter.metrics.catalogue import CATALOGUE
from exporter.once import formats
from exporter.polling.status import EndedPoll, Failure, History, Snapshot, Status
from exporter.status.endpoints import StatusPages
from exporter.status.page import ago, clock, span, took

EVIL = "<script>alert(1)</script>\"'&"


def ask(path: str, *benches: Bench) -> httpx.Response:
    return answer(path, *statuses(*benches))


def answer(path: str, *shown: Status) -> httpx.Response:
    pages = StatusPages(lambda: shown, ManualClock(), "metrics")
    routes = [Route("/", pages.html), Route("/status.json", pages.json), Route("/docs", pages.documentation)]

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await client.get(path)

    response = asyncio.run(ask())
    assert response.status_code == 200
    return response


class Outline(HTMLParser):
    """Notes what a page is made of, and that every element is closed where it should be."""

    VOID = ("meta", "link", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: dict[str, str] = {}
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.text += " "
        values = dict(attrs)
        self.attributes |= values.keys()
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src", "action"} and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"style", "script"}:
            self.inline[self.open[-1]] = data
        else:
            self.text += data


def words(html: str) -> str:
    return " ".join(Outline(html).text.split())


class TestWhatItSays:
    def test_of_a_fleet_that_is_well(self) -> None:
        text = words(ask("/", polled("acme", [row()])).text)
        assert "1 / 1 workspaces up" in text
        assert "1 trunks" in text
        assert "None: every trunk is active and has the agents that are expected." in text
        assert "Monthly fees 1.50 EUR" in text

    def test_of_trunks_that_need_attention(self) -> None:
        text = words(ask("/", polled("acme", [row(bindings=bindings(), status="suspended")])).text)
        assert "1 trunk needs attention." in text
        assert "no agent on call status suspended +12084439178" in text
        assert "Without agent 1 on call" in text
        assert "Out of service 1" in text

    def test_of_a_search_that_finds_nothing(self) -> None:
        text = words(ask("/?search=x", polled("acme", [row(status="suspended")])).text)
        assert "No trunk that needs attention matches." in text

    def test_of_a_token_that_is_refused(self) -> None:
        page = ask("/", refused("acme"))
        text = words(page.text)
        assert "0 / 1 workspaces up" in text
        assert "Nothing has been read yet. auth: HTTP 401" in text
        assert "put a valid token in place" in text
        assert "No trunks are known yet." in text
        assert "<title>(1 not up) Mihu trunk exporter</title>" in page.text

    def test_before_the_first_poll_has_ended(self) -> None:
        assert "The first poll has not ended yet." in words(ask("/", Bench(Listing([]))).text)

    def test_without_workspaces(self) -> None:
        text = words(ask("/").text)
        assert "0 / 0 workspaces up" in text
        assert "There is no workspace in the configuration." in text

    def test_what_was_asked_for_stays_in_the_form_and_in_the_links(self) -> None:
        page = ask("/?search=%2B39&workspace=acme&concern=blocked&sort=number", polled("acme", [])).text
        assert 'value="+39"' in page
        assert "<option selected>acme</option>" in page
        assert '<option value="blocked" selected>' in page
        assert 'href="?search=%2B39&amp;workspace=acme&amp;concern=unbound&amp;sort=number#trunks"' in page


class TestWhatItIsMadeOf:
    def test_it_is_well_formed_and_every_id_is_there_once(self) -> None:
        failed = refused("with a space")
        page = ask("/", failed, *(polled(f"w{n}", [row(status="suspended")] * 60) for n in range(14))).text
        outline = Outline(page)
        assert len(outline.ids) == len(set(outline.ids))
        assert not [name for name in outline.ids if " " in name]

    def test_every_link_is_relative_so_that_it_works_behind_any_path(self) -> None:
        for path in ("/", "/docs"):
            for link in Outline(ask(path, polled("acme", [row(status="suspended")])).text).links:
                assert not re.match(r"/|[a-z]+://", link), link

    def test_nothing_from_the_api_or_the_address_becomes_markup(self) -> None:
        hostile = polled(
            EVIL, [row(number=EVIL, status=EVIL, location=EVIL, billing={"monthly_fee": 1, "currency": EVIL})]
        )
        page = ask(f"/?{httpx.QueryParams({'search': EVIL, 'workspace': EVIL})}", hostile).text
        assert "alert(1)</script>" not in page
        assert page.count("<script>") == 1
        assert page.count("&lt;script&gt;") > 5
        Outline(ask("/", hostile).text)

    @pytest.mark.parametrize("path", ["/", "/docs"])
    def test_the_policy_allows_what_stands_in_it_and_nothing_else(self, path: str) -> None:
        answer = ask(path, polled("acme", [row(status="suspended")]))
        outline = Outline(answer.text)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        for element, content in outline.inline.items():
            digest = b64encode(sha256(content.encode()).digest()).decode()
            assert policy[f"{element}-src"] == f"'sha256-{digest}'"
        assert not {name for name in outline.attributes if name == "style" or name.startswith("on")}

    def test_it_is_never_stored(self) -> None:
        for path in ("/", "/status.json"):
            assert ask(path).headers["Cache-Control"] == "no-store"

    def test_it_stays_small_however_large_the_fleet_is(self) -> None:
        fleet = polled("large", [row(index, bindings=bindings()) for index in range(3000)], poll_timeout=60.0)
        many = [polled(f"w{number}", []) for number in range(100)]
        assert len(ask("/", fleet, *many).content) < 100_000
        assert len(ask("/status.json", fleet, *many).content) < 50_000


def test_the_last_changes_are_shown_and_nothing_of_them_becomes_markup() -> None:
    api = Listing([row(status="active"), row(1)])
    bench = Bench(api)
    asyncio.run(bench.poll())
    api.rows = [row(status=EVIL), row(1, bindings=bindings())]
    asyncio.run(bench.poll())
    text = Outline(ask("/", bench).text).text
    assert "status active <script>alert(1)</script>" in " ".join(text.split())
    assert "lost (call) Ada" in " ".join(text.split())
    changes = ask("/status.json", bench).json()["changes"]
    assert sorted(change["change"] for change in changes) == ["lost", "status"]


def test_json_is_the_same_document() -> None:
    acme = polled("acme", [row(0), row(1, status="suspended"), row(2, status="pending")])
    answer = ask("/status.json?search=suspended", acme)
    assert answer.headers["Content-Type"] == "application/json"
    document = json.loads(answer.content)
    assert document["totals"] == {
        "workspaces": 1,
        "by_state": {"up": 1},
        "trunks": 3,
        "out_of_service": 1,
        "attention": {"unbound": 0, "not_active": 1, "blocked": 0, "compliance": 0},
    }
    assert document["trunks"] == {
        "total": 1,
        "page": 1,
        "pages": 1,
        "by_concern": {"unbound": 0, "not_active": 1, "blocked": 0, "compliance": 0},
        "items": [
            {
                "workspace": "acme",
                "phone_number_uuid": row(1)["phone_number_uuid"],
                "number": "+12084439179",
                "location": "Boise, Idaho",
                "out_of_service": True,
                "reasons": ["not_active"],
                "concerns": ["not_active"],
                "remarks": ["status suspended"],
            }
        ],
    }
    assert [workspace["name"] for workspace in document["workspaces"]["items"]] == ["acme"]


def test_once_describes_a_trunk_alike() -> None:
    rows = [row(bindings=bindings(), status="suspended", location=None)]
    (shown,) = ask("/status.json", polled("acme", rows)).json()["trunks"]["items"]
    (acme,) = json.loads(b"".join(formats.document(collected({"acme": Listing(rows)}))))["workspaces"]
    (listed,) = acme["trunks"]
    assert shown.pop("workspace") == "acme"
    assert shown.pop("concerns") == ["unbound", "not_active"]
    assert shown == {key: listed[key] for key in shown}


def test_every_metric_and_every_path_is_documented() -> None:
    text = words(ask("/docs").text)
    for family in CATALOGUE:
        assert f"{family.name} {family.type} " in text
    for path in ("metrics", "status.json", "changes.json", "config", "sd", "-/healthy", "-/ready", "-/reload"):
        assert f" {path} " in text


class TestSparkline:
    def test_the_longest_poll_is_the_tallest_and_none_is_invisible(self) -> None:
        page = self.page((0, 1.0, None), (60, 4.0, None), (120, 0.0, Failure(Reason.TIMEOUT, "late")))
        assert re.findall(r'<rect class="(.*?)" x="(\d+)" y="(.*?)" width="3" height="(.*?)">', page) == [
            ("bar", "0", "18.0", "6.0"),
            ("bar", "4", "0.0", "24.0"),
            ("bar failed", "8", "21", "3"),
        ]
        assert 'aria-label="last 3 polls: 1 failed, usually 1.0 s"' in page
        assert "<title>1970-01-01 00:02:00 UTC: timeout after 0 ms</title>" in page

    def test_one_poll_that_took_no_time(self) -> None:
        assert "Last poll: none failed, usually 0 ms." in words(self.page((0, 0.0, None)))

    @staticmethod
    def page(*polls: tuple[float, float, Failure | None]) -> str:
        history = History()
        for ended_at, seconds, failure in polls:
            ended = EndedPoll(ended_at=ended_at, seconds=seconds, requests=1, concurrency=4, failure=failure)
            history = history.plus(ended)
        return answer("/", Status(polled("acme", []).workspace, Snapshot(history=history), None)).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_spans_are_in_the_largest_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_other_words() -> None:
    assert (ago(0.9), ago(1), ago(600)) == ("just now", "1 s ago", "10 min ago")
    assert (took(0.0123), took(1.25), took(300)) == ("12 ms", "1.2 s", "5 min")
    assert clock(1_700_000_000) == "2023-11-14 22:13:20 UTC"
