"""What stands before the routes: passwords, security headers, and how many are answered at once."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import bcrypt
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from support.trunks import row
from support.views import view
from web.site import Site, front_page

from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
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
    def test_probes_need_none_where_the_prefix_puts_them(
        self, prefix: str, path: str, status: int, method: str
    ) -> None:
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
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_user_and_password_have_to_fit(self, authorization: str, status: int) -> None:
        answer = guarded().ask("/metrics", headers={"Authorization": authorization})
        assert answer.status_code == status
        assert ("mihu_up" in answer.text) is (status == 200)


POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OF_ANY = {"X-Content-Type-Options": "nosniff"}
OF_PAGES = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "deny"}


@pytest.mark.parametrize(
    "configured", [{}, {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=1"}]
)
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
    path: str, users: dict[str, bytes], headers: dict[str, str], configured: dict[str, str]
) -> None:
    access = Access(WebConfig(users=users, headers=configured))
    found = Site([view("acme", [row()])], access=access, pages=PAGES).ask(path).headers
    expected = {**OF_ANY, **headers, **configured}
    of_security = {*OF_ANY, *OF_PAGES, *configured}
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
