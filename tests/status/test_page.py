"""The pages for people, as they are answered."""

import asyncio
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest
from support.pages import PATHS, Outline, answer, polled, refused, rows, statuses, words
from support.polling import Bench, Listing
from support.trunks import Row, bindings, bound, row

from exporter.api.errors import Reason
from exporter.config.settings import Metrics, NumberStyle
from exporter.metrics.catalogue import CATALOGUE
from exporter.polling.snapshot import EndedPoll, Failure, PollHistory, Snapshot, Status
from exporter.status.page import ago, clock, span, took

UUID = row()["phone_number_uuid"]
EVIL = "<script>alert(1)</script>\"'&"


def ask(path: str, *benches: Bench) -> str:
    response = answer(path, statuses(*benches))
    assert response.status_code == 200, response.text
    return response.text


def changed(before: list[Row], *after: list[Row], name: str = "acme") -> Bench:
    """Return a workspace that has been polled every ten minutes."""
    api = Listing(before)
    bench = Bench(api, max_staleness=3600.0, name=name)

    async def scenario() -> None:
        await bench.poll()
        for api.rows in after:
            await bench.clock.advance(600)
            await bench.poll()

    asyncio.run(scenario())
    return bench


class TestFrontPage:
    def test_of_a_fleet_that_is_well(self) -> None:
        page = ask("/", polled("acme", [row()]))
        assert "No trunk is out of service. 1 trunk in 1 workspace." in words(page)
        assert "<title>Mihu trunk exporter</title>" in page
        (acme,) = rows(page)
        assert " ".join(acme) == "Workspace State Out of service Lost Gone Trunks Read Last poll"
        assert [*acme.values()] == ["acme", "up", "0", "0", "0", "1", "just now", "took 0 ms"]

    def test_what_is_out_of_service(self) -> None:
        page = ask("/", polled("acme", [row(bindings=bindings(), status="suspended"), row(1)]))
        text = words(page)
        assert "1 of 2 trunks is out of service. 1 without an agent, 1 not active." in text
        assert {"trunks?reason=unbound", "trunks?reason=not_active"} <= {*Outline(page).links}
        assert "<title>(1 out of service) Mihu trunk exporter</title>" in page
        (found,) = [each for each in rows(page) if "Why" in each]
        assert " ".join(found) == "Number Since Why Agent Status Limits Country Workspace"
        about = ["suspended", "voice 10 , inbound 20", "US Boise, Idaho", "acme"]
        why = "no agent on call status suspended"
        assert [*found.values()] == ["+12084439178", "just now or earlier", why, "none seen", *about]

    def test_the_longest_comes_first_and_what_is_being_set_up_last(self) -> None:
        suspended, lost_sms = row(0, status="suspended"), row(3, bindings=bindings(call=bound("Ada"), sms=bound("Bob")))
        pending = row(4, bindings=bindings(call=bound("Eve")))
        before = [suspended, row(1), row(2), lost_sms, pending, row(5, status="pending")]
        after = [suspended, row(1, bindings=bindings()), row(3), row(4, bindings=bindings(), status="pending")]
        page = ask("/", changed(before, after))
        found = [(each["Number"][-2:], each["Why"], each["Agent"]) for each in rows(page)]
        assert found == [
            ("78", "status suspended", "Ada call"),
            ("79", "no agent on call call lost its agent", "Ada last on call"),
            ("80", "no longer listed", "Ada last on call"),
            ("81", "sms lost its agent", "Ada call Bob last on sms"),
            ("82", "call lost its agent", "Eve last on call"),
            ("83", "no longer listed", "Ada last on call"),
        ]
        text = words(page)
        assert "2 of 4 trunks are out of service, and 2 are gone. 1 without an agent, 1 not active, 2 gone," in text
        assert "3 channels lost their agents. 2 out of service, 2 gone, 2 that lost something; the longest" in text
        assert {"trunks?reason=gone", "trunks?reason=lost"} <= {*Outline(page).links}

    def test_agents_stand_in_the_order_of_their_channels_each_once(self) -> None:
        agents = bindings(call=bound("Zoe"), sms=bound("ada"), whatsapp=bound("Zoe"))
        others = bindings(call=bound("Ada"), sms=bound("ada"))
        page = ask("/trunks", polled("acme", [row(bindings=agents), row(1, bindings=others)]))
        assert [each["Agent"] for each in rows(page)] == ["Zoe call, whatsapp ada sms", "Ada call ada sms"]

    def test_what_was_so_when_polling_began_may_have_been_so_for_long(self) -> None:
        suspended = row(2, status="suspended")
        acme = changed([row(0), row(1), suspended], [row(0, bindings=bindings()), suspended])
        found = {each["Number"][-2:]: each["Since"] for each in rows(ask("/", acme))}
        assert found == {"80": "just now or earlier", "78": "just now", "79": "just now"}
        page = ask(f"/trunk?workspace=acme&uuid={suspended['phone_number_uuid']}", acme)
        assert "Out of service since 2023-11-14 22:13:20 UTC or earlier, just now." in words(page)
        listed = answer("/trunks.json", statuses(acme)).json()["trunks"]
        assert [trunk["since_or_earlier"] for trunk in listed] == [True, False, False]

    def test_data_that_are_too_old_are_told_of_at_the_top_and_not_counted(self) -> None:
        page = ask("/", refused("down"), polled("acme", [row(status="suspended")]))
        text = words(page)
        banner = "No data from 1 of 2 workspaces; its trunks are not counted: down (never read: auth)."
        assert banner in text
        assert text.index(banner) < text.index("1 of 1 trunks is out of service")
        assert "<title>(no data: 1) " in page

    def test_what_is_not_known_is_never_said_to_be_well(self) -> None:
        assert "Nothing is known: no workspace can be read." in words(ask("/", refused("acme")))
        assert "Nothing is known yet" in words(ask("/", Bench(Listing([]))))
        text = words(ask("/", refused("down"), polled("acme", [row()])))
        assert "No trunk is known to be out of service, but 1 of 2 workspaces has not been read." in text
        assert "There is no workspace in the configuration." in words(ask("/"))
        text = words(ask("/", changed([row(0), row(1)], [row(1)])))
        assert "No trunk is out of service, but 1 is gone. 1 gone. 1 trunk in 1 workspace. 1 gone; the longest" in text

    def test_of_many_workspaces_those_in_trouble_have_rows_and_the_others_a_place(self) -> None:
        well = [polled(f"w{number:02}", [row()]) for number in range(30)]
        page = ask("/", *well, refused("down"), polled("bad", [row(status="suspended")]))
        assert [each["Workspace"] for each in rows(page, 1)] == ["down", "bad"]
        assert "30 others are well" in words(page)
        assert page.count('<li><a id="ws-w') == 30


class TestTrunkPage:
    def test_everything_that_is_known(self) -> None:
        acme = changed([row()], [row(bindings=bindings(), billing={"monthly_fee": 2, "currency": "EUR"})])
        text = words(ask(f"/trunk?workspace=acme&uuid={UUID}", acme))
        assert "+12084439178 Copy Out of service since 2023-11-14 22:23:20 UTC" in text
        for part in (
            *("call no last Ada yes", "voice yes 10 2", "sms no 1 1"),
            *("Workspace acme", f"uuid {UUID}", "Compliance completed", "Location Boise, Idaho"),
            *("Capabilities voice, sms, local_calling", "Monthly fee 2.00 EUR", "Purchased 2023-11-07 05:31:56 UTC"),
            *("2023-11-14 22:23:20 UTC lost (call) Ada", "fee 1.5 EUR 2 EUR"),
        ):
            assert part in text

    @pytest.mark.parametrize("number", ["%2B12084439178", "+12084439178", "12084439178"])
    def test_by_number(self, number: str) -> None:
        acme = polled("acme", [row(phone_number_uuid=None), row(1), row(2, number=row()["number"])])
        assert words(ask(f"/trunk?workspace=acme&number={number}", acme)).count("In service.") == 2

    @pytest.mark.parametrize("lost", [(), ([row(bindings=bindings()), row(1)],)], ids=["at once", "after its agent"])
    def test_one_that_is_gone(self, lost: tuple[list[Row], ...]) -> None:
        acme = changed([row(), row(1)], *lost, [row(1)])
        text = words(ask(f"/trunk?workspace=acme&uuid={UUID}", acme))
        assert f"No longer listed since 2023-11-14 22:{23 + 10 * len(lost)}:20 UTC" in text
        assert re.search("call no last Ada.*removed active", text)
        assert "1 trunk;" in words(ask("/trunks?search=ada&reason=gone", acme))

    def test_one_that_is_not_there(self) -> None:
        shown = statuses(polled("acme", [row(), row(1, number=None)]))
        for query in ("", "workspace=acme", "workspace=acme&uuid=x", "workspace=acme&number=1", "workspace=x&uuid=y"):
            response = answer(f"/trunk?{query}", shown)
            assert (response.status_code, "No such trunk" in response.text) == (404, True)
        for path in ("/workspace", "/workspace?name=x"):
            assert answer(path, shown).status_code == 404
        not_yet = answer("/trunk?workspace=down&uuid=x", statuses(refused("down")))
        assert (not_yet.status_code, "down has not been read since" in not_yet.text) == (404, True)

    def test_one_of_which_only_changes_are_remembered(self) -> None:
        acme = changed([row(bindings=bindings()), row(1)], [row(1)])
        (link,) = [each for each in Outline(ask("/changes", acme)).links if each.startswith("trunk?")]
        assert "acme no longer lists this trunk; only these changes are" in words(page := ask(f"/{link}", acme))
        assert [(each["What"], each["Before"]) for each in rows(page)] == [("removed", "active")]


class TestOtherPages:
    def test_a_workspace_and_one_that_cannot_be_read(self) -> None:
        acme = changed([row(0), row(1)], [row(0, bindings=bindings()), row(1)])
        text = words(ask("/workspace?name=acme", acme))
        for part in ("Out of service 1", "Lost, gone 1 channel, 0 trunks", "Without agent 1 on call", "3.00 EUR"):
            assert part in text
        assert "lost (call) Ada" in text
        text = words(ask("/workspace?name=down", refused("down")))
        assert "Nothing has been read yet. auth: HTTP 401" in text
        assert "put a valid token in place" in text

    def test_changes(self) -> None:
        limit = {"voice": {"enabled": True, "channel_limit": 20}}
        acme = changed([row(0), row(1)], [row(0, bindings=bindings()), row(1, channel_settings=limit)])
        found = {(each["What"], each["Before"], each["After"]) for each in rows(ask("/changes", acme))}
        assert found == {("lost (call)", "Ada", ""), ("limit (voice)", "10", "20")}
        assert len(rows(ask("/changes?number=9179", acme))) == 1
        assert "No change is remembered that matches." in words(ask("/changes?workspace=nobody", acme))
        assert answer("/changes?limit=x", statuses(acme)).status_code == 400
        assert str(Outline(ask("/changes?since=1&limit=1", acme)).links).count("number=&since=1.0&limit=1") == 2

    def test_the_configuration_is_text_for_programs_and_a_page_for_browsers(self) -> None:
        acme = statuses(polled("acme", []))
        text = answer("/config", acme, headers={"Accept": "*/*"})
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert text.text.startswith("workspaces:\n- name: acme\n")
        assert "<secret>" in text.text
        page = answer("/config", acme)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "credentials: <secret>" in Outline(page.text).text
        assert {page.headers["Vary"], text.headers["Vary"]} == {"Accept"}

    def test_every_metric_and_every_path_is_documented(self) -> None:
        text = words(ask("/docs"))
        for family in CATALOGUE:
            assert f"{family.name} {family.type} " in text
        paths = "metrics trunks trunk workspace changes status.json changes.json config sd -/healthy -/ready -/reload"
        for path in (*paths.split(), "trunks.csv, trunks.json"):
            assert f" {path} " in text

    @pytest.mark.parametrize("path", [*PATHS, "/trunks.csv", "/trunks.json", "/status.json", "/changes.json"])
    def test_head_answers_with_the_headers_of_get(self, path: str) -> None:
        acme = statuses(polled("acme", [row()]))
        get, head = (answer(path, acme, method=method) for method in ("GET", "HEAD"))
        assert head.status_code == get.status_code == 200
        assert head.headers == get.headers


LINKS = {
    "Wiki": "https://wiki.example.com/mihu",
    "Grafana": "https://grafana.example.com/d/mihu-trunk?var-workspace={workspace}&var-number={number}",
    "Prometheus": "https://prometheus.example.com/{workspace}/{uuid}",
}


class TestLinks:
    TRUNK = f"/trunk?workspace=acme+%26+co&uuid={UUID}"

    def links(self, path: str, metrics: Metrics | None = None) -> list[str]:
        acme = statuses(polled("acme & co", [row()], metrics=metrics))
        return [each for each in Outline(answer(path, acme, links=LINKS).text).links if "example.com" in each]

    def test_they_are_filled_in_with_what_a_page_is_about_or_left_out(self) -> None:
        assert self.links(self.TRUNK) == [
            "https://wiki.example.com/mihu",
            "https://grafana.example.com/d/mihu-trunk?var-workspace=acme%20%26%20co&var-number=%2B12084439178",
            f"https://prometheus.example.com/acme%20%26%20co/{UUID}",
        ]
        assert self.links("/") == ["https://wiki.example.com/mihu"]
        hidden = self.links(self.TRUNK, metrics=Metrics(number=NumberStyle.HIDDEN))
        assert [link.split("/")[2] for link in hidden] == ["wiki.example.com", "prometheus.example.com"]


class TestWhatTheyAreMadeOf:
    HOSTILE = row(number=EVIL, status=EVIL, location=EVIL, billing={"monthly_fee": 1, "currency": EVIL})

    def hostile(self) -> Bench:
        return changed([self.HOSTILE | {"status": "active"}], [self.HOSTILE], name=EVIL)

    def paths(self) -> list[str]:
        about = httpx.QueryParams({"workspace": EVIL, "uuid": UUID, "name": EVIL})
        asked = httpx.QueryParams({"search": EVIL, "workspace": EVIL, "status": EVIL, "agent": EVIL, "number": EVIL})
        pages = [f"{path}?{about}" for path in ("/trunk", "/workspace")]
        return [*PATHS, *pages, *(f"{path}?{asked}" for path in ("/", "/trunks", "/changes", "/trunk", "/workspace"))]

    def test_they_are_well_formed_with_every_id_once_and_relative_links(self) -> None:
        shown = statuses(self.hostile(), refused("with a space"), polled("w", [row(n) for n in range(60)]))
        for path in self.paths():
            outline = Outline(answer(path, shown).text)
            assert len(outline.ids) == len(set(outline.ids)), path
            assert not [name for name in outline.ids if " " in name], path
            assert not [link for link in outline.links if re.match(r"/|[a-z]+://", link)], path

    def test_nothing_from_the_api_or_the_address_becomes_markup(self) -> None:
        shown = statuses(self.hostile())
        for path in self.paths():
            page = answer(path, shown).text
            assert page.count("<script>") == 1, path
            assert "alert(1)</script>" not in page, path

    @pytest.mark.parametrize("path", PATHS)
    def test_the_policy_allows_what_stands_in_it_and_nothing_else(self, path: str) -> None:
        response = answer(path, statuses(polled("acme", [row(status="suspended")])))
        outline = Outline(response.text)
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        for element, content in outline.inline.items():
            digest = b64encode(sha256(content.encode()).digest()).decode()
            assert policy[f"{element}-src"] == f"'sha256-{digest}'"
        assert not {name for name in outline.attributes if name == "style" or name.startswith("on")}
        assert response.headers["Cache-Control"] == "no-store"

    def test_they_stay_small_however_large_the_fleet_is(self) -> None:
        fleet = polled("large", [row(index, bindings=bindings()) for index in range(3000)], poll_timeout=60.0)
        (empty,) = statuses(polled("empty", []))
        many = [empty._replace(workspace=replace(empty.workspace, name=f"w{number}")) for number in range(100)]
        for path in ("/", "/trunks", "/workspace?name=large", "/status.json"):
            response = answer(path, [*statuses(fleet), *many])
            assert response.status_code == 200
            assert len(response.text) < 120_000, path


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
        assert "Last poll: none failed, usually 0 ms." in words(self.page((0, 0.0, None)))

    @staticmethod
    def page(*polls: tuple[float, float, Failure | None]) -> str:
        history = PollHistory()
        for at, seconds, failure in polls:
            history = history.plus(EndedPoll(ended_at=at, seconds=seconds, requests=1, concurrency=4, failure=failure))
        status = Status(polled("acme", []).workspace, Snapshot(polls=history), None)
        return answer("/workspace?name=acme", [status]).text


def test_words_for_times() -> None:
    """Spans are in the largest unit of which there are two."""
    assert [*map(span, (0, 119, 120, 7199, 7200, 172_800))] == ["0 s", "119 s", "2 min", "120 min", "2 h", "2 d"]
    assert (ago(0.9), ago(1), ago(600)) == ("just now", "1 s ago", "10 min ago")
    assert (took(0.0123), took(1.25), took(300)) == ("12 ms", "1.2 s", "5 min")
    assert clock(1_700_000_000.9) == "2023-11-14 22:13:20 UTC"
    assert (clock(-1e11), clock(1e12)) == ("0001-01-01 00:00:00 UTC", "9999-12-31 23:59:59 UTC")
