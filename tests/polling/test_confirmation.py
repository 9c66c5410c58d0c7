"""What a walk through the list misses, and what it sees double, is confirmed by another before it is believed.

A walk is written as its pages, each of a letter a row: the digits are trunks, and the letters rows of trunk 1.
"""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from support.polling import Bench, polled
from support.trunks import bindings, bound, page, row

from exporter.config.settings import Metrics, NumberStyle

ROWS = {str(index): row(index) for index in range(1, 10)} | {
    "c": row(1, bindings=bindings(call=bound("Ada"))),
    "C": row(1, bindings=bindings(call=bound("Ada")), location="Rome"),
    "w": row(1, bindings=bindings(whatsapp=bound("Bob"))),
    "m": row(1, bindings=bindings(sms=bound("Cem"))),
    "s": row(1, status="suspended"),
    "n": row(4, number=row(3)["number"]),  # 3, registered anew
    "R": row(phone_number_uuid=None, number=None, location="Rome"),
    "O": row(phone_number_uuid=None, number=None, location="Oslo"),
}
CHANNELS = ("call", "sms", "whatsapp")
FIRST = "12 3"  # the poll before
GONE = "!"  # a page that is not there any more: HTTP 404
SILENT = "?"  # a page that never comes


class Walks:
    """An API that shows every walk the pages that are written down for it, and the last ones again and again.

    The total is the number of rows of the walk, a page that does not come counted as one, unless it is given by page.
    """

    def __init__(self, *walks: str) -> None:
        self.script(*walks)

    def script(self, *walks: str, totals: Sequence[int] = ()) -> None:
        """``totals`` are those of the pages of the first walk."""
        self._walks, self._totals = list(walks), totals
        self._first = True

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number == 1 and not self._first:
            self._walks, self._totals = self._walks[1:] or self._walks, ()
        self._first = False
        pages = self._walks[0].split()
        shown = pages[number - 1]
        if shown == GONE:
            return httpx.Response(404)
        if shown == SILENT:
            await asyncio.Event().wait()
        total = self._totals[number - 1] if self._totals else sum(map(len, pages))
        rows = [ROWS[letter] for letter in shown]
        return httpx.Response(200, content=page(rows, number, total=total, last_page=len(pages), per_page=len(rows)))


def bench_of(api: Walks, metrics: Metrics | None = None) -> Bench:
    """Return the bench after a first poll; pages come one after another."""
    return polled(Bench(api, metrics=metrics, concurrency=1, request_timeout=50.0, poll_timeout=50.0))


def shown(bench: Bench) -> str:
    by_number = {row(index)["number"]: str(index) for index in range(20)}
    return "".join(sorted(by_number[dict(labels)["number"]] for _, labels in bench.samples("mihu_trunk_info")))


def counted(bench: Bench) -> tuple[float | None, ...]:
    """Return how many trunks have come and gone so far, and how many are gone."""
    names = ("mihu_trunks_added_total", "mihu_trunks_removed_total", "mihu_trunks_gone")
    return tuple(map(bench.value, names))


@pytest.mark.parametrize(
    ("before", "script", "walks", "trunks", "came_and_went"),
    [
        pytest.param(FIRST, ["43 21"], 1, "1234", (1, 0, 0), id="all of them, reordered, and a new one"),
        pytest.param(FIRST, ["1 3"], 2, "13", (0, 1, 1), id="one that no walk sees"),
        # 1 goes after the first page was read, 4 comes at the end, and 3 moves up to where the walk has been.
        pytest.param(FIRST, ["12 4", "23 4"], 2, "1234", (1, 0, 0), id="one that moved up"),
        pytest.param(FIRST, ["12 4", "23 3"], 2, "1234", (1, 0, 0), id="one that a walk saw that was not whole"),
        pytest.param(FIRST, ["13 !", "12 4"], 2, "1234", (1, 0, 0), id="one that a walk saw before a page was gone"),
        pytest.param(FIRST, ["12 4", "3 !"], 2, "1234", (1, 0, 0), id="one that only such a walk saw later"),
        # In each of two walks one goes, one comes, and 3 moves up to where the walk has been.
        pytest.param("125 3", ["125 4", "254 6", "534 6"], 3, "123456", (2, 0, 0), id="two that moved up"),
        pytest.param(FIRST, ["14 2", "15 2", "16 2"], 3, "126", (1, 1, 1), id="three walks are believed"),
        pytest.param(FIRST, ["14 2", "15 2", "16 ?"], 3, "125", (1, 0, 0), id="two that differ are not"),
        pytest.param("1R", ["1O"], 1, "1", (0, 0, 0), id="a row that names no trunk cannot be missed"),
    ],
)
def test_trunks_that_a_walk_does_not_see(
    before: str, script: list[str], walks: int, trunks: str, came_and_went: tuple[int, int, int]
) -> None:
    api = Walks(before)
    bench = bench_of(api)
    assert bench.value("mihu_poll_walks") == 1  # on a first poll nothing can be missed
    api.script(*script)
    polled(bench)
    assert (bench.value("mihu_poll_walks"), shown(bench), counted(bench)) == (walks, trunks, came_and_went)


def test_one_that_an_earlier_walk_saw_stays_as_that_walk_saw_it() -> None:
    api = Walks(FIRST)
    bench = bench_of(api)
    api.script("s2 3", "2 3", totals=[3, 2])
    polled(bench)
    assert (bench.value("mihu_poll_walks"), bench.value("mihu_poll_drift"), shown(bench)) == (2, 1, "123")
    assert (bench.value("mihu_trunks", status="suspended"), counted(bench)) == (1, (0, 0, 0))
    polled(bench)
    assert (shown(bench), counted(bench)) == ("23", (0, 1, 1))


@pytest.mark.parametrize(
    ("without_time", "later", "came_and_went"),
    [
        pytest.param("23 ?", [["12 4"]], (1, 1, 1), id="the next poll misses it too"),
        pytest.param("23 ?", [["?"], ["12 4"]], (1, 1, 1), id="so does one after a failure"),
        pytest.param("23 ?", [["?"]], (1, 0, 0), id="the next poll fails"),
        pytest.param("23 ?", [["12 43"]], (1, 0, 0), id="it comes back"),
        pytest.param("23 ?", [["13 3", "12 4"]], (1, 0, 0), id="one of the next poll's walks sees it"),
        pytest.param("12 !", [], (1, 0, 0), id="pages of the other walks are gone"),
    ],
)
def test_without_time_for_another_walk_a_trunk_is_not_gone_before_another_poll_misses_it_too(
    without_time: str, later: list[list[str]], came_and_went: tuple[int, int, int]
) -> None:
    api = Walks(FIRST)
    bench = bench_of(api)
    api.script("12 4", without_time)
    polled(bench)
    assert (bench.value("mihu_up"), shown(bench)) == (1, "124")
    assert counted(bench) == (1, 0, 0)
    for script in later:
        api.script(*script)
        polled(bench)
    assert counted(bench) == came_and_went


@pytest.mark.parametrize("number", NumberStyle)
def test_one_whose_number_another_trunk_has_is_removed_and_not_gone(number: NumberStyle) -> None:
    api = Walks(FIRST)
    bench = bench_of(api, metrics=Metrics(number=number))
    for script in (["12 n", "12 ?"], ["12 n"]):
        api.script(*script)
        polled(bench)
    assert counted(bench) == (1, 1, 0)


def bound_on(bench: Bench) -> tuple[float | None, ...]:
    return tuple(bench.value("mihu_bound_channels", channel=channel) for channel in CHANNELS)


class TestRowsOfOneTrunk:
    """Two rows of one trunk are its channels, or one row that moved while its agent changed the channel."""

    @pytest.mark.parametrize(
        ("before", "script", "bound", "lost"),
        [
            pytest.param("c2 3", ["c2 w", "23 w"], (2, 0, 1), {"call"}, id="one agent that changes the channel"),
            # What the fleet before says of other channels shows nothing.
            pytest.param("cw 2", ["cm 2"], (2, 1, 0), {"whatsapp"}, id="another channel than before"),
            # 2 goes, 4 comes, and the row for WhatsApp moves up to where the walk has been.
            pytest.param("2c w3", ["2c 34", "cw 34"], (4, 0, 1), set(), id="one that a walk does not see"),
            pytest.param("cw2", ["c2"], (2, 0, 0), {"whatsapp"}, id="one that two walks do not see"),
        ],
    )
    def test_take_two_walks(self, before: str, script: list[str], bound: tuple[int, int, int], lost: set[str]) -> None:
        api = Walks(before)
        bench = bench_of(api)
        api.script(*script)
        polled(bench)
        assert (bench.value("mihu_poll_walks"), bound_on(bench)) == (2, bound)
        assert {channel for channel in CHANNELS if bench.value("mihu_channels_lost", channel=channel)} == lost

    def test_in_a_union_the_newest_walk_wins(self) -> None:
        bench = bench_of(Walks("2 1 2", "3 s 3"))
        assert bench.value("mihu_poll_walks") == 2
        assert (bench.value("mihu_trunks", status="active"), bench.value("mihu_trunks", status="suspended")) == (2, 1)

    def test_a_trunk_that_is_listed_once_more_is_believed_when_another_walk_lists_it_so_too(self) -> None:
        api = Walks("c2")
        bench = bench_of(api)
        for script, walks in (("cw2", 2), ("cw2", 1), ("Cw2", 1)):  # also when one of the rows changes
            api.script(script)
            polled(bench)
            assert (bench.value("mihu_poll_walks"), bench.value("mihu_duplicate_items")) == (walks, 1)
            assert bound_on(bench) == (2, 0, 1)

    def test_they_are_taken_from_one_walk(self) -> None:
        """Each walk sees one half of the list twice and one of the trunk's rows; united they add up."""
        bench = bench_of(Walks("2 2 c", "3 3 w"))
        assert (bench.value("mihu_poll_walks"), bench.value("mihu_duplicate_items")) == (2, 0)
        assert bound_on(bench) == (2, 0, 1)

    def test_without_time_for_another_walk_it_is_lost_when_the_next_poll_does_not_see_it_either(self) -> None:
        api = Walks("2c w3")
        bench = bench_of(api)
        for lost in (0, 1):
            api.script("2c 34", "cw ?")
            polled(bench)
            assert (bench.value("mihu_up"), bound_on(bench)[-1]) == (1, 1 - lost)
            assert bench.value("mihu_channels_lost", channel="whatsapp") == lost
            assert bench.value("mihu_trunk_changes_total", change="lost") == lost
            assert counted(bench) == (1, 0, 0)
