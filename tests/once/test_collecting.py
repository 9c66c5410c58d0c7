"""Polling every workspace once, and what the progress bar counts."""

import asyncio
from unittest.mock import Mock

import httpx
import pytest
from support.once import collected
from support.polling import Listing
from support.trunks import row, rows

from exporter.api.wire import Number, Pagination
from exporter.commands.workspaces import count_page
from exporter.config.settings import Metrics, NumberStyle
from exporter.polling.walk import Page


def test_a_poll_that_fails_leaves_the_others_alone() -> None:
    crashing = Mock(side_effect=RuntimeError("not foreseen"))
    found = collected({"acme": Listing(rows(3)), "crashed": crashing, "globex": Listing(rows(2))})
    assert [one.poll.failure and one.poll.failure.reason.value for one in found] == [None, "internal", None]
    assert [one.trunks and len(one.trunks) for one in found] == [3, None, 2]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "raise poll_timeout if the API is slow, else check the network, proxy and firewall"),
        ([502], "the last error was: HTTP 502: the API is failing or unavailable; if it lasts, ask the vendor"),
    ],
)
def test_a_poll_ends_when_its_time_is_up(answers: list[int], why: str) -> None:
    async def silent_after_all(_: httpx.Request) -> httpx.Response:
        if answers:
            return httpx.Response(answers.pop())
        await asyncio.Event().wait()
        raise AssertionError

    (one,) = collected({"acme": silent_after_all}, poll_timeout=7.0, request_timeout=20.0)
    assert (one.poll.failure and one.poll.failure.message) == f"the list was not read within 7s (poll_timeout); {why}"
    assert one.poll.ended_at == 1_700_000_007.0


def test_sixteen_workspaces_are_polled_at_a_time() -> None:
    waiting: set[str] = set()
    at_once: list[int] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        waiting.add(request.url.host)
        at_once.append(len(waiting))
        for _ in range(200):  # turns in which a seventeenth would come
            await asyncio.sleep(0)
        waiting.discard(request.url.host)
        return Listing(rows(1))(request)

    found = collected({f"workspace-{number}": slow for number in range(48)})
    assert max(at_once) == 16
    assert [one.name for one in found if one.trunks] == [f"workspace-{number}" for number in range(48)]


def test_a_trunk_without_uuid_is_listed_even_where_it_can_have_no_series() -> None:
    (one,) = collected({"acme": Listing([row(0, phone_number_uuid=None)])}, Metrics(number=NumberStyle.MASKED))
    assert one.trunks is not None
    assert [listed.judged.trunk.number for listed in one.trunks] == ["+1208*****78"]


@pytest.mark.parametrize(
    ("pages_read", "counts"),
    [
        pytest.param("a1/3 g1/2 a3/3 g2/2", "1/3 2/5 3/5 4/5", id="all workspaces are added up"),
        pytest.param("a1/3 a2/3 a1/2 a2/2", "1/3 2/3 1/2 2/2", id="another walk begins anew"),
        pytest.param("a1/ a2/ a3/", "1/1 2/2 3/3", id="the API does not say how many there are"),
    ],
)
def test_pages_are_counted(pages_read: str, counts: str) -> None:
    """Each is the workspace, the number and the last page's."""
    pages: dict[str, tuple[int, int]] = {}
    for read, count in zip(pages_read.split(), counts.split(), strict=True):
        number, _, last = read[1:].partition("/")
        pagination = Pagination(last_page=Number(int(last)) if last else None, has_more=True)
        found = count_page(pages, read[0], Page(int(number), b"", pagination, ()))
        assert found == tuple(map(int, count.split("/")))
