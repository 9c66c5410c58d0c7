"""What stands before the routes: passwords, headers, how many are answered at once; and what delays no scrape."""

import asyncio
import base64
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from unittest.mock import Mock

import bcrypt
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send
from support.clock import ManualClock
from support.trunks import row
from support.views import view
from web.site import Site, front_page

from exporter.config.settings import ValidatedConfig
from exporter.metrics.gzip_segments import compress
from exporter.status.endpoints import StatusPages
from exporter.web.auth import BasicAuth, TooManyChecksError
from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
from exporter.web.routes import segments_response
from exporter.web.server import Limits
from exporter.web.settings import WebSettings

PASSWORD = "pass:wörd"  # with what basic auth separates by, and what is not ASCII
USERS = {
    "alice": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)),
    "Zoë": bcrypt.hashpw(b"2a", bcrypt.gensalt(4, prefix=b"2a")),
    "carol": b"$2y" + bcrypt.hashpw(b"2y", bcrypt.gensalt(4))[3:],
    "dave": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)),
}
PROTECTED = ["/", "/metrics", "/-/reload", "/nothing", "/-/healthy/", "//-/healthy", "/-/Ready", "/-/healthy%2f"]


async def page_with_styles(_: Request) -> Response:
    return HTMLResponse("<!DOCTYPE html>", headers={"Content-Security-Policy": "style-src 'sha256-x'"})


PAGES = {"/": front_page, "/styled": page_with_styles}


def guarded(users: Mapping[str, bytes] = USERS, **site: Any) -> Site:  # noqa: ANN401 - of a site
    return Site([view("acme", [row()])], access=Access(WebConfig(users=users)), pages=PAGES, **site)


def basic(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}".lstrip()


class TestPasswords:
    @pytest.mark.parametrize("path", PROTECTED)
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
    def test_everything_needs_one(self, path: str, method: str) -> None:
        answer = guarded().ask(path, method)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="mihu-trunk-exporter", charset="UTF-8"'
        assert answer.text == ("" if method == "HEAD" else "Unauthorized\n")

    @pytest.mark.parametrize(
        ("prefix", "path", "status"),
        [
            *(("", path, 200) for path in ("/-/healthy", "/-/ready")),
            *(("/ops", path, 200) for path in ("/ops/-/healthy", "/ops/-/ready")),
            *(("/ops", path, 401) for path in ("/-/healthy", "/ops/metrics", "/ops/")),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_probes_need_none_where_a_prefix_puts_them(self, prefix: str, path: str, status: int, method: str) -> None:
        assert guarded(web=WebSettings(route_prefix=prefix)).ask(path, method).status_code == status

    @pytest.mark.parametrize(
        ("authorization", "status"),
        [
            *((basic("alice", PASSWORD, scheme), 200) for scheme in ("Basic", "basic", "BASIC", "Basic ")),
            (basic("Zoë", "2a"), 200),
            (basic("carol", "2y"), 200),
            *((basic("dave", "x" * length), 200) for length in (72, 73)),  # bcrypt looks at 72 bytes
            *((basic("alice", password), 401) for password in ("wrong", "", PASSWORD + "\0", PASSWORD[:-1])),
            *((basic(user, PASSWORD), 401) for user in ("bob", "carol", "", "ALICE")),
            *((basic("alice", PASSWORD, scheme), 401) for scheme in ("Bearer", "")),
            *((f"Basic {text}", 401) for text in ("", "=", "!!!!", "A" * 10_001)),
            *((f"Basic {base64.b64encode(text).decode()}", 401) for text in (b"alice", b"\xff\xfe:x")),
            (b"Basic \xe9", 401),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_user_and_password_have_to_fit(self, authorization: str | bytes, status: int) -> None:
        answer = guarded().ask("/metrics", headers={"Authorization": authorization})
        assert answer.status_code == status
        assert ("mihu_up" in answer.text) is (status == 200)


POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OF_ANY = {"X-Content-Type-Options": "nosniff"}
OF_PAGES = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "deny"}


@pytest.mark.parametrize("own", [{}, {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=1"}])
@pytest.mark.parametrize(
    ("path", "users", "headers"),
    [
        ("/", {}, OF_PAGES),
        ("/styled", {}, {**OF_PAGES, "Content-Security-Policy": "style-src 'sha256-x'"}),  # it says so itself
        *((path, {}, {}) for path in ("/metrics", "/nothing", "/-/healthy", "/-/ready")),
        ("/", USERS, {}),
    ],
)
def test_security_headers_are_sent_and_configured_ones_override_them(
    path: str, users: dict[str, bytes], headers: dict[str, str], own: dict[str, str]
) -> None:
    access = Access(WebConfig(users=users, headers=own))
    found = Site([view("acme", [row()])], access=access, pages=PAGES).ask(path).headers
    expected = {**OF_ANY, **headers, **own}
    of_security = {*OF_ANY, *OF_PAGES, *own}
    assert {name: found.get_list(name) for name in of_security if name in found} == {
        name: [value] for name, value in expected.items()
    }


@pytest.mark.parametrize(("crowded", "free"), [("/metrics", "/"), ("/", "/metrics")])
async def test_excess_scrapes_or_pages_are_refused_and_nothing_else(crowded: str, free: str) -> None:
    begun: asyncio.Queue[None] = asyncio.Queue()
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"] == b"slow":
            begun.put_nowait(None)
            await go_on.wait()
        await Site().application()(scope, receive, send)

    limited = Middleware(slow, Access(WebConfig()), Limits(scrapes=2, others=2), WebSettings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(limited), base_url="http://exporter") as http:
        under_way = [asyncio.create_task(http.get(f"{crowded}?slow")) for _ in range(2)]
        for _ in under_way:
            await begun.get()
        turned_away = await http.get(crowded)
        assert turned_away.status_code == 503
        assert turned_away.headers["Retry-After"] == "1"
        assert (await http.get("/-/healthy")).status_code == 200
        assert (await http.get(free)).status_code == 200
        go_on.set()
        assert [answer.status_code for answer in await asyncio.gather(*under_way)] == [200, 200]
        assert (await http.get(crowded)).status_code == 200


RIGHT = b"correct horse"


def users(cost: int = 4) -> dict[str, bytes]:
    return {"alice": bcrypt.hashpw(RIGHT, bcrypt.gensalt(cost)), "bob": bcrypt.hashpw(b"b", bcrypt.gensalt(cost))}


@pytest.mark.parametrize(
    ("user", "password", "hashed"),
    [
        pytest.param("alice", RIGHT, 1, id="a right one once"),
        pytest.param("alice", b"wrong", 8, id="a wrong one each time"),
        pytest.param("nobody", RIGHT, 8, id="one of nobody as one of somebody"),
    ],
)
async def test_a_password_is_hashed_so_often(
    monkeypatch: pytest.MonkeyPatch, user: str, password: bytes, hashed: int
) -> None:
    known, check = users(), Mock(wraps=bcrypt.checkpw)
    monkeypatch.setattr(bcrypt, "checkpw", check)
    auth = BasicAuth(known)
    await asyncio.gather(*[auth.check(user, password) for _ in range(7)])
    await auth.check(user, password)
    assert check.call_count == hashed
    assert {hash_ for (_, hash_), _ in check.call_args_list} < {*known.values()}
    assert password.decode() not in repr(vars(auth))


@pytest.mark.parametrize(
    ("guessers", "at_once", "client"),
    [
        *((1, at_once, "192.0.2.200") for at_once in (1, 10, 500)),
        pytest.param(20, 30, "192.0.2.200", id="many clients"),
        pytest.param(1, 1, "192.0.2.0", id="the same client, as behind a proxy"),
    ],
)
async def test_a_right_password_waits_for_few_guesses(guessers: int, at_once: int, client: str) -> None:
    auth, numbers, guessed = BasicAuth(users()), count(), Counter[str]()

    async def guess(guesser: str) -> None:
        while True:
            try:
                assert not await auth.check("alice", b"%d" % next(numbers), guesser)
                guessed[guesser] += 1
            except TooManyChecksError:
                await asyncio.sleep(0)

    names = [f"192.0.2.{number}" for number in range(guessers)]
    guessing = [asyncio.create_task(guess(name)) for name in names for _ in range(at_once)]
    await asyncio.sleep(0)
    assert await auth.check("bob", b"b", client)
    assert max(guessed.values(), default=0) <= 2
    for task in guessing:
        task.cancel()
    await asyncio.gather(*guessing, return_exceptions=True)


async def test_a_client_with_too_many_checks_is_refused_and_no_other() -> None:
    auth = BasicAuth(users())
    guessing = [asyncio.create_task(auth.check("alice", b"%d" % number, "192.0.2.0")) for number in range(128)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyChecksError):
        await auth.check("bob", b"b", "192.0.2.0")
    assert await auth.check("bob", b"b", "192.0.2.1")
    assert await auth.check("bob", b"b", "192.0.2.0"), "a password that is known waits for nothing"
    for task in guessing:
        task.cancel()
    await asyncio.gather(*guessing, return_exceptions=True)


async def test_a_cancelled_check_does_not_block_the_next() -> None:
    auth = BasicAuth(users(cost=6))
    waiting = [asyncio.create_task(auth.check("alice", b"%d" % number)) for number in range(20)]
    await asyncio.sleep(0)
    for task in waiting[1::2]:
        task.cancel()
    assert await auth.check("alice", RIGHT)
    assert (await asyncio.gather(*waiting, return_exceptions=True))[::2] == [False] * 10


async def test_a_check_during_which_the_hash_changes_does_not_count() -> None:
    known = users(cost=6)
    auth = BasicAuth(known)
    checking = [asyncio.create_task(auth.check("alice", RIGHT)) for _ in range(2)]
    await asyncio.sleep(0)
    auth.users = {"alice": known["bob"]}
    assert await asyncio.gather(*checking) == [False, False]
    auth.users = {}
    assert not await auth.check("alice", RIGHT)


async def test_a_known_password_is_as_good_as_its_user_and_hash() -> None:
    known = users()
    auth = BasicAuth(known)
    assert await auth.check("alice", RIGHT)
    for changed in ({"alice": known["bob"]}, {"bob": known["alice"]}):
        auth.users = changed
        assert not await auth.check("alice", RIGHT)
    auth.users = known
    assert await auth.check("alice", RIGHT)


SCRAPES = ["/metrics", "/metrics?workspace=acme"]


class StuckClock(ManualClock):
    """Holds the thread that asks for the time until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_for, self.release = threading.Event(), threading.Event()

    def time(self) -> float:
        self.asked_for.set()
        self.release.wait()
        return super().time()


def site_with(clock: ManualClock, **users: bytes) -> Site:
    config = ValidatedConfig(workspaces=())
    pages = StatusPages(lambda: (), lambda: config, clock, "metrics").endpoints()
    access = Access(WebConfig(users=users))
    return Site([view("acme", [row()])], access=access, limits=Limits(others=4), pages=pages)


@pytest.mark.parametrize("path", [*SCRAPES, "/", "/trunks", "/trunks.csv", "/config"])
async def test_threads_of_the_event_loop_that_hang_delay_nobody(path: str) -> None:
    """As when names do not resolve."""
    release = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    hanging = loop.run_in_executor(None, release.wait)
    try:
        async with site_with(ManualClock(), alice=bcrypt.hashpw(b"right", bcrypt.gensalt(4))).client() as client:
            assert (await client.get(path, auth=("alice", "right"))).status_code == 200
    finally:
        release.set()
        await hanging


@pytest.mark.parametrize("path", SCRAPES)
async def test_pages_that_take_long_delay_no_scrape(path: str) -> None:
    stuck = StuckClock()
    async with site_with(stuck).client() as client:
        loading = [asyncio.create_task(client.get("/trunks")) for _ in range(20)]
        try:
            await asyncio.to_thread(stuck.asked_for.wait)
            assert (await client.get(path)).status_code == 200
        finally:
            stuck.release.set()
        pages = [answer.status_code for answer in await asyncio.gather(*loading)]
        assert sorted(pages) == [200] * 4 + [503] * 16


@pytest.mark.parametrize("gzip", [False, True], ids=["identity", "gzip"])
async def test_a_long_answer_does_not_block_the_event_loop(gzip: bool) -> None:  # noqa: FBT001 - a parameter
    turns, seen = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def send(message: Message) -> None:
        if message.get("body"):
            seen.append(turns)

    counting = asyncio.create_task(count())
    answer = segments_response([compress("line\n" * 500_000)] * 4, method="GET", headers={}, gzip=gzip)
    await answer({"type": "http", "method": "GET"}, asyncio.Event().wait, send)  # type: ignore[arg-type]  # asked for nothing
    counting.cancel()
    assert len(seen) > 4
    assert len(set(seen)) == len(seen)
