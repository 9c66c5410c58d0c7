"""Which trunks a lookup finds, in which order, and as CSV and JSON."""

import csv
import io
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import Outline, answer, polled, rows, statuses, words
from support.polling import Bench, Listing
from support.polling import polled as polled_bench
from support.trunks import Row, bindings, bound, row

from exporter.config.settings import Metrics, NumberStyle
from exporter.listing.lookup import Lookup, part_of_sorted
from exporter.trunks.out_of_service import Concern

UUIDS = [row(index)["phone_number_uuid"] for index in range(3)]
CLOSED = {"voice": {"enabled": False}, "inbound": {"enabled": False}}
ACME = polled(
    "acme",
    [
        row(0),
        row(1, bindings=bindings(), location="Milano", country_code="IT"),
        row(2, status="suspended", type="mobile"),
        row(3, bindings=bindings(call=bound("Zoë")), status=None, location="Roma", country_code="IT"),
        row(4, status="pending", bindings=bindings()),
        row(5, phone_number_uuid=None, bindings=bindings(call=bound("Ada"), whatsapp=bound("Bob"))),
        row(6, compliance={"status": "rejected", "requirements": [1]}),
        row(7, channel_settings=CLOSED),
    ],
)
GLOBEX = polled("globex", [row(8, number="+39 02 1234-567")])


ON_CALL, ON_TWO = bindings(call=bound("Ada")), bindings(call=bound("Ada"), sms=bound("Bob"))


def polled_again(before: list[Row], after: list[Row], bucket_size: int = 100) -> Bench:
    api = Listing(before, per_page=300)
    bench = polled_bench(Bench(api, bucket_size=bucket_size))
    api.rows = after
    return polled_bench(bench)


def found(query: str, *benches: Bench) -> list[str]:
    """Return the last digits of the numbers that a lookup lists, as the page and as JSON have them."""
    shown = statuses(*(benches or (ACME, GLOBEX)))
    listed = [trunk["number"][-2:] for trunk in answer(f"/trunks.json?{query}", shown).json()["trunks"]]
    assert [each["Number"][-2:] for each in rows(answer(f"/trunks?{query}", shown).text)] == listed
    return listed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Out of service first, those with something open next, the others by their numbers.
        ("", ["79", "80", "85", "84", "78", "81", "82", "83", "67"]),
        *((f"search={text}", ["80"]) for text in ("12084439180", "4439180", "%2B1+208+443-9180", UUIDS[2])),
        *(("search=02+1234", ["67"]), ("search=ZOË", ["81"]), ("search=agent-bob", ["83"]), ("search=mILANO", ["79"])),
        *((f"search={text}", []) for text in ("0212", "nothing+like+this")),
        *(("workspace=globex", ["67"]), ("workspace=nobody", []), ("reason=out_of_service", ["79", "80", "85"])),
        *(("reason=unbound", ["79"]), ("reason=not_active", ["80"]), ("reason=blocked", ["85"])),
        *(("reason=compliance", ["84"]), ("reason=lost", [])),
        *(("status=suspended", ["80"]), ("status=unknown", ["81"]), ("country=IT", ["79", "81"])),
        *(("type=mobile", ["80"]), ("agent=bob", ["83"]), ("agent=agent-zo", ["81"]), ("agent=roma", [])),
        # What makes no sense is as if it were not there.
        ("page=0&reason=everything&type=mobile&unknown=1", ["80"]),
        ("country=IT&reason=unbound&search=mil&workspace=acme&status=active&type=local", ["79"]),
    ],
)
def test_what_is_found(query: str, expected: list[str]) -> None:
    assert found(query) == expected


@pytest.mark.parametrize(
    ("trunk", "since", "list_says", "page_says"),
    [
        (row(), "", "in service", "In service."),
        (row(bindings=bindings(), status="porting"), "bought 8 d ago", "being set up", "Being set up."),
        (row(bindings=bindings(), channel_settings=CLOSED), "", "no agent seen", "Not in use."),
        (row(compliance={"status": "pending"}), "", "compliance pending", "In service, with an open compliance."),
    ],
)
def test_what_is_not_out_of_service_is_not_said_to_be_in_service_either(
    trunk: Row, since: str, list_says: str, page_says: str
) -> None:
    acme = statuses(polled("acme", [trunk]))
    (listed,) = rows(answer("/trunks", acme).text)
    assert (listed["Since"], listed["Why"]) == (since, list_says)
    assert page_says in words(answer(f"/trunk?workspace=acme&uuid={trunk['phone_number_uuid']}", acme).text)


def test_a_trunk_is_found_whatever_its_uuid_and_its_workspace_look_like() -> None:
    odd = statuses(polled("a\tb\nZürich", [row(phone_number_uuid="ABC-Ä", location="country=IT"), row(1)]))
    (trunk,) = answer("/trunks.json?search=abc-ä", odd).json()["trunks"]
    assert (trunk["phone_number_uuid"], trunk["workspace"]) == ("ABC-Ä", "a\tb\nZürich")
    assert answer("/trunks.json?country=IT", odd).json()["total"] == 0
    assert answer("/trunks.json?search=status", odd).json()["total"] == 0
    page = answer("/trunk?workspace=a%09b%0AZ%C3%BCrich&uuid=ABC-%C3%84", odd)
    assert "In service." in words(page.text)


def test_the_choices_are_those_of_what_is_searched_for() -> None:
    page = answer("/trunks?country=US", statuses(ACME)).text
    for option in ("suspended", "pending", "unknown", "IT", "mobile"):
        assert f"<option>{option}</option>" in page
    assert "<option selected>US</option>" in page
    for search in ("roma", "nowhere"):
        assert "<option>mobile</option>" not in answer(f"/trunks?search={search}", statuses(ACME)).text


def test_there_are_fifty_a_page_and_all_in_an_export() -> None:
    many = statuses(polled("many", [row(index) for index in range(120)], per_page=100))
    for page, (first, count) in {1: ("78", 50), 2: ("28", 50), 3: ("78", 20), 99: ("78", 20)}.items():
        listed = rows(answer(f"/trunks?page={page}", many).text)
        assert (listed[0]["Number"][-2:], len(listed)) == (first, count)
    assert "120 trunks, page 2 of 3; those out of service first" in words(answer("/trunks?page=2", many).text)
    export = answer("/trunks.json?page=2", many).json()
    assert (export["total"], len(export["trunks"])) == (120, 120)


def test_a_page_is_the_same_where_not_all_trunks_need_to_be_read_for_it() -> None:
    before = [row(index, bindings=ON_TWO if index % 9 == 0 else ON_CALL) for index in range(210)]
    after = [
        row(
            index,
            status="suspended" if index % 4 == 0 else "active",
            compliance={"status": "pending"} if index % 30 == 0 else None,
            bindings=bindings() if index % 50 == 0 else ON_CALL,
            channel_settings=CLOSED if index % 60 == 0 else None,
        )
        for index in range(210)
        if index % 70
    ]
    shown = statuses(polled_again(before, after, bucket_size=1))
    for reason in ("", *Concern):
        read = answer(f"/trunks.json?search=1208443&reason={reason}", shown).json()["trunks"]  # all have it
        pages = [answer(f"/trunks?page={page}&reason={reason}", shown) for page in range(1, len(read) // 50 + 2)]
        paged = [each["Number"] for page in pages for each in rows(page.text)]
        assert paged == [trunk["number"] for trunk in read], reason
        assert answer(f"/trunks.json?reason={reason}", shown).json() == {"total": len(read), "trunks": read}


def test_one_that_is_gone_and_one_that_lost_a_channel_are_found() -> None:
    bench = polled_again([row(0), row(1), row(2, bindings=ON_TWO)], [row(0), row(2)])
    assert found("", bench) == ["79", "80", "78"]
    assert (found("reason=gone", bench), found("reason=lost", bench)) == (["79"], ["80"])
    gone, lost, _ = answer("/trunks.json", statuses(bench)).json()["trunks"]
    assert (gone["remarks"], gone["agents"], gone["out_of_service"]) == (["no longer listed"], {}, False)
    assert gone["last_agents"] == {"call": "Ada"}
    assert (lost["remarks"], lost["agents"]) == (["sms lost its agent"], {"call": "Ada"})
    assert lost["last_agents"] == {"sms": "Bob"}
    assert gone["since"] == lost["since"] == 1_700_000_000
    assert found("search=BOB", bench) == ["80"]
    columns = ("remarks", "since", "call_bound", "call_last_agent", "sms_last_agent")
    lines = csv.DictReader(io.StringIO(answer("/trunks.csv", statuses(bench)).text, newline=""))
    assert [tuple(line[column] for column in columns) for line in lines] == [
        ("no longer listed", "2023-11-14T22:13:20Z", "", "Ada", ""),
        ("sms lost its agent", "2023-11-14T22:13:20Z", "true", "", "Bob"),
        ("", "", "true", "", ""),
    ]


class TestWhatIsHidden:
    """No search or address betrays more of a number or an agent than pages show; tests/polling has what these show."""

    ROWS = (row(0), row(1, bindings=bindings()), row(2, phone_number_uuid=None, status="suspended"))

    @pytest.mark.parametrize(
        ("style", "shown"), [(NumberStyle.MASKED, "+1208*****78"), (NumberStyle.HIDDEN, "Number hidden")]
    )
    def test_numbers(self, style: NumberStyle, shown: str) -> None:
        bench = polled("acme", self.ROWS, metrics=Metrics(number=style))
        assert shown in answer(f"/trunk?workspace=acme&uuid={UUIDS[0]}", statuses(bench)).text
        for search in ("12084439178", "4439178", "443", "2084439"):
            assert answer(f"/trunks.json?search={search}", statuses(bench)).json()["total"] == 0
        number = answer("/trunk?workspace=acme&number=12084439180", statuses(bench))
        assert number.status_code == 404
        links = [each for each in Outline(answer("/trunks", statuses(bench)).text).links if each.startswith("trunk?")]
        assert [answer(f"/{link}", statuses(bench)).status_code for link in links] == [200] * len(links)

    def test_a_masked_number_is_found_by_what_is_shown_of_it(self) -> None:
        bench = polled("acme", self.ROWS, metrics=Metrics(number=NumberStyle.MASKED))
        assert found("search=%2B1208", bench) == ["79", "80", "78"]
        page = answer("/trunk?workspace=acme&number=%2B1208*****80", statuses(bench))
        assert "Copy Out of service. status suspended" in words(page.text)
        assert "4439180" not in page.text

    def test_names_of_agents(self) -> None:
        bench = polled("acme", self.ROWS, metrics=Metrics(agent_names=False))
        assert found("search=ada", bench) == ["80", "78"]  # the uuid, agent-ada
        assert found("search=agent-ada", bench) == ["80", "78"]


class TestCSV:
    @staticmethod
    def lines(**changed: Any) -> list[dict[str, str]]:  # noqa: ANN401 - any field of a row
        response = answer("/trunks.csv", statuses(polled("acme", [row(**changed)])))
        assert response.headers["Content-Type"].startswith("text/csv")
        assert response.headers["Cache-Control"] == "no-store"
        return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))

    # Full-width signs count in Japanese; where a comma is in numbers, a semicolon begins a cell.
    SHOWN = ("'=1+1", "'@SUM(A1)", "'-1+cmd|' /C calc'!A0", '\'+HYPERLINK("x")', '\'="a,b"', "'\uff1d1", "a;'+1")

    @pytest.mark.parametrize("shown", SHOWN)
    def test_nothing_is_a_formula_to_a_spreadsheet(self, shown: str) -> None:
        text = shown.replace("'", "", 1)
        (line,) = self.lines(location=text, number=text, status=text)
        assert {line["location"], line["number"], line["status"]} == {shown}


def test_a_link_keeps_what_was_asked_for_and_begins_with_the_first_page() -> None:
    links = Outline(answer("/trunks?country=IT&page=1", statuses(ACME)).text).links
    assert {"trunks.csv?country=IT", "trunks.json?country=IT"} <= {*links}
    asked = Lookup("+39", "a&b", Concern.UNBOUND, page=3)
    assert asked.link(page=4) == "trunks?search=%2B39&workspace=a%26b&reason=unbound&page=4"
    assert asked.link("trunks.csv", reason=None) == "trunks.csv?search=%2B39&workspace=a%26b"


@given(st.integers(1, 5000), st.randoms(use_true_random=False), st.data())
def test_a_part_of_sorted_lines_is_found_without_sorting_all(count: int, random: Random, data: st.DataObject) -> None:
    alike = data.draw(st.booleans())
    lines = [f"{random.randrange(3 if alike else 10**6):06}" for _ in range(count)]
    if data.draw(st.booleans()):
        lines.sort()
    start = data.draw(st.integers(0, count))
    end = start + data.draw(st.integers(0, 100))
    assert part_of_sorted(lines, start, end) == sorted(lines)[start:end]
