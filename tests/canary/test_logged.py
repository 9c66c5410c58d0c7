"""Secrets are looked for in what is logged about faults and crashes, in every format."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import httpx
import pytest
from faults.bench import Scenario, observe
from faults.certificates import Certificates
from faults.matrix import FAILING, SURVIVED, Failing, Survived
from support.exporters import on_loopback, running
from support.logged import Format, captured_in_every_format, captured_log
from support.marks import PASSWORD, PROXY_PASSWORD, TOKEN, marks_in
from support.polling import Bench
from support.trunks import page, row

from exporter import logs
from exporter.clock import SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import Proxy, ValidatedConfig


def proxy_except_to(*hosts: str) -> Proxy:
    return Proxy(url=f"http://user:{PROXY_PASSWORD}@127.0.0.1:9", no_proxy=hosts)


def test_no_fault_brings_a_secret_to_light(tmp_path: Path) -> None:
    proxy = proxy_except_to("127.0.0.1", "localhost")
    rows: tuple[Failing | Survived, ...] = (*FAILING, *SURVIVED)
    scenarios = [Scenario(fault=row.fault, token=TOKEN, settings={**row.settings, "proxy": proxy}) for row in rows]
    observed = asyncio.run(observe(scenarios, Certificates.make(tmp_path), captured_in_every_format))
    log = observed.whole_log
    assert log.count(' msg="poll failed"') == log.count('"msg": "poll failed"') == len(FAILING)
    assert not marks_in(log)
    for evidence in observed.by_fault.values():
        assert not marks_in(evidence.before + evidence.after)


@pytest.mark.parametrize("format_", get_args(Format))
@pytest.mark.parametrize("level", logs.LEVELS)
def test_no_level_of_the_log_shows_a_token_that_the_api_repeats(level: str, format_: Format) -> None:
    with captured_log(level, format_) as log:
        bench = Bench(
            lambda _: httpx.Response(401, json={"message": f"unknown token {TOKEN}"}),
            credentials=InlineCredentials(Secret(TOKEN)),
        )
        asyncio.run(bench.poll())
    assert bench.failures() == {"auth": 1}
    assert ("unknown token <secret>" in log.getvalue()) is (level != "error")
    assert not marks_in(log.getvalue())


class CrashError(RuntimeError):
    """Nobody expects it."""


def crash(*_: object) -> None:
    raise CrashError


def crash_in_the_request(_: httpx.Request) -> httpx.Response:
    raise CrashError


@pytest.mark.parametrize("where", ["request", "rendering"])
def test_the_traceback_of_a_poll_that_crashes_shows_no_secret(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    listing = page([row()], total=1)
    apis: dict[str, Callable[[httpx.Request], httpx.Response]] = {
        "request": crash_in_the_request,
        "rendering": lambda _: httpx.Response(200, content=listing),
    }
    with captured_in_every_format() as log:
        bench = Bench(apis[where], credentials=InlineCredentials(Secret(TOKEN)), proxy=proxy_except_to("acme.mihu.ai"))
        monkeypatch.setattr(bench.maker.renderer, "trunks", crash)
        asyncio.run(bench.poll())
    assert bench.failures() == {"internal": 1}
    assert log.getvalue().count("Traceback") == 2
    assert "CrashError" in log.getvalue()
    assert not marks_in(log.getvalue())


class StoppedClock(SystemClock):
    stopped = False

    def monotonic(self) -> float:
        if self.stopped:
            raise CrashError
        return super().monotonic()


async def test_the_traceback_of_an_answer_that_crashes_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "uvicorn")
    clock = StoppedClock()
    async with running(ValidatedConfig(workspaces=()), on_loopback(), clock=clock) as exporter:
        await exporter.get("/-/healthy")  # answered once everything runs
        clock.stopped = True
        answer = await exporter.http.get("/metrics", auth=("prometheus", PASSWORD), params={"token": TOKEN})
        clock.stopped = False
    assert (answer.status_code, answer.text) == (httpx.codes.INTERNAL_SERVER_ERROR, "Internal Server Error")
    assert "CrashError" in caplog.text
    assert not marks_in(caplog.text)
