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


def counted(bench: Bench) -> dict[str, float | None]:
    """Return what is said to have come and gone so far."""
    return {
        "added": bench.value("mihu_trunks_added_total"),
        "removed": bench.value("mihu_trunks_removed_total"),
        "gone": bench.value("mihu_trunks_gone"),
    }


NOTHING = {"added": 0, "removed": 0, "gone": 0}


class TestTrunksThatAWalkDoesNotSee:
    def test_a_list_that_has_all_of_them_is_walked_once(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(4, 3), rows(2, 1)])
        polled(bench)
        assert shown(bench) == {"1", "2", "3", "4"}
        assert bench.value("mihu_poll_walks") == 1

    def test_they_are_gone_once_another_walk_does_not_see_them_either(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1), rows(3)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert shown(bench) == {"1", "3"}
        assert counted(bench) == {"added": 0, "removed": 1, "gone": 1}
        polled(bench)
        assert bench.value("mihu_poll_walks") == 1

    def test_one_that_was_hidden_as_another_went_and_a_third_came_is_still_there(self) -> None:
        """1 goes after the first page was read, 4 comes at the end, and 3 moves up to where the walk has been."""
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 2), rows(4)], [rows(2, 3), rows(4)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bench.value("mihu_up") == 1
        assert "3" in shown(bench)
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}  # 1 was there when the poll began

    def test_one_that_an_earlier_walk_saw_stays_as_that_walk_saw_it(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        suspended = row(1, status="suspended")
        api.script([[suspended, row(2)], rows(3)], [rows(2), rows(3)], totals=[[3, 2], []])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert shown(bench) == {"1", "2", "3"}
        assert bench.value("mihu_trunks", status="suspended") == 1
        assert bench.value("mihu_poll_drift") == 1
        assert counted(bench) == NOTHING
        polled(bench)
        assert shown(bench) == {"2", "3"}
        assert counted(bench) == {"added": 0, "removed": 1, "gone": 1}

    def test_one_that_a_later_walk_saw_stays_too_though_that_walk_was_not_whole(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 2), rows(4)], [rows(2, 3), rows(3)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert shown(bench) == {"1", "2", "3", "4"}
        assert bench.value("mihu_poll_drift") == 1
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}

    def test_two_walks_that_list_others_do_not_confirm_each_other(self) -> None:
        """In each of two walks one goes, one comes, and 3 moves up to where the walk has been."""
        api = Walks([rows(1, 2, 5), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 2, 5), rows(4)], [rows(2, 5, 4), rows(6)], [rows(5, 3, 4), rows(6)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 3
        assert "3" in shown(bench)
        assert counted(bench)["removed"] == 0

    def test_after_three_walks_it_is_believed_whatever_else_moved(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 4), rows(2)], [rows(1, 5), rows(2)], [rows(1, 6), rows(2)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 3
        assert shown(bench) == {"1", "2", "6"}
        assert counted(bench) == {"added": 1, "removed": 1, "gone": 1}

    def test_on_a_first_poll_nothing_can_be_missed(self) -> None:
        assert bench_of(Walks([rows(1, 2), rows(4)])).value("mihu_poll_walks") == 1

    def test_a_row_that_names_no_trunk_is_none_that_could_be_missed(self) -> None:
        api = Walks([[row(1), row(2, phone_number_uuid=None, number=None, location="Rome")]])
        bench = bench_of(api)
        api.script([[row(1), row(2, phone_number_uuid=None, number=None, location="Oslo")]])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 1
        assert bench.value("mihu_invalid_items") == 1


class TestWithoutTimeForAnotherWalk:
    """The walk is published, and what it misses is neither removed nor gone before another poll misses it too."""

    def after_a_poll_without_time(self) -> tuple[Walks, Bench]:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 2), rows(4)], [rows(2, 3), SILENT])
        polled(bench)
        assert bench.value("mihu_up") == 1
        assert shown(bench) == {"1", "2", "4"}
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}
        return api, bench

    def test_it_is_removed_by_the_next_poll_that_misses_it_too(self) -> None:
        api, bench = self.after_a_poll_without_time()
        api.script([rows(1, 2), rows(4)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 1
        assert counted(bench) == {"added": 1, "removed": 1, "gone": 1}

    def test_also_where_a_poll_failed_in_between(self) -> None:
        api, bench = self.after_a_poll_without_time()
        api.script([SILENT])
        polled(bench)
        assert bench.failures() == {"timeout": 1}
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}
        api.script([rows(1, 2), rows(4)])
        polled(bench)
        assert counted(bench) == {"added": 1, "removed": 1, "gone": 1}

    def test_one_that_comes_back_was_never_away(self) -> None:
        api, bench = self.after_a_poll_without_time()
        api.script([rows(1, 2), rows(4, 3)])
        polled(bench)
        assert shown(bench) == {"1", "2", "3", "4"}
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}

    @pytest.mark.parametrize("number", NumberStyle)
    def test_one_whose_number_another_trunk_has_is_removed_and_not_gone(self, number: NumberStyle) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api, metrics=Metrics(number=number))
        registered_anew = row(4, number=row(3)["number"])
        api.script([rows(1, 2), [registered_anew]], [rows(1, 2), SILENT])
        polled(bench)
        api.script([rows(1, 2), [registered_anew]])
        polled(bench)
        assert counted(bench) == {"added": 1, "removed": 1, "gone": 0}

    def test_so_where_pages_of_the_other_walks_were_gone(self) -> None:
        api = Walks([rows(1, 2), rows(3)])
        bench = bench_of(api)
        api.script([rows(1, 2), rows(4)], [rows(1, 2), GONE])
        polled(bench)
        assert (bench.value("mihu_up"), bench.value("mihu_poll_walks")) == (1, 3)
        assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}


CALL, WHATSAPP = bindings(call=bound("Ada")), bindings(whatsapp=bound("Bob"))


def bound_on(bench: Bench) -> dict[str, float | None]:
    return {channel: bench.value("mihu_bound_channels", channel=channel) for channel in ("call", "sms", "whatsapp")}


class TestRowsOfOneTrunk:
    """Two rows of one trunk are its channels, or one row that moved while its agent changed the channel."""

    def test_an_agent_that_changes_the_channel_as_the_row_moves_is_shown_on_one(self) -> None:
        api = Walks([[row(1, bindings=CALL), row(2)], rows(3)])
        bench = bench_of(api)
        moved = row(1, bindings=WHATSAPP)
        api.script([[row(1, bindings=CALL), row(2)], [moved]], [rows(2, 3), [moved]])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 1}
        assert bench.value("mihu_channels_lost", channel="call") == 1

    def test_a_trunk_that_is_listed_once_more_is_believed_when_another_walk_lists_it_so_too(self) -> None:
        api = Walks([[row(1, bindings=CALL), row(2)]])
        bench = bench_of(api)
        api.script([[row(1, bindings=CALL), row(1, bindings=WHATSAPP), row(2)]])
        for walks in (2, 1):
            polled(bench)
            assert bench.value("mihu_poll_walks") == walks
            assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 1}
            assert bench.value("mihu_duplicate_items") == 1

    def test_what_the_fleet_before_says_of_other_channels_shows_nothing(self) -> None:
        sms = bindings(sms=bound("Cem"))
        api = Walks([[row(1, bindings=CALL), row(1, bindings=WHATSAPP)], rows(2)])
        bench = bench_of(api)
        api.script([[row(1, bindings=CALL), row(1, bindings=sms)], rows(2)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == {"call": 2, "sms": 1, "whatsapp": 0}

    def test_they_are_taken_from_one_walk(self) -> None:
        """Each walk sees one half of the list twice and one of the trunk's rows; united they add up."""
        api = Walks(
            [rows(2), rows(2), [row(1, bindings=CALL)]],
            [rows(3), rows(3), [row(1, bindings=WHATSAPP)]],
        )
        bench = bench_of(api)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 1}
        assert bench.value("mihu_duplicate_items") == 0

    def test_one_of_them_that_a_walk_does_not_see_is_looked_for_once_more(self) -> None:
        """2 goes, 4 comes, and the row for WhatsApp moves up to where the walk has been."""
        call, whatsapp = row(1, bindings=CALL), row(1, bindings=WHATSAPP)
        api = Walks([[row(2), call], [whatsapp, row(3)]])
        bench = bench_of(api)
        api.script([[row(2), call], rows(3, 4)], [[call, whatsapp], rows(3, 4)])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench)["whatsapp"] == 1
        assert bench.value("mihu_channels_lost", channel="whatsapp") == 0

    def test_without_time_for_another_walk_it_is_lost_when_the_next_poll_does_not_see_it_either(self) -> None:
        call, whatsapp = row(1, bindings=CALL), row(1, bindings=WHATSAPP)
        api = Walks([[row(2), call], [whatsapp, row(3)]])
        bench = bench_of(api)
        for lost in (0, 1):
            api.script([[row(2), call], rows(3, 4)], [[call, whatsapp], SILENT])
            polled(bench)
            assert bench.value("mihu_up") == 1
            assert bound_on(bench)["whatsapp"] == 1 - lost
            assert bench.value("mihu_channels_lost", channel="whatsapp") == lost
            assert bench.value("mihu_trunk_changes_total", change="lost") == lost
            assert counted(bench) == {"added": 1, "removed": 0, "gone": 0}

    def test_without_time_for_another_walk_it_comes_back_unchanged(self) -> None:
        call, whatsapp = row(1, bindings=CALL), row(1, bindings=WHATSAPP)
        api = Walks([[row(2), call], [whatsapp, row(3)]])
        bench = bench_of(api)
        api.script([[row(2), call], rows(3, 4)], [[call, whatsapp], SILENT])
        polled(bench)
        api.script([[row(2), call], [whatsapp, row(3), row(4)]])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 1
        assert bench.value("mihu_trunk_changes_total", change="lost") == 0
        assert bench.value("mihu_trunk_changes_total", change="bound") == 0

    def test_one_of_them_that_two_walks_do_not_see_is_lost(self) -> None:
        call, whatsapp = row(1, bindings=CALL), row(1, bindings=WHATSAPP)
        api = Walks([[call, whatsapp, row(2)]])
        bench = bench_of(api)
        api.script([[call, row(2)]])
        polled(bench)
        assert bench.value("mihu_poll_walks") == 2
        assert bound_on(bench) == {"call": 2, "sms": 0, "whatsapp": 0}
        assert bench.value("mihu_channels_lost", channel="whatsapp") == 1
