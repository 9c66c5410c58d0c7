"""No secret is shown by what holds it, nor by the log of a crash; of faults, faults/test_matrix.py says so."""

from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from canary.echoing import Heads
from canary.marked import VARIABLE, Marked
from support.exporters import on_loopback, running
from support.exposed import proxied
from support.logged import captured_in_every_format
from support.marks import KEY, PASSWORD, PROXY_PASSWORD, TOKEN, marks_in
from support.polling import Bench
from support.transport import Handler
from support.trunks import page, row

from exporter.clock import Clock
from exporter.config.credentials import Authorization, Secret
from exporter.config.loading import load
from exporter.config.settings import ValidatedConfig
from exporter.web.config import load_web_config
from exporter.web.settings import WebSettings

PROXY = proxied(f"http://user:{PROXY_PASSWORD}@127.0.0.1:9", "acme.mihu.ai")


class CrashError(RuntimeError):
    """Nobody expects it."""


def crash(*_: object) -> NoReturn:
    raise CrashError


@pytest.mark.parametrize("where", ["request", "rendering"])
async def test_a_poll_that_crashes_shows_no_secret(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    listing = page([row()], total=1)
    apis: dict[str, Handler] = {"request": crash, "rendering": lambda _: httpx.Response(200, content=listing)}
    with captured_in_every_format() as log:
        bench = Bench(apis[where], credentials=Authorization(credentials=Secret(TOKEN)), **PROXY)
        monkeypatch.setattr(bench.maker.renderer, "trunks", crash)
        await bench.poll()
    assert bench.failures() == {"internal": 1}
    assert log.getvalue().count("Traceback") == 2
    assert "CrashError" in log.getvalue()
    assert not marks_in(log.getvalue())


class StoppedClock(Clock):
    stopped = False

    def monotonic(self) -> float:
        if self.stopped:
            raise CrashError
        return super().monotonic()


async def test_an_answer_that_crashes_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
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


def test_marks_are_found_whole_cut_and_as_http_sends_them() -> None:
    for secret in (TOKEN, PROXY_PASSWORD, PASSWORD, KEY):
        assert marks_in(f"x{secret}y")
        assert marks_in(f"x{secret[:9]}")
    for user in ("u", "us", "use", "user"):
        for password in (TOKEN, PROXY_PASSWORD, PASSWORD):
            sent = next(httpx.BasicAuth(user, password).auth_flow(httpx.Request("GET", "http://localhost")))
            assert marks_in(sent.headers["authorization"])
    assert not marks_in("canary")


def test_no_representation_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    files = Marked(tmp_path, Heads(1), Heads(2))
    config, web = load(files.write("config.yaml")), load_web_config(files.write_web("web.yaml"))
    tokens = [workspace.credentials.read() for workspace in config.workspaces]
    assert {token.reveal for token in tokens} == {TOKEN}
    parts = [part for polled in config.workspaces for part in (polled.credentials, polled.proxy_url, polled.tls)]
    for shown in (config, *config.warnings, *config.workspaces, *parts, *tokens, web, web.tls, WebSettings(config=web)):
        assert not marks_in(f"{shown} {shown!r} {[shown]}")
