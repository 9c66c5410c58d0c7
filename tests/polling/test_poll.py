"""What a poll publishes, what it refuses to, and what it takes from the one before it."""

import asyncio

import httpx
import pytest
from support.executor import InlineExecutor
from support.polling import Bench, Listing, polled
from support.trunks import Row, bindings, bound, row, rows

from exporter.api.errors import ApiError, Reason
from exporter.api.wire import Number, Pagination
from exporter.config.settings import Filter
from exporter.polling.walk import Page, walk


def test_all_pages_are_read() -> None:
    api = Listing(rows(137))
    bench = polled(Bench(api))
    assert sorted(api.requests) == [1, 2, 3, 4, 5, 6]
    assert bench.series("mihu_trunk_info") == bench.value("mihu_poll_reported_trunks") == 137
    names = ("mihu_up", "mihu_poll_pages", "mihu_poll_walks", "mihu_poll_drift")
    assert [bench.value(name) for name in names] == [1, 6, 1, 0]


def test_before_the_first_poll_only_reading_metrics_are_shown() -> None:
    bench = Bench(Listing(rows(3)))
    assert bench.trunk_samples() == {}
    assert bench.value("mihu_up") is bench.value("mihu_last_poll_timestamp_seconds") is None
    names = ("poll_interval_seconds", "max_staleness_seconds", "polls_total", "series")
    assert [bench.value(f"mihu_{name}") for name in names] == [60, 300, 0, 0]
    assert bench.series("mihu_poll_failures_total") == 15


class TestPages:
    @pytest.mark.parametrize(
        ("count", "pagination", "settings", "requests"),
        [
            pytest.param(60, {}, {"per_page": 100}, [1, 2, 3], id="the server clamps per_page"),
            pytest.param(60, {"last_page": None}, {}, [1, 2, 3], id="no last page"),
            pytest.param(60, {"last_page": None, "per_page": None}, {}, [1, 2, 3], id="nor page size"),
            pytest.param(60, {"last_page": 10**9}, {}, [1, 2, 3], id="a last page far beyond the total"),
            pytest.param(60, {"last_page": 10**9, "per_page": None}, {}, [1, 2, 3], id="and no page size"),
            pytest.param(60, {"last_page": 10**9, "per_page": 100}, {}, [1, 2, 3], id="and a page size that is wrong"),
            pytest.param(0, {"last_page": 10**9}, {}, [1], id="of an empty list"),
            pytest.param(50, {"total": None, "last_page": None, "has_more": None}, {}, [1, 2, 3], id="no total"),
            pytest.param(100, {}, {"max_trunks": 100}, [1, 2, 3, 4], id="as many as max_trunks"),
        ],
    )
    def test_which_are_read(
        self, count: int, pagination: dict[str, object], settings: dict[str, object], requests: list[int]
    ) -> None:
        api = Listing(rows(count), per_page=25, pagination=pagination)
        bench = polled(Bench(api, **settings))  # type: ignore[arg-type]  # any setting of a workspace
        assert bench.value("mihu_trunks", status="active") == count
        assert bench.value("mihu_poll_walks") == 1
        assert sorted(api.requests) == requests

    @pytest.mark.parametrize(
        ("count", "pagination", "max_trunks", "requests"),
        [
            pytest.param(101, {}, 100, 5, id="one more"),
            pytest.param(60, {"last_page": 10**9, "total": 10**9}, 100, 1, id="a total that says so"),
            # A trunk has three rows at most, and one page more shows that there are too many.
            pytest.param(1000, {"total": None, "has_more": None}, 50, 7, id="no total"),
        ],
    )
    def test_more_than_max_trunks_is_too_large_and_costs_no_more_requests_than_it_takes_to_see(
        self, count: int, pagination: dict[str, object], max_trunks: int, requests: int
    ) -> None:
        api = Listing(rows(count), per_page=25, pagination=pagination)
        bench = polled(Bench(api, max_trunks=max_trunks))
        assert bench.failures() == {"too_large": 1}
        assert bench.trunk_samples() == {}
        assert len(api.requests) <= requests

    def test_without_a_total_the_walk_goes_on_until_has_more_is_false(self) -> None:
        api = Listing(rows(60), pagination={"total": None, "last_page": None, "per_page": None})
        api.before = lambda _, number: api.pagination.update(has_more=number < 3)
        bench = polled(Bench(api))
        assert (api.requests, bench.value("mihu_trunks", status="active")) == ([1, 2, 3], 60)
        assert (bench.value("mihu_poll_reported_trunks"), bench.value("mihu_poll_drift")) == (None, 0)
        # A last page that is wrong costs a request more for each page in flight.
        api = Listing(rows(60), pagination={"last_page": 10**9, "total": None})
        assert polled(Bench(api, concurrency=4)).value("mihu_trunks", status="active") == 60
        assert sorted(api.requests)[:3] == [1, 2, 3]
        assert len(api.requests) <= 3 + 4

    @pytest.mark.parametrize("status", [404, 422])
    def test_a_page_that_is_gone_means_walk_again(self, status: int) -> None:
        api = Listing(rows(60))

        def shrinking(request: httpx.Request) -> httpx.Response:
            if request.url.params["page"] == "3" and len(api.rows) == 60:
                api.rows = api.rows[:50]
                return httpx.Response(status)
            return api(request)

        bench = polled(Bench(shrinking, concurrency=1))
        assert (bench.value("mihu_trunks", status="active"), bench.value("mihu_poll_walks")) == (50, 2)

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_a_time_out_after_a_page_that_is_gone_is_a_failure_like_any_other(self, concurrency: int) -> None:
        api = Listing(rows(60))

        async def silent_once_shrunk(request: httpx.Request) -> httpx.Response:
            if len(api.rows) < 60:
                await asyncio.Event().wait()
            if request.url.params["page"] == "3":
                api.rows = api.rows[:50]
                return httpx.Response(404)
            return api(request)

        bench = polled(Bench(silent_once_shrunk, concurrency=concurrency, poll_timeout=1.0))
        assert bench.failures() == {"timeout": 1}


class TestAllOrNothing:
    def test_a_page_that_fails_fails_the_poll_and_the_last_fleet_stays(self) -> None:
        api = Listing(rows(137))
        failing = False

        def sometimes(request: httpx.Request) -> httpx.Response:
            if failing and request.url.params["page"] == "4":
                return httpx.Response(403)
            return api(request)

        bench = polled(Bench(sometimes))
        before = bench.trunk_samples()
        failing = True
        api.rows = rows(30)[::-1] + api.rows[30:]
        polled(bench)
        assert bench.trunk_samples() == before
        assert (bench.value("mihu_up"), bench.failures()) == (0, {"permission": 1})

    def test_requests_that_another_page_makes_useless_are_called_off_and_not_counted(self) -> None:
        api = Listing(rows(137))
        called_off: list[str] = []

        async def silent_but_for_the_first(request: httpx.Request) -> httpx.Response:
            number = request.url.params["page"]
            if number == "1":
                return api(request)
            if number == "2":
                return httpx.Response(403)
            try:
                await asyncio.Event().wait()
            finally:
                called_off.append(number)
            raise AssertionError

        bench = polled(Bench(silent_but_for_the_first, concurrency=4))
        assert bench.failures() == {"permission": 1}
        assert called_off == ["3", "4", "5"]
        assert bench.requests() == {"200": 1, "403": 1}


ALSO_ON_WHATSAPP = row(0, bindings=bindings(whatsapp=bound("Bob")))


class TestWholeness:
    @pytest.mark.parametrize(
        ("listed", "total", "verify_total", "failures", "drift"),
        [
            pytest.param(rows(20), 21, True, {"incomplete": 1}, None, id="fewer rows"),
            pytest.param([*rows(20), ALSO_ON_WHATSAPP], 20, True, {"incomplete": 1}, None, id="more rows"),
            pytest.param(rows(20), 23, False, {}, 3, id="the total need not be right"),
        ],
    )
    def test_as_many_rows_as_the_total_says(
        self, listed: list[Row], total: int, failures: dict[str, int], drift: int | None, *, verify_total: bool
    ) -> None:
        bench = polled(Bench(Listing(listed, pagination={"total": total}), verify_total=verify_total))
        assert bench.failures() == failures
        assert bench.series("mihu_trunk_info") == (0 if failures else len(listed))
        assert bench.value("mihu_poll_drift") == drift

    def test_the_error_says_what_the_pages_leave_out(self) -> None:
        bench = Bench(Listing(rows(3), pagination={"current_page": None, "total": None}))
        seen = (
            "reports no number of rows, the last walk found 3; asked for page 1 it answered with one without a number"
        )
        assert seen in str(asyncio.run(bench.poll()))

    def test_a_trunk_that_an_earlier_walk_saw_is_not_dropped_while_the_totals_leave_room_for_it(self) -> None:
        """A trunk that is removed moves all behind it up: the first of the next page is missed."""
        api = Listing(rows(60))

        api.before = lambda _, number: api.rows.pop(3) if number == 2 else None
        bench = polled(Bench(api, concurrency=1))
        shown = {dict(labels)["number"] for name, labels in bench.samples() if name == "mihu_trunk_info"}
        assert {trunk["number"] for trunk in api.rows} <= shown
        assert bench.value("mihu_poll_walks") == 3
        assert bench.value("mihu_poll_drift") == len(shown) - len(api.rows)

    def test_a_list_that_loses_rows_in_the_middle_is_incomplete_rather_than_smaller(self) -> None:
        api = Listing(rows(100))

        def remove_two_and_add_one(_: int, number: int) -> None:
            if number == 2:
                api.rows = [*api.rows[2:], row(5000 + len(api.requests))]

        api.before = remove_two_and_add_one
        api.pagination = {"total": 100}
        bench = polled(Bench(api, concurrency=1))
        assert bench.failures() == {"incomplete": 1}


class TestDuplicates:
    def test_steady_repeats_are_the_apis_way_of_listing(self) -> None:
        bench = polled(Bench(Listing([*rows(30), *rows(30)])))
        assert (bench.value("mihu_trunks", status="active"), bench.value("mihu_duplicate_items")) == (30, 30)
        assert bench.value("mihu_poll_walks") == 2

    @pytest.mark.parametrize("verify_total", [True, False])
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["good first", "good last"])
    @pytest.mark.parametrize("bad", ["unbound", "suspended"])
    def test_contradicting_rows_are_merged_whatever_else_moves(
        self, bad: str, order: tuple[int, int], *, verify_total: bool
    ) -> None:
        """The second walk shows that the API lists the trunk so, and later polls need not doubt it."""
        worse = {"unbound": row(1, bindings=bindings()), "suspended": row(1, status="suspended")}[bad]
        pair = [(row(1), worse)[index] for index in order]
        api = Listing([*pair, row(2)])

        def change_another(count: int, _: int) -> None:
            api.rows = [*pair[:: 1 - 2 * (count % 2)], row(2, updated_at=f"2024-01-01T00:00:{count:02}Z")]

        api.before = change_another
        bench = polled(Bench(api, verify_total=verify_total))
        assert bench.value("mihu_poll_walks") == 2
        for _ in range(3):
            assert bench.value("mihu_up") == 1
            assert bench.value("mihu_unbound_channels", channel="call") == 0
            assert bench.value("mihu_trunks", status="suspended") == (1 if bad == "suspended" else None)
            assert bench.value("mihu_duplicate_items") == 1
            assert bench.value("mihu_poll_drift") == 0
            polled(bench)
            assert bench.value("mihu_poll_walks") == 1


def test_rows_that_tell_no_trunk_are_invalid_items_and_those_that_disobey_the_filter_an_invalid_response() -> None:
    nameless = row(5, phone_number_uuid=None, number=None)
    api = Listing([*rows(2), row(2, status=5), nameless, None, 5, "text"])
    bench = polled(Bench(api))
    assert (bench.value("mihu_invalid_items"), bench.value("mihu_invalid_fields", field="status")) == (4, 1)
    assert bench.series("mihu_trunk_info") == 3
    api.rows = rows(2)
    polled(bench)
    assert (bench.value("mihu_invalid_items"), bench.series("mihu_invalid_fields")) == (0, 0)  # of the current fleet
    bench = polled(Bench(Listing([row(0, bindings=bindings())]), filter=Filter(channel="call")))
    assert bench.failures() == {"invalid_response": 1}


def test_pages_that_came_before_are_counted() -> None:
    api = Listing(rows(100))
    bench = polled(Bench(api))
    api.rows[60] = row(60, status="suspended")
    polled(bench)
    assert (bench.value("mihu_poll_pages"), bench.value("mihu_poll_reused_pages")) == (4, 3)


def test_a_list_that_did_not_add_up_is_doubted_again_though_the_same_answers_come() -> None:
    api = Listing(rows(3), per_page=1)
    api.before = lambda _, number: api.pagination.update(total=3 if number < 3 else 2, last_page=3)
    bench = polled(Bench(api, concurrency=1))
    for _ in range(2):
        assert (bench.value("mihu_poll_drift"), bench.value("mihu_poll_walks")) == (1, 3)
        polled(bench)


LONG = "x" * 2**17  # small pages are decoded at once


@pytest.mark.parametrize("time_for", range(6))
async def test_a_walk_that_came_in_time_is_published_however_late_and_another_is_a_time_out(time_for: int) -> None:
    """The executor has time for so much work, and for more only long after the poll's end."""
    executor = InlineExecutor()
    bench = Bench(Listing([row(index, note=LONG) for index in range(6)], per_page=2), executor=executor)
    executor.become_busy(time_for)
    polling = asyncio.create_task(bench.poller.poll())
    await bench.clock.advance(2 * bench.workspace.poll_timeout)
    executor.catch_up()
    await polling
    in_time = time_for >= 3  # pages; after them it has to judge, to render and to remember
    assert bench.failures() == ({} if in_time else {"timeout": 1})
    assert bench.value("mihu_trunks", status="active") == (6 if in_time else None)


async def test_a_poll_that_is_cancelled_as_a_page_fails_ends() -> None:
    fails = asyncio.Event()

    async def get(number: int) -> Page:
        if number > 1:
            await (fails if number == 2 else asyncio.Event()).wait()
            raise ApiError(Reason.SERVER_ERROR, "")
        return Page(1, b"", Pagination(last_page=Number(3)), ())

    walking = asyncio.create_task(walk(get, concurrency=2, max_trunks=9))
    await asyncio.sleep(0.01)
    fails.set()
    await asyncio.sleep(0)
    walking.cancel()
    await asyncio.wait([walking])
    assert walking.cancelled()
