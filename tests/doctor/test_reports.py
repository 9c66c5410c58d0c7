"""What the doctor finds, over real sockets, about workspaces that are well and that fail in each way it knows."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import click
import msgspec
import pytest
import yaml
from support import exposed
from support.executor import InlineExecutor
from support.exposed import TOKEN
from support.processes import free_port
from support.surroundings import Surroundings, surroundings
from support.trunks import row

from exporter import __version__
from exporter.api.errors import ApiError, Reason
from exporter.clock import Clock
from exporter.commands.doctor import Report, as_json, as_text, none_failed
from exporter.config.credentials import Authorization, Secret
from exporter.config.settings import TLS, Filter, Metrics, Workspace
from exporter.doctor.checks import Outcome, check, ok
from exporter.doctor.recording import ON_CONNECTION, Handshake, Recording, record
from exporter.polling.walk import Page
from exporter.simulator.behaviour import Behaviour

TRUNKS = 60
_LONG_TIMEOUTS = {"poll_timeout": 25.0, "request_timeout": 20.0}
_SHORT_TIMEOUTS = {"poll_timeout": 10.0, "request_timeout": 0.2}


class HastyClock(Clock):
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
    """How a workspace is put up."""

    behaviour: Behaviour | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    trunks: int = TRUNKS
    tenant: str = ""  # of the API; the workspace's name where there is none
    certificate: str = ""  # the kind that is shown to it; without one it is polled over HTTP
    proxy: str | None = None  # the refusal of the one before it, "" of one that tunnels, "API" where the API is its own
    token: str = ""  # the name of its file; without one it is in the configuration


async def put_up(around: Surroundings, name: str, setup: Setup) -> Workspace:
    folder, tenant = around.certificates, setup.tenant or name
    simulator = await around.simulator(tenant, setup.behaviour, trunks=setup.trunks)
    own: dict[str, Any] = {"base_url": simulator.base_url(name), "per_page": 25, **_LONG_TIMEOUTS}
    if setup.certificate:
        front = await around.front(simulator, setup.certificate)
        own["base_url"] = f"https://localhost:{front.port}/{name}"
        own["tls"] = TLS(ca_file=folder / "known.pem")
    if setup.token:
        (folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
        own["credentials"] = Authorization(credentials_file=folder / setup.token)
    if setup.proxy == "API":  # it does not care to whom a request is addressed
        own |= exposed.proxied(f"http://127.0.0.1:{simulator.port}")
    elif setup.proxy is not None:
        own |= exposed.proxied(await around.proxy(setup.proxy))
    return exposed.workspace(name, **{**own, **setup.settings})


def with_token(token: str) -> Setup:
    return Setup(settings={"credentials": Authorization(credentials=Secret(token))})


def faulty(fault: str, rate: float = 1.0, seed: int = 0) -> Behaviour:
    return Behaviour(faults={fault: rate}, fault_seed=seed)


FAULTS = (
    *("forbidden", "unprocessable", "html", "login-redirect", "error-500", "rate-limited"),
    *("moving-last-page", "moving-total", "fields-wrong", "no-identity"),
)
BYPASSED = exposed.proxied("http://127.0.0.1:1", "127.0.0.1")
WITHOUT_FIELDS = exposed.fleet([row(status=None, channel_settings={})], exposed.workspace())
WITHOUT_FIELDS_SEEN = "none of 1 trunk, as far as can be told without status and channel_settings"
UNRESOLVED = f"https://{'a' * 64}.example"  # too long for a label: the resolver refuses it without asking anybody

WORKSPACES: Mapping[str, Setup] = {
    "healthy": Setup(Behaviour(rate_limit=60), certificate="lasting", token="token"),
    "proxied": Setup(certificate="lasting", proxy=""),
    "proxied-in-the-clear": Setup(settings={"base_url": "http://api.example/proxied-in-the-clear"}, proxy="API"),
    "past-the-proxy": Setup(settings=BYPASSED),
    "proxy-refuses": Setup(certificate="lasting", proxy="407 Proxy Authentication Required"),
    "proxy-forbids": Setup(certificate="lasting", proxy="403 Forbidden"),
    "proxy-refuses-in-the-clear": Setup(settings={"base_url": "http://127.0.0.1:1"}, proxy="407 Log in"),
    "certificate-behind-proxy": Setup(certificate="expired", proxy=""),
    "unknown-name": Setup(settings={"base_url": UNRESOLVED}),
    "unknown-proxy": Setup(settings=exposed.proxied(UNRESOLVED), certificate="lasting"),
    "refused": Setup(settings={"base_url": f"http://127.0.0.1:{free_port()}"}),
    **{kind: Setup(certificate=kind) for kind in ("good", "expired", "wrong-name", "unknown-ca")},
    "unchecked": Setup(settings={"tls": TLS(insecure_skip_verify=True)}, certificate="unknown-ca"),
    "no-token": Setup(token="nowhere"),
    "quoted-token": with_token(f'"{TOKEN}"'),
    "wrong-token": with_token("stale-token"),
    "wrong-path": Setup(tenant="right-path"),
    **{fault: Setup(faulty(fault)) for fault in FAULTS},
    "no-answer": Setup(faulty("no-answer"), _SHORT_TIMEOUTS),
    "no-trunks": Setup(settings={"filter": Filter(channel="whatsapp")}, trunks=0),
    "rate-limit-is-low": Setup(Behaviour(rate_limit=5)),
    "flaky": Setup(faulty("error-503", rate=0.3, seed=4), {"concurrency": 1}),
}


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def recordings(folder: Path) -> Mapping[str, Recording]:
    async def record_all() -> dict[str, Recording]:
        async with surroundings(folder) as around:
            workspaces = [await put_up(around, name, setup) for name, setup in WORKSPACES.items()]
            return {workspace.name: await recorded(workspace) for workspace in workspaces}

    return asyncio.run(record_all())


FINDINGS: dict[str, dict[str, list[str]]] = yaml.safe_load(Path(__file__).with_name("results.yaml").read_text("utf-8"))
FAILING, WARNED = FINDINGS["failing"], FINDINGS["warned"]
HEALTHY = {"healthy", "proxied", "past-the-proxy"}


def found(recording: Recording, outcome: Outcome, folder: Path) -> list[list[str]]:
    return [
        [name, lasting(result.seen, folder), result.remedy]
        for name, result in check(recording).items()
        if result.outcome is outcome
    ]


def test_every_workspace_has_its_finding() -> None:
    assert {*FAILING, *WARNED, *HEALTHY} == set(WORKSPACES)


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_told_and_what_needs_it_is_skipped(
    name: str, recordings: Mapping[str, Recording], folder: Path
) -> None:
    assert found(recordings[name], Outcome.FAILED, folder) == [FAILING[name]]
    assert found(recordings[name], Outcome.WARNING, folder) == []
    results = check(recordings[name])
    assert not none_failed(results.values())
    after = list(results).index(FAILING[name][0]) + 1
    passed = {check for check in list(results)[after:] if results[check].outcome is Outcome.OK}
    assert passed <= {"proxy", "TLS", "token", "clock"}
    skipped = {result.seen for result in results.values() if result.outcome is Outcome.SKIPPED}
    assert skipped == {"skipped: an earlier step failed"}


@pytest.mark.parametrize("name", [*WARNED, *sorted(HEALTHY)])
def test_what_can_be_polled_has_a_warning_at_most(name: str, recordings: Mapping[str, Recording], folder: Path) -> None:
    results = check(recordings[name])
    assert found(recordings[name], Outcome.WARNING, folder) == ([WARNED[name]] if name in WARNED else [])
    assert {result.outcome for result in results.values()} <= {Outcome.OK, Outcome.WARNING}
    assert none_failed(results.values())
    assert (results["proxy"].seen == "not used for 127.0.0.1") is (name == "past-the-proxy")


# Checks of a workspace that is well, changed in one way


OK, WARNING, FAILED = Outcome.OK, Outcome.WARNING, Outcome.FAILED

Change = Callable[[Recording], Mapping[str, Any]]


def certificate(days: float) -> Change:
    """Let the certificate expire in this number of days."""
    return lambda healthy: {
        "handshakes": {ON_CONNECTION: Handshake("localhost", "TLSv1.3", healthy.ended_at + days * 86400)}
    }


def by_http(proxy: str | None = None) -> Change:
    """Let the API be on this machine, without TLS."""
    settings = {"base_url": "http://127.0.0.1:8080", **(exposed.proxied(proxy) if proxy else {})}
    return lambda healthy: {"workspace": replace(healthy.workspace, **settings)}


def refused_after_the_handshake(_: Recording) -> Mapping[str, Any]:
    """As by a server that wants a certificate."""
    return {"answers": [], "first_page": None, "fleet": None, "error": ApiError(Reason.TLS, "certificate wanted")}


LEFT = "57 left until the API's rate limit"
TOKEN_CAN_BE_READ = "none: anybody between here and the API can read the token"


def clock(ahead: float | None) -> Change:
    """Put this machine's clock ahead of the API's; None where the API does not tell the time."""

    def change(healthy: Recording) -> Mapping[str, Any]:
        answer = healthy.answers[-1]
        return {"answers": [answer._replace(date=None if ahead is None else answer.received_at - ahead)]}

    return change


def without_total(healthy: Recording) -> Mapping[str, Any]:
    page = healthy.first_page
    assert page is not None
    return {"first_page": replace(page, pagination=msgspec.structs.replace(page.pagination, total=None))}


@pytest.mark.parametrize(
    ("change", "name", "outcome", "seen"),
    [
        (certificate(days=21), "TLS", OK, "TLSv1.3; the certificate for localhost expires in 21 days"),
        (certificate(days=20.99), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 20 days"),
        (certificate(days=1), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 1 day"),
        (refused_after_the_handshake, "TLS", FAILED, "certificate wanted"),
        (by_http(), "TLS", OK, "none: the API is on this machine"),
        (by_http("http://proxy.test:3128"), "TLS", WARNING, TOKEN_CAN_BE_READ),
        (clock(ahead=0), "clock", OK, "agrees with the API's"),
        (clock(ahead=-25), "clock", OK, "agrees with the API's"),
        (clock(ahead=300.5), "clock", WARNING, "300s ahead of the API's"),
        (clock(ahead=-7200), "clock", WARNING, "7200s behind the API's"),
        (clock(ahead=None), "clock", OK, "the API does not say what time it is"),
        (lambda _: {"seconds": 12.5}, "full poll", OK, "12.5s of 25s (poll_timeout)"),
        (lambda _: {"seconds": 12.6}, "full poll", WARNING, "12.6s of 25s (poll_timeout)"),
        (lambda _: {"durations": [0.1, 0.3, 0.2]}, "pace", OK, f"0.20s a request, 0.30s the slowest of 3; {LEFT}"),
        (without_total, "first page", OK, "25 rows"),
        (lambda _: {"fleet": WITHOUT_FIELDS}, "out of service", WARNING, WITHOUT_FIELDS_SEEN),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check(change: Change, name: str, outcome: Outcome, seen: str, recordings: Mapping[str, Recording]) -> None:
    healthy = recordings["healthy"]
    result = check(replace(healthy, **change(healthy)))[name]
    assert (result.outcome, result.seen) == (outcome, seen)


def test_out_of_service_is_told_as_far_as_fields_could_be_read(recordings: Mapping[str, Recording]) -> None:
    result = check(recordings["fields-wrong"])["out of service"]
    assert (result.outcome, result.seen) == (OK, "none of 60 trunks, as far as fields could be read")


async def test_the_clock_is_compared_with_the_head_of_an_answer_and_pages_are_watched(tmp_path: Path) -> None:
    read: list[int] = []
    async with surroundings(tmp_path) as around:
        late = await put_up(around, "late", Setup(settings={"concurrency": 1}))
        recording = await recorded(late, HastyClock(ahead=-3600), lambda page: read.append(page.number))
    result = check(recording)["clock"]
    assert result.outcome is WARNING
    assert result.seen in {f"{seconds}s behind the API's" for seconds in range(3597, 3602)}
    assert read == [1, 2, 3]


# Whole reports, to the letter


GOLDEN = Path(__file__).parent / "golden"


def report_on(recording: Recording) -> Report:
    return Report(ok("config.yaml: 1 workspace"), [(recording.workspace, check(recording))])


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.name)
def test_golden(
    file: Path, recordings: Mapping[str, Recording], folder: Path, assert_golden: Callable[[Path, str], None]
) -> None:
    assert_golden(file, lasting(click.unstyle(as_text(report_on(recordings[file.stem]))), folder) + "\n")


def test_long_lines_are_wrapped_also_where_there_is_hardly_a_column(recordings: Mapping[str, Recording]) -> None:
    report = report_on(recordings["wrong-token"])
    for width in (1, 80):
        text = click.unstyle(as_text(report, width))
        wrapped = [line for line in text.splitlines() if line.startswith(" " * 19)]
        assert wrapped
        assert max(map(len, wrapped)) <= max(width, 20)


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [("healthy", {"ok"}), ("moving-total", {"ok", "warning"}), ("wrong-token", {"ok", "failed", "skipped"})],
)
def test_json_has_the_same_by_these_names(name: str, outcomes: set[str], recordings: Mapping[str, Recording]) -> None:
    document = json.loads(as_json(report_on(recordings[name])))
    results = check(recordings[name])
    (workspace,) = document.pop("workspaces")
    ok, well = {"ok": "failed" not in outcomes}, {"outcome": "ok", "remedy": "", "details": []}
    assert document == {**ok, "version": __version__, "configuration": {**well, "seen": "config.yaml: 1 workspace"}}
    steps = workspace.pop("steps")
    assert workspace == {**ok, "workspace": name, "address": recordings[name].workspace.base_url}
    assert steps == [
        {**well, "step": step, "outcome": each.outcome, "seen": each.seen, "remedy": each.remedy}
        for step, each in results.items()
    ]
    assert {step["outcome"] for step in steps} == outcomes
