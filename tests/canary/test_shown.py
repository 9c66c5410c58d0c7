"""What shows secrets when it should, and what never does."""

from pathlib import Path

import httpx
import pytest
from canary.echoing import Heads
from canary.marked import VARIABLE, Marked
from support.marks import KEY, PASSWORD, PROXY_PASSWORD, TOKEN, marks_in

from exporter.config.loading import load
from exporter.web.config import load_web_config
from exporter.web.settings import WebSettings


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
    parts = [part for polled in config.workspaces for part in (polled.credentials, polled.proxy, polled.tls)]
    for shown in (config, *config.warnings, *config.workspaces, *parts, *tokens, web, web.tls, WebSettings(config=web)):
        assert not marks_in(f"{shown} {shown!r} {[shown]}")
