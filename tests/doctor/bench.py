"""Healthy and failing workspaces, each on an API of its own, for the doctor."""

import re
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from random import Random
from typing import Any

from support import exposed
from support.executor import InlineExecutor
from support.exposed import TOKEN
from support.processes import free_port
from support.surroundings import Surroundings, surroundings

from exporter.clock import Clock, SystemClock
from exporter.config.credentials import FileCredentials, InlineCredentials, Secret
from exporter.config.settings import TLS, Filter, Metrics, Proxy, Workspace
from exporter.doctor.recording import Recording, record
from exporter.polling.walk import Page
from exporter.simulator.behaviour import Behaviour

TRUNKS = 60
_LONG_TIMEOUTS = {"poll_timeout": 25.0, "request_timeout": 20.0}
_SHORT_TIMEOUTS = {"poll_timeout": 10.0, "request_timeout": 0.2}


class HastyClock(SystemClock):
    """Waits at once; only waiting takes time by it. Its Unix time may be some seconds ahead."""

    def __init__(self, ahead: float = 0.0) -> None:
        self._ahead = ahead
        self._waited = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def monotonic(self) -> float:
        return self._waited

    async def sleep(self, seconds: float) -> None:
        self._waited += max(seconds, 0)
        await super().sleep(0)


PutUp = Callable[[Surroundings], Coroutine[Any, Any, Workspace]]


async def plain(around: Surroundings, name: str, behaviour: Behaviour | None = None, **settings: Any) -> Workspace:  # noqa: ANN401
    simulator = await around.simulator(name, behaviour, trunks=settings.pop("trunks", TRUNKS))
    return workspace(name, simulator.base_url(name), **settings)


async def encrypted(
    around: Surroundings,
    name: str,
    kind: str,
    behaviour: Behaviour | None = None,
    **settings: Any,  # noqa: ANN401
) -> Workspace:
    """Put up a workspace with a certificate of a kind."""
    front = await around.front(await around.simulator(name, behaviour, trunks=TRUNKS), kind)
    known = {"tls": TLS(ca_file=around.certificates / "known.pem")}
    return workspace(name, f"https://localhost:{front.port}/{name}", **known | settings)


def inline(token: str) -> InlineCredentials:
    return InlineCredentials(Secret(token))


def workspace(name: str, base_url: str, **settings: Any) -> Workspace:  # noqa: ANN401 - any setting
    return exposed.workspace(name, base_url=base_url, **{"per_page": 25, **_LONG_TIMEOUTS} | settings)


def faulty(fault: str, **settings: Any) -> PutUp:  # noqa: ANN401 - any setting
    """Return how to put up a workspace whose API always goes wrong in one way."""
    return lambda around: plain(around, fault, Behaviour(faults={fault: 1.0}), **settings)


def shown(kind: str) -> PutUp:
    """Return how to put up a workspace with a certificate of a kind."""
    return lambda around: encrypted(around, kind, kind)


async def healthy(around: Surroundings) -> Workspace:
    """Put up one that is polled over TLS, with a token from a file, on an API that reports its rate limit."""
    token = around.certificates / "token"
    token.write_text(f"{TOKEN}\n", encoding="utf-8")
    credentials = FileCredentials(token)
    return await encrypted(around, "healthy", "lasting", Behaviour(rate_limit=60), credentials=credentials)


async def proxied(around: Surroundings) -> Workspace:
    return await encrypted(around, "proxied", "lasting", proxy=await around.proxy())


async def proxy_refuses(around: Surroundings) -> Workspace:
    proxy = await around.proxy("407 Proxy Authentication Required")
    return await encrypted(around, "proxy-refuses", "lasting", proxy=proxy)


async def certificate_behind_proxy(around: Surroundings) -> Workspace:
    return await encrypted(around, "certificate-behind-proxy", "expired", proxy=await around.proxy())


async def proxied_in_the_clear(around: Surroundings) -> Workspace:
    simulator = await around.simulator("proxied-in-the-clear", trunks=TRUNKS)
    # The simulated API does not care to whom a request is addressed.
    proxy = Proxy(url=f"http://127.0.0.1:{simulator.port}")
    return workspace("proxied-in-the-clear", "http://api.example/proxied-in-the-clear", proxy=proxy)


async def wrong_path(around: Surroundings) -> Workspace:
    simulator = await around.simulator("right-path", trunks=TRUNKS)
    return workspace("wrong-path", simulator.base_url("wrong-path"))


async def refused(_: Surroundings) -> Workspace:
    return workspace("refused", f"http://127.0.0.1:{free_port()}")


async def unknown_name(_: Surroundings) -> Workspace:
    # Too long for a label, so that the resolver refuses it without asking anybody.
    return workspace("unknown-name", f"https://{'a' * 64}.example")


BYPASSED = Proxy(url="http://127.0.0.1:1", no_proxy=("127.0.0.1",))
FLAKY = Behaviour(faults={"error-503": 0.3}, fault_seed=4)

WORKSPACES: Mapping[str, PutUp] = {
    "healthy": healthy,
    "proxied": proxied,
    "proxied-in-the-clear": proxied_in_the_clear,
    "past-the-proxy": lambda around: plain(around, "past-the-proxy", proxy=BYPASSED),
    "proxy-refuses": proxy_refuses,
    "certificate-behind-proxy": certificate_behind_proxy,
    "unknown-name": unknown_name,
    "refused": refused,
    "good": shown("good"),
    "expired": shown("expired"),
    "wrong-name": shown("wrong-name"),
    "unknown-ca": shown("unknown-ca"),
    "unchecked": lambda around: encrypted(around, "unchecked", "unknown-ca", tls=TLS(insecure_skip_verify=True)),
    "no-token": lambda around: plain(around, "no-token", credentials=FileCredentials(around.certificates / "nowhere")),
    "quoted-token": lambda around: plain(around, "quoted-token", credentials=inline(f'"{TOKEN}"')),
    "wrong-token": lambda around: plain(around, "wrong-token", credentials=inline("stale-token")),
    "wrong-path": wrong_path,
    "forbidden": faulty("forbidden"),
    "unprocessable": faulty("unprocessable"),
    "html": faulty("html"),
    "login-redirect": faulty("login-redirect"),
    "no-answer": faulty("no-answer", **_SHORT_TIMEOUTS),
    "error-500": faulty("error-500"),
    "rate-limited": faulty("rate-limited"),
    "moving-last-page": faulty("moving-last-page"),
    "moving-total": faulty("moving-total"),
    "fields-wrong": faulty("fields-wrong"),
    "no-identity": faulty("no-identity"),
    "no-trunks": lambda around: plain(around, "no-trunks", trunks=0, filter=Filter(channel="whatsapp")),
    "rate-limit-is-low": lambda around: plain(around, "rate-limit-is-low", Behaviour(rate_limit=5)),
    "flaky": lambda around: plain(around, "flaky", FLAKY, concurrency=1),
}


async def record_all(folder: Path) -> dict[str, Recording]:
    async with surroundings(folder) as around:
        workspaces = [await put_up(around) for put_up in WORKSPACES.values()]
        return {workspace.name: await recorded(workspace) for workspace in workspaces}


async def recorded(
    polled: Workspace, clock: Clock | None = None, watch: Callable[[Page], None] = lambda _: None
) -> Recording:
    return await record(
        polled,
        Metrics(),
        watch,
        clock=clock or HastyClock(),
        random=Random(1),  # noqa: S311 - a repeatable one
        executor=InlineExecutor(),
    )


def lasting(text: str, folder: Path) -> str:
    """Replace what differs from run to run, and the number of series, which grows with each new metric."""
    text = re.sub(r"([:,] ?)\d{4,5}\b", r"\1PORT", text.replace(str(folder), "FOLDER"))
    return re.sub(r"\b\d+ series\b", "SERIES series", text)
