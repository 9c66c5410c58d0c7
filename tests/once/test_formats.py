"""What ``once`` writes, to the letter: a fleet with every oddity that shows, and a workspace that cannot be read."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.exposed import findings_of_promtool
from support.once import collected
from support.polling import Listing
from support.processes import PROJECT
from support.transport import Handler
from support.trunks import bindings, bound, row, unbound

from exporter.commands.once import choose
from exporter.config.settings import ExpectRule, Metrics, NumberStyle
from exporter.listing.description import COLUMNS
from exporter.once import formats
from exporter.once.formats import Collected, all_trunks, document, gauges, table

GOLDEN = Path(__file__).parent / "golden"

ROWS = [
    row(3, bindings=bindings(whatsapp=bound("Grace")), location="東京", monthly_fee=None),
    row(0, bindings=bindings(call=bound("Ada"), whatsapp=bound("Grace"))),
    row(1, bindings=bindings(), status="suspended"),
    row(
        2,
        location='[red]"Rome"\nUpon\tTiber',
        bindings={"call": bound("Ada"), "sms": bound("Ada"), "whatsapp": {"bound": "maybe"}},
        compliance={"status": "rejected", "requirements": [{}, {}]},
        channel_settings={"voice": {"enabled": True, "channel_limit": 0}, "inbound": {"enabled": False}},
    ),
    {"phone_number_uuid": None, "number": "+390612345678", "bindings": {"call": {"bound": True, "agent_uuid": "a-1"}}},
    row(4, bindings={"call": bound("Ada"), "sms": unbound(), "whatsapp": unbound()}, status=None),
    {"status": "active"},
]
APIS: dict[str, Handler] = {
    "acme": Listing(ROWS, per_page=3),
    "globex": lambda _: httpx.Response(401),
    "empty": Listing([]),
}
FORMATS: dict[str, Callable[[Iterable[Collected]], Iterable[bytes]]] = {
    "gauges.prom": gauges,
    "document.json": document,
    "table.txt": table,
    "trunks.csv": formats.FORMATS["csv"],
}


def polled(metrics: Metrics | None = None) -> list[Collected]:
    return collected(APIS, metrics, expect=(ExpectRule(channels=("call", "whatsapp")),))


def text(format_: Callable[[Iterable[Collected]], Iterable[bytes]], found: Iterable[Collected]) -> str:
    return b"".join(format_(found)).decode()


@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str, assert_golden: Callable[[Path, str], None]) -> None:
    assert_golden(GOLDEN / name, text(FORMATS[name], polled()).replace("\r\n", "\n"))


@pytest.mark.parametrize("name", FORMATS)
def test_nobody_sees_what_the_configuration_hides(name: str) -> None:
    hidden = text(FORMATS[name], polled(Metrics(number=NumberStyle.HIDDEN, agent_names=False)))
    masked = text(FORMATS[name], polled(Metrics(number=NumberStyle.MASKED)))
    for index in range(5):
        assert f"+1208{4439178 + index}" not in hidden + masked
    assert "1234567" not in hidden + masked
    assert "+12" not in hidden
    assert "+1208*****78" in masked
    for agent in ("Ada", "Grace"):
        assert agent in masked
        assert agent not in hidden
    assert "agent-ada" in hidden  # it still has an identity


def test_promtool_finds_nothing_to_say_about_the_gauges() -> None:
    assert findings_of_promtool(text(gauges, polled())) == ""


def test_a_table_of_no_trunks_is_nothing_but_the_header() -> None:
    assert text(table, collected({"acme": Listing([])})).count("\n") == 1


class TestCsv:
    def test_it_is_read_as_it_was_meant_and_its_columns_are_documented(self) -> None:
        lines = text(FORMATS["trunks.csv"], polled())
        assert lines.count("\r\n") == 7
        assert not {"\n", "\r"} & set(lines.replace("\r\n", ""))
        rows = list(csv.DictReader(io.StringIO(lines, newline="")))
        assert all(tuple(row) == COLUMNS for row in rows)
        assert rows[2]["location"] == '[red]"Rome"\ufffdUpon\ufffdTiber'
        assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
        _, _, section = (PROJECT / "docs/once.md").read_text("utf-8").partition("\n## CSV\n")
        documented = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
        assert tuple(documented) == COLUMNS


class TestChoice:
    @pytest.mark.parametrize(
        ("choice", "last_digits"),
        [
            ({}, ["78", "79", "80", "81", "82", "678"]),
            ({"out_of_service": True}, ["79", "80", "81", "82", "678"]),
            ({"statuses": ["suspended"]}, ["79"]),
            ({"statuses": ["suspended", "active"]}, ["78", "79", "80", "81"]),
            ({"statuses": ["unknown"]}, ["82", "678"]),  # not given, as the metrics call it
            ({"search": "gRACE"}, ["78", "81"]),
            ({"search": "grace", "statuses": ["active"], "out_of_service": True}, ["81"]),
        ],
        ids=str,
    )
    def test_which_are_listed(self, choice: Any, last_digits: list[str]) -> None:  # noqa: ANN401 - flags
        chosen = choose(polled(), **{"out_of_service": False, "statuses": (), "search": "", **choice})
        numbers = [listed.judged.trunk.number for listed in all_trunks(chosen)]
        assert [re.sub(r"^\+120844391|^\+390612345", "", number) for number in numbers] == last_digits

    def test_totals_stay_about_all(self) -> None:
        acme = choose(polled(), out_of_service=True, statuses=(), search="")[0]
        assert acme.status.snapshot.fleet is not None
        assert sum(acme.status.snapshot.fleet.totals["mihu_trunks"].values()) == 6
