"""Healthy and failing workspaces, each on an API of its own, for the doctor."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Setup:
    """How a workspace is put up.

    Attributes:
        tenant: of the API; the workspace's name where there is none.
        certificate: the kind that is shown to it; without one it is polled over HTTP.
        proxy: the refusal of the one before it, which tunnels where that is empty, or "API" where the API is its own.
        token: the name of its file; without one it is in the configuration.
    """

    behaviour: Behaviour | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    trunks: int = TRUNKS
    tenant: str = ""
    certificate: str = ""
    proxy: str | None = None
    token: str = ""


async def put_up(around: Surroundings, name: str, setup: Setup) -> Workspace:
    folder, tenant = around.certificates.folder, setup.tenant or name
    simulator = await around.simulator(tenant, setup.behaviour, trunks=setup.trunks)
    own: dict[str, Any] = {"base_url": simulator.base_url(name), "per_page": 25, **_LONG_TIMEOUTS}
    if setup.certificate:
        front = await around.front(simulator, setup.certificate)
        own["base_url"] = f"https://localhost:{front.port}/{name}"
        own["tls"] = TLS(ca_file=around.certificates.certificate("known"))
    if setup.token:
        (folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
        own["credentials"] = FileCredentials(folder / setup.token)
    if setup.proxy == "API":  # it does not care to whom a request is addressed
        own["proxy"] = Proxy(url=f"http://127.0.0.1:{simulator.port}")
    elif setup.proxy is not None:
        own["proxy"] = await around.proxy(setup.proxy)
    return exposed.workspace(name, **{**own, **setup.settings})


def inline(token: str) -> Mapping[str, Any]:
    return {"credentials": InlineCredentials(Secret(token))}


def faulty(fault: str, rate: float = 1.0, seed: int = 0) -> Behaviour:
    return Behaviour(faults={fault: rate}, fault_seed=seed)


FAULTS = (
    *("forbidden", "unprocessable", "html", "login-redirect", "error-500", "rate-limited"),
    *("moving-last-page", "moving-total", "fields-wrong", "no-identity"),
)
BYPASSED = Proxy(url="http://127.0.0.1:1", no_proxy=("127.0.0.1",))
UNRESOLVED = f"https://{'a' * 64}.example"  # too long for a label: the resolver refuses it without asking anybody

WORKSPACES: Mapping[str, Setup] = {
    "healthy": Setup(Behaviour(rate_limit=60), certificate="lasting", token="token"),
    "proxied": Setup(certificate="lasting", proxy=""),
    "proxied-in-the-clear": Setup(settings={"base_url": "http://api.example/proxied-in-the-clear"}, proxy="API"),
    "past-the-proxy": Setup(settings={"proxy": BYPASSED}),
    "proxy-refuses": Setup(certificate="lasting", proxy="407 Proxy Authentication Required"),
    "certificate-behind-proxy": Setup(certificate="expired", proxy=""),
    "unknown-name": Setup(settings={"base_url": UNRESOLVED}),
    "refused": Setup(settings={"base_url": f"http://127.0.0.1:{free_port()}"}),
    **{kind: Setup(certificate=kind) for kind in ("good", "expired", "wrong-name", "unknown-ca")},
    "unchecked": Setup(settings={"tls": TLS(insecure_skip_verify=True)}, certificate="unknown-ca"),
    "no-token": Setup(token="nowhere"),
    "quoted-token": Setup(settings=inline(f'"{TOKEN}"')),
    "wrong-token": Setup(settings=inline("stale-token")),
    "wrong-path": Setup(tenant="right-path"),
    **{fault: Setup(faulty(fault)) for fault in FAULTS},
    "no-answer": Setup(faulty("no-answer"), _SHORT_TIMEOUTS),
    "no-trunks": Setup(settings={"filter": Filter(channel="whatsapp")}, trunks=0),
    "rate-limit-is-low": Setup(Behaviour(rate_limit=5)),
    "flaky": Setup(faulty("error-503", rate=0.3, seed=4), {"concurrency": 1}),
}


async def record_all(folder: Path) -> dict[str, Recording]:
    async with surroundings(folder) as around:
        workspaces = [await put_up(around, name, setup) for name, setup in WORKSPACES.items()]
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
