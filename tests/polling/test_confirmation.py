"""What a walk through the list misses, and what it sees double, is confirmed by another before it is believed."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from support.polling import Bench, polled
from support.trunks import bindings, bound, page, row

from exporter.config.settings import Metrics, NumberStyle

Rows = Sequence[dict[str, Any] | None]
GONE = None  # a page that is not there any more: HTTP 404
SILENT: Rows = ()  # a page that never comes


def rows(*indices: int) -> Rows:
    return [row(index) for index in indices]


class Walks:
    """An API that shows every walk the pages that are written down for it, and the last ones again and again.

    The total is the number of rows of the walk, a page that does not come counted as one, unless it is given page by
    page.
    """

    def __init__(self, *walks: Sequence[Rows | None], totals: Sequence[Sequence[int]] = ()) -> None:
        self.script(*walks, totals=totals)

    def script(self, *walks: Sequence[Rows | None], totals: Sequence[Sequence[int]] = ()) -> None:
        self._walks, self._totals = list(walks), list(totals)
        self._first = True

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number == 1 and not self._first:
            self._walks, self._totals = self._walks[1:] or self._walks, self._totals[1:]
        self._first = False
        pages = self._walks[0]
        shown = pages[number - 1]
        if shown is GONE:
            return httpx.Response(404)
        if shown is SILENT:
            await asyncio.Event().wait()
        total = sum(len(rows) if rows else 1 for rows in pages)
        if self._totals and self._totals[0]:
            total = self._totals[0][number - 1]
        body = page(list(shown), number, total=total, last_page=len(pages), per_page=max(len(shown), 1))
        return httpx.Response(200, content=body)


def bench_of(api: Walks, metrics: Metrics | None = None) -> Bench:
    """Return the bench after a first poll; pages come one after another."""
    return polled(Bench(api, metrics=metrics, concurrency=1, request_timeout=50.0, poll_timeout=50.0))


def shown(bench: Bench) -> set[str]:
    """Return the numbers that are shown, as the rows' indices."""
    by_number = {row(index)["number"]: str(index) for index in range(20)}
    return {by_number[dict(labels)["number"]] for name, labels in bench.samples() if name == "mihu_trunk_info"}


def counted(bench: Bench) -> tuple[float | None, ...]:
    """Return how many trunks have come and gone so far, and how many are gone."""
    names = ("mihu_trunks_added_total", "mihu_trunks_removed_total", "mihu_trunks_gone")
    return tuple(map(bench.value, names))


FIRST = [rows(1, 2), rows(3)]  # the pages of the poll before


@pytest.mark.parametrize(
    ("before", "script", "walks", "numbers", "came_and_went"),
    [
        pytest.param(
            FIRST, [[rows(4, 3), rows(2, 1)]], 1, "1234", (1, 0, 0), id="all of them, reordered, and a new one"
        ),
        pytest.param(FIRST, [[rows(1), rows(3)]], 2, "13", (0, 1, 1), id="one that no walk sees"),
        # 1 goes after the first page was read, 4 comes at the end, and 3 moves up to where the walk has been.
        pytest.param(
            FIRST, [[rows(1, 2), rows(4)], [rows(2, 3), rows(4)]], 2, "1234", (1, 0, 0), id="one that moved up"
        ),
        pytest.param(
            FIRST,
            [[rows(1, 2), rows(4)], [rows(2, 3), rows(3)]],
            2,
            "1234",
            (1, 0, 0),
            id="one that a walk saw that was not whole",
        ),
        # In each of two walks one goes, one comes, and 3 moves up to where the walk has been.
        pytest.param(
            [rows(1, 2, 5), rows(3)],
            [[rows(1, 2, 5), rows(4)], [rows(2, 5, 4), rows(6)], [rows(5, 3, 4), rows(6)]],
            3,
            "123456",
            (2, 0, 0),
            id="two walks that list others do not confirm each other",
        ),
        pytest.param(
            FIRST,
            [[rows(1, 4), rows(2)], [rows(1, 5), rows(2)], [rows(1, 6), rows(2)]],
            3,
            "126",
            (1, 1, 1),
            id="three walks are believed, whatever else moved",
        ),
    ],
)
def test_trunks_that_a_walk_does_not_see(
    before: Sequence[Rows],
    script: Sequence[Sequence[Rows]],
    walks: int,
    numbers: str,
    came_and_went: tuple[int, int, int],
) -> None:
    api = Walks(before)
    bench = bench_of(api)
    assert bench.value("mihu_poll_walks") == 1  # on a first poll nothing can be missed
    api.script(*script)
    polled(bench)
    assert bench.value("mihu_poll_walks") == walks
    assert shown(bench) == set(numbers)
    assert counted(bench) == came_and_went


def test_one_that_an_earlier_walk_saw_stays_as_that_walk_saw_it() -> None:
    api = Walks(FIRST)
    bench = bench_of(api)
    suspended = row(1, status="suspended")
    api.script([[suspended, row(2)], rows(3)], [rows(2), rows(3)], totals=[[3, 2], []])
    polled(bench)
    assert bench.value("mihu_poll_walks") == 2
    assert shown(bench) == {"1", "2", "3"}
    assert bench.value("mihu_trunks", status="suspended") == 1
    assert bench.value("mihu_poll_drift") == 1
    assert counted(bench) == (0, 0, 0)
    polled(bench)
    assert shown(bench) == {"2", "3"}
    assert counted(bench) == (0, 1, 1)


def test_a_row_that_names_no_trunk_is_none_that_could_be_missed() -> None:
    api = Walks([[row(1), row(2, phone_number_uuid=None, number=None, location="Rome")]])
    bench = bench_of(api)
    api.script([[row(1), row(2, phone_number_uuid=None, number=None, location="Oslo")]])
    polled(bench)
    assert bench.value("mihu_poll_walks") == 1
    assert bench.value("mihu_invalid_items") == 1


@pytest.mark.parametrize(
    ("without_time", "later", "came_and_went"),
    [
        pytest.param([[rows(2, 3), SILENT]], [[[rows(1, 2), rows(4)]]], (1, 1, 1), id="the next poll misses it too"),
        pytest.param(
            [[rows(2, 3), SILENT]], [[[SILENT]], [[rows(1, 2), rows(4)]]], (1, 1, 1), id="so does one after a failure"
        ),
        pytest.param([[rows(2, 3), SILENT]], [[[SILENT]]], (1, 0, 0), id="the next poll fails"),
        pytest.param([[rows(2, 3), SILENT]], [[[rows(1, 2), rows(4, 3)]]], (1, 0, 0), id="it comes back"),
        pytest.param([[rows(1, 2), GONE]], [], (1, 0, 0), id="pages of the other walks are gone"),
    ],
)
def test_without_time_for_another_walk_a_trunk_is_not_gone_before_another_poll_misses_it_too(
    without_time: Sequence[Sequence[Rows | None]],
    later: Sequence[Sequence[Sequence[Rows]]],
    came_and_went: tuple[int, int, int],
) -> None:
    api = Walks(FIRST)
    bench = bench_of(api)
    api.script([rows(1, 2), rows(4)], *without_time)
    polled(bench)
    assert bench.value("mihu_up") == 1
    assert shown(bench) == {"1", "2", "4"}
    assert counted(bench) == (1, 0, 0)
    for script in later:
        api.script(*script)
        polled(bench)
    assert counted(bench) == came_and_went


@pytest.mark.parametrize("number", NumberStyle)
def test_one_whose_number_another_trunk_has_is_removed_and_not_gone(number: NumberStyle) -> None:
    api = Walks(FIRST)
    bench = bench_of(api, metrics=Metrics(number=number))
    registered_anew = row(4, number=row(3)["number"])
    api.script([rows(1, 2), [registered_anew]], [rows(1, 2), SILENT])
    polled(bench)
    api.script([rows(1, 2), [registered_anew]])
    polled(bench)
    assert counted(bench) == (1, 1, 0)


CALL, WHATSAPP = bindings(call=bound("Ada")), bindings(whatsapp=bound("Bob"))
ON_CALL, ON_WHATSAPP = row(1, bindings=CALL), row(1, bindings=WHATSAPP)
ON_SMS = row(1, bindings=bindings(sms=bound("Cem")))


def bound_on(bench: Bench) -> dict[str, float | None]:
    return {channel: bench.value("mihu_bound_channels", channel=channel) for channel in ("call", "sms", "whatsapp")}


class TestRowsOfOneTrunk:
    """Two rows of one trunk are its channels, or one row that moved while its agent changed the channel."""

    @pytest.mark.parametrize(
        ("before", "script", "bound", "lost"),
        [
            pytest.param(
                [[ON_CALL, row(2)], rows(3)],
                [[[ON_CALL, row(2)], [ON_WHATSAPP]], [rows(2, 3), [ON_WHATSAPP]]],
                {"call": 2, "sms": 0, "whatsapp": 1},
                {"call": 1, "whatsapp": 0},
                id="an agent that changes the channel as the row moves is shown on one",
            ),
            pytest.param(
                [[ON_CALL, ON_WHATSAPP], rows(2)],
                [[[ON_CALL, ON_SMS], rows(2)]],
                {"call": 2, "sms": 1, "whatsapp": 0},
                {"call": 0, "whatsapp": 1},
                id="what the fleet before says of other channels shows nothing",
            ),
            # 2 goes, 4 comes, and the row for WhatsApp moves up to where the walk has been.
            pytest.param(
                [[row(2), ON_CALL], [ON_WHATSAPP, row(3)]],
                [[[row(2), ON_CALL], rows(3, 4)], [[ON_CALL, ON_WHATSAPP], rows(3, 4)]],
                {"call": 4, "sms": 0, "whatsapp": 1},
                {"call": 0, "whatsapp": 0},
                id="one that a walk does not see is looked for once more",
            ),
            pytest.param(
                [[ON_CALL, ON_WHATSAPP, row(2)]],
                [[[ON_CALL, row(2)]]],
                {"call": 2, "sms": 0, "whatsapp": 0},
                {"call": 0, "whatsapp": 1},
                id="one that two walks do not see is lost",
            ),
        ],
    )
    def test_take_two_walks(
        self,
        before: Sequence[Rows],
        script: Sequence[Sequence[Rows]],
        bound: dict[str, int],
        lost: dict[str, int],
    ) -> None:
        api = Walks(before)
        bench = bench_of(api)
        api.script(*script)
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == bound
        assert {channel: bench.value("mihu_channels_lost", channel=channel) for channel in lost} == lost

    def test_in_a_union_the_newest_walk_wins(self) -> None:
        suspended = row(1, status="suspended")
        bench = bench_of(Walks([rows(2), rows(1), rows(2)], [rows(3), [suspended], rows(3)]))
        assert bench.value("mihu_poll_walks") == 2
        assert (bench.value("mihu_trunks", status="active"), bench.value("mihu_trunks", status="suspended")) == (2, 1)

    def test_a_trunk_that_is_listed_once_more_is_believed_when_another_walk_lists_it_so_too(self) -> None:
        api = Walks([[ON_CALL, row(2)]])
        bench = bench_of(api)
        api.script([[ON_CALL, ON_WHATSAPP, row(2)]])
        for walks in (2, 1):
            polled(bench)
            assert bench.value("mihu_poll_walks") == walks
            assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 1}
            assert bench.value("mihu_duplicate_items") == 1

    def test_they_are_taken_from_one_walk(self) -> None:
        """Each walk sees one half of the list twice and one of the trunk's rows; united they add up."""
        api = Walks(
            [rows(2), rows(2), [ON_CALL]],
            [rows(3), rows(3), [ON_WHATSAPP]],
        )
        bench = bench_of(api)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 1}
        assert bench.value("mihu_duplicate_items") == 0

    def test_without_time_for_another_walk_it_is_lost_when_the_next_poll_does_not_see_it_either(self) -> None:
        api = Walks([[row(2), ON_CALL], [ON_WHATSAPP, row(3)]])
        bench = bench_of(api)
        for lost in (0, 1):
            api.script([[row(2), ON_CALL], rows(3, 4)], [[ON_CALL, ON_WHATSAPP], SILENT])
            polled(bench)
            assert bench.value("mihu_up") == 1
            assert bound_on(bench)["whatsapp"] == 1 - lost
            assert bench.value("mihu_channels_lost", channel="whatsapp") == lost
            assert bench.value("mihu_trunk_changes_total", change="lost") == lost
            assert counted(bench) == (1, 0, 0)
