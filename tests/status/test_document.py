"""What the status document says of where polling stands."""

import asyncio
import json

import httpx
import msgspec
import pytest
from support.fleet_status import polled, refused, statuses
from support.polling import Bench, Listing
from support.trunks import bindings, row

from exporter.api.errors import Reason
from exporter.config.settings import Metrics, NumberStyle
from exporter.listing.description import Why
from exporter.polling.status import Status
from exporter.status.document import Document, Summary, WorkspaceState
from exporter.status.query import Lookup
from exporter.trunks.out_of_service import Concern

NOW, MONOTONIC = 1_700_000_100.0, 100.0  # of the manual clock, a little later


def document(*benches: Bench, lookup: Lookup | None = None, monotonic: float = MONOTONIC) -> Document:
    summary = Summary(statuses(*benches), now=1_700_000_000.0 + monotonic, monotonic=monotonic)
    return summary.document(lookup or Lookup())


def numbers(found: Document) -> list[str]:
    return [trunk.number or "" for trunk in found.trunks.items]


ACME = polled(
    "acme",
    [
        row(0),
        row(1, bindings=bindings(), location="Milano"),
        row(2, status="suspended", billing={"monthly_fee": 2, "currency": "USD"}),
        row(3, bindings=bindings(), status="lapsed", location="Roma"),
        row(5, bindings=bindings(), status="pending"),
        row(6, bindings=bindings(), number=row(0)["number"].removeprefix("+")),
    ],
)
GLOBEX = polled("globex", [row(4, compliance={"status": "pending", "requirements": [1]})])


class TestWorkspaces:
    def test_one_that_is_up(self) -> None:
        (acme,) = document(ACME).workspaces.items
        assert msgspec.to_builtins(acme) == {
            "name": "acme",
            "base_url": "https://acme.mihu.ai",
            "state": "up",
            "poll_interval": 60.0,
            "last_poll_at": 1_700_000_000.0,
            "last_success_at": 1_700_000_000.0,
            "next_poll_at": None,
            "requests": 1,
            "concurrency": 4,
            "slowed_down": False,
            "fleet": {
                "trunks": 6,
                "by_status": {"active": 3, "lapsed": 1, "pending": 1, "suspended": 1},
                "unbound": {"call": 4},
                "monthly_fees": {"EUR": 7.5, "USD": 2.0},
                "out_of_service": 3,
                "out_of_service_by_reason": {"unbound": 2, "not_active": 2, "blocked": 0},
                "channels_lost": 0,
                "trunks_gone": 0,
                "attention": 3,
                "pages": 1,
                "reused_pages": 0,
                "walks": 1,
                "drift": 0,
                "series": ACME.value("mihu_series"),
            },
            "polls": ({"ended_at": 1_700_000_000.0, "duration": 0.0},),
            "failures": (),
        }

    def test_one_in_its_first_poll(self) -> None:
        (acme,) = document(Bench(Listing([]))).workspaces.items
        assert (acme.state, acme.fleet, acme.last_poll_at, acme.last_success_at) == (
            WorkspaceState.STARTING,
            None,
            None,
            None,
        )

    def test_one_that_has_failed_from_the_start(self) -> None:
        (acme,) = document(refused("acme")).workspaces.items
        assert (acme.state, acme.fleet) == (WorkspaceState.STALE, None)
        assert [(poll.reason, poll.ended_at) for poll in acme.failures] == [(Reason.AUTH, 1_700_000_000.0)]
        assert acme.polls == acme.failures

    def test_one_that_fails_keeps_what_was_read_until_it_is_too_old(self) -> None:
        answers = iter([None])
        listing = Listing([row()])
        bench = Bench(lambda request: listing(request) if next(answers, 1) is None else httpx.Response(403))

        async def scenario() -> None:
            await bench.poll()
            await bench.clock.advance(60)
            await bench.poll()

        asyncio.run(scenario())
        (failing,) = document(bench, monotonic=299.9).workspaces.items
        assert (failing.state, failing.last_poll_at, failing.last_success_at) == (
            WorkspaceState.FAILING,
            1_700_000_060.0,
            1_700_000_000.0,
        )
        assert failing.fleet is not None
        (stale,) = document(bench, monotonic=300.0).workspaces.items
        assert stale.state is WorkspaceState.STALE

    def test_one_that_the_api_slowed_down(self) -> None:
        answers = iter([httpx.Response(429, headers={"Retry-After": "1"})])
        listing = Listing([row()])
        bench = Bench(lambda request: next(answers, None) or listing(request))
        asyncio.run(bench.poll())
        (acme,) = document(bench).workspaces.items
        assert (acme.concurrency, acme.slowed_down, acme.requests) == (2, True, 2)

    def test_when_the_next_poll_is_due(self) -> None:
        status = Status(ACME.workspace, ACME.poller.snapshot, 130.0)
        (acme,) = Summary([status], now=NOW, monotonic=MONOTONIC).workspaces()
        assert acme.next_poll_at == NOW + 30

    def test_those_in_trouble_come_first_in_the_order_of_the_configuration(self) -> None:
        found = document(ACME, refused("down"), GLOBEX, Bench(Listing([]), name="new"), refused("out"))
        assert [workspace.name for workspace in found.workspaces.items] == ["down", "out", "new", "acme", "globex"]
        assert found.totals.by_state == {WorkspaceState.UP: 2, WorkspaceState.STALE: 2, WorkspaceState.STARTING: 1}

    def test_one_alone(self) -> None:
        found = document(ACME, GLOBEX, lookup=Lookup(workspace="globex"))
        assert [workspace.name for workspace in found.workspaces.items] == ["globex"]
        assert numbers(found) == ["+12084439182"]
        assert found.totals.workspaces == 2


class TestTrunks:
    def test_all_that_need_attention_those_out_of_service_first(self) -> None:
        found = document(ACME, GLOBEX)
        assert [(trunk.workspace, trunk.number, trunk.remarks) for trunk in found.trunks.items] == [
            ("acme", "+12084439179", ["no agent on call"]),
            ("acme", "+12084439180", ["status suspended"]),
            ("acme", "+12084439181", ["no agent on call", "status lapsed"]),
            ("globex", "+12084439182", ["compliance pending, 1 requirement"]),
        ]
        assert found.totals.trunks == 7
        counts = {Concern.UNBOUND: 2, Concern.NOT_ACTIVE: 2, Concern.BLOCKED: 0, Concern.COMPLIANCE: 1}
        assert found.totals.attention == counts

    @pytest.mark.parametrize(
        ("lookup", "last_digits"),
        [
            (Lookup(search="ROMA"), ["81"]),
            (Lookup(search="9178"), []),
            (Lookup(reason=Why.NOT_ACTIVE), ["80", "81"]),
            (Lookup(reason=Why.COMPLIANCE), ["82"]),
            (Lookup(workspace="nobody"), []),
        ],
        ids=str,
    )
    def test_some(self, lookup: Lookup, last_digits: list[str]) -> None:
        assert [number[-2:] for number in numbers(document(ACME, GLOBEX, lookup=lookup))] == last_digits

    def test_there_are_fifty_a_page(self) -> None:
        many = polled("many", [row(index, status="suspended") for index in range(120)], per_page=100)
        first, last = document(many).trunks, document(many, lookup=Lookup(page=7)).trunks
        assert (first.total, first.page, first.pages, len(first.items)) == (120, 1, 3, 50)
        assert (last.page, len(last.items)) == (3, 20)

    @pytest.mark.parametrize(
        ("style", "number"),
        [(NumberStyle.FULL, "+12084439178"), (NumberStyle.MASKED, "+1208*****78"), (NumberStyle.HIDDEN, "")],
    )
    def test_numbers_are_shown_as_in_metrics(self, style: NumberStyle, number: str) -> None:
        bench = polled("acme", [row(status="suspended")], metrics=Metrics(number=style))
        assert numbers(document(bench)) == [number]
        assert "+12084439178" not in json.dumps(msgspec.to_builtins(document(bench))) or style is NumberStyle.FULL
        if style is not NumberStyle.FULL:
            assert numbers(document(bench, lookup=Lookup(search="+12084439178"))) == []
