"""Secrets are looked for in all that the running exporter logs and answers, at every level and in every format."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from canary.echoing import ECHOES, echo, refuse_proxying
from canary.marked import VARIABLE, Marked
from support.heads import header, heads
from support.marks import PASSWORD, TOKEN, marks_in
from support.processes import Program, eventually, exporter_command, free_port, program

from exporter import logs

PATHS = (
    *("/", "/config", "/status.json", "/sd", "/nothing", f"/{'x' * 9000}"),
    *("/-/healthy", "/-/ready", "/-/reload"),
    *("/metrics", "/metrics?workspace=html", "/metrics?workspace=nobody"),
)
# A level leaves lines out, and a format writes what is left, so that not all pairs are needed.
KINDS = [("debug", "logfmt"), ("debug", "json"), ("info", "logfmt"), ("warn", "json"), ("error", "logfmt")]


@dataclass
class Asking:
    """A client that keeps all that it is answered, by what it asked for."""

    http: httpx.AsyncClient
    answered: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        answer = await self.http.request(method, path, auth=("prometheus", password), headers=headers)
        what = f"{len(self.answered)}: {method} {path[:30]}"
        self.answered[what] = f"{answer.status_code} {answer.headers} {answer.text}"
        return answer

    async def ask_for_everything(self) -> None:
        for path in PATHS:
            for method in ("GET", "HEAD", "DELETE"):
                await self.ask(method, path)
            await self.ask("GET", path, f"{PASSWORD}-wrong")
            await self.ask("GET", path, "")

    async def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await self.http.get("/-/ready")).status_code == httpx.codes.OK
        return False


async def seen_of(files: Marked, level: str, format_: str) -> dict[str, str]:
    """Run the exporter, ask it for everything, and return what it answered, its log and its command line."""
    kind, port = f"{level}-{format_}", free_port()
    config, web = files.write(f"{kind}.yaml"), files.write_web(f"{kind}-web.yaml")
    command = exporter_command(
        *("--config.file", str(config), "--web.config.file", str(web), "--web.enable-lifecycle"),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", level, "--log.format", format_),
    )
    context = ssl.create_default_context(cafile=files.authority)
    async with (
        program(command, files.folder / f"{kind}.log", {VARIABLE: TOKEN}) as running,
        httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=context, trust_env=False, timeout=30) as http,
    ):
        asking = Asking(http)
        await eventually(asking.is_ready, "every workspace was polled")
        await asking.ask_for_everything()
        openmetrics = await asking.ask("GET", "/metrics", Accept="application/openmetrics-text")
        assert 'mihu_poll_failures_total{workspace="redirect",reason="redirect"} 1' in openmetrics.text
        assert (await asking.ask("POST", "/-/reload")).status_code == httpx.codes.OK
        files.write(config.name, workspaces=[{**workspace, "poll": 1} for workspace in files.workspaces])
        files.write_web(web.name, hash_=PASSWORD)
        refused = await asking.ask("POST", "/-/reload")
        assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert "workspaces[0].poll: unknown key" in refused.text
        arguments = _arguments(running)
        assert str(config) in arguments
        running.process.terminate()
        assert await running.ended() == 0
    return {**asking.answered, "arguments": arguments, "log": running.said()}


def _arguments(running: Program) -> str:
    return Path(f"/proc/{running.process.pid}/cmdline").read_text(encoding="utf-8")


def test_no_log_no_page_and_no_argument_shows_a_secret_that_servers_repeat(tmp_path: Path) -> None:
    async def scenario() -> list[dict[str, str]]:
        async with heads(echo) as api, heads(refuse_proxying) as proxy:
            files = Marked(tmp_path, api, proxy)
            seen = await asyncio.gather(*(seen_of(files, level, format_) for level, format_ in KINDS))
            # They were sent, where they belong and nowhere else: whoever tunnels is not shown the token.
            assert api.tokens() == {f"Bearer {TOKEN}"}
            tunnels = [head for head in proxy.seen if head.startswith("CONNECT localhost:443 ")]
            assert tunnels
            assert all(header(head, "proxy-authorization") for head in proxy.seen)
            assert not any(header(head, "authorization") for head in tunnels)
            return seen

    assert {*logs.LEVELS, *logs.FORMATS} == {word for kind in KINDS for word in kind}
    for (level, format_), seen in zip(KINDS, asyncio.run(scenario()), strict=True):
        failed = seen["log"].count("poll failed")
        assert failed == 0 if level == "error" else failed >= len(ECHOES)
        found = {what: marks for what, text in seen.items() if (marks := marks_in(text))}
        assert not found, (level, format_)
