"""Secrets are looked for in all that the running exporter logs and answers, and in how it was started."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    *("/", "/?q=html", "/status.json", "/changes.json", "/config", "/docs", "/sd", "/nothing", f"/{'x' * 9000}"),
    *("/-/healthy", "/-/ready", "/-/reload"),
    *("/metrics", "/metrics?workspace=html", "/metrics?workspace=nobody", "/metrics?collect=exporter"),
)


@dataclass
class Running:
    """An exporter that has polled every workspace, and what it has answered, by what it was asked for."""

    files: Marked
    format_: str
    program: Program
    http: httpx.AsyncClient
    answered: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        answer = await self.http.request(method, path, auth=("prometheus", password), headers=headers)
        what = f"{len(self.answered)}: {method} {path[:30]}"
        self.answered[what] = f"{answer.status_code} {answer.headers} {answer.text}"
        return answer

    async def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await self.http.get("/-/ready")).status_code == httpx.codes.OK
        return False

    async def reload(self) -> None:
        """Let it load its configuration anew, and then one with mistakes."""
        assert (await self.ask("POST", "/-/reload")).status_code == httpx.codes.OK
        workspaces = [{**workspace, "poll": 1} for workspace in self.files.workspaces]
        self.files.write(f"{self.format_}.yaml", workspaces=workspaces)
        self.files.write_web(f"{self.format_}-web.yaml", hash_=PASSWORD)
        refused = await self.ask("POST", "/-/reload")
        assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert "workspaces[0].poll: unknown key" in refused.text

    async def log(self) -> str:
        """End it, and return its log."""
        self.program.process.terminate()
        assert await self.program.ended() == 0
        return self.program.said()

    def command_line(self) -> str:
        return Path(f"/proc/{self.program.process.pid}/cmdline").read_text(encoding="utf-8")


@asynccontextmanager
async def running(files: Marked, format_: str) -> AsyncIterator[Running]:
    port = free_port()
    config, web = files.write(f"{format_}.yaml"), files.write_web(f"{format_}-web.yaml")
    command = exporter_command(
        *("--config.file", str(config), "--web.config.file", str(web), "--web.enable-lifecycle"),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "debug", "--log.format", format_),
    )
    context = ssl.create_default_context(cafile=files.authority)
    async with (
        program(command, files.folder / f"{format_}.log", {VARIABLE: TOKEN}) as process,
        httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=context, trust_env=False, timeout=30) as http,
    ):
        exporter = Running(files, format_, process, http)
        await eventually(exporter.is_ready, "every workspace was polled")
        yield exporter


async def seen_of(files: Marked, format_: str) -> dict[str, str]:
    """Run the exporter, ask it for everything, and return what it answered, its log and its command line."""
    async with running(files, format_) as exporter:
        for path in PATHS:
            for method in ("GET", "HEAD", "DELETE"):
                await exporter.ask(method, path)
            for password in (f"{PASSWORD}-wrong", ""):
                await exporter.ask("GET", path, password)
        assert (await exporter.ask("GET", "/config")).text.count("<secret>") > len(ECHOES) / 3
        openmetrics = await exporter.ask("GET", "/metrics", Accept="application/openmetrics-text")
        assert 'mihu_poll_failures_total{workspace="redirect",reason="redirect"} 1' in openmetrics.text
        await exporter.reload()
        arguments = exporter.command_line()
        assert str(files.folder) in arguments
        return {**exporter.answered, "arguments": arguments, "log": await exporter.log()}


def test_no_log_no_page_and_no_argument_shows_a_secret_that_servers_repeat(tmp_path: Path) -> None:
    async def scenario() -> list[dict[str, str]]:
        async with heads(echo) as api, heads(refuse_proxying) as proxy:
            files = Marked(tmp_path, api, proxy)
            seen = await asyncio.gather(*(seen_of(files, format_) for format_ in logs.FORMATS))
            # They were sent, where they belong and no further: whoever tunnels is not shown the token.
            assert api.tokens() == {f"Bearer {TOKEN}"}
            tunnels = [head for head in proxy.seen if head.startswith("CONNECT localhost:443 ")]
            assert tunnels
            assert all(header(head, "proxy-authorization") for head in proxy.seen)
            assert not any(header(head, "authorization") for head in tunnels)
            return seen

    for seen in asyncio.run(scenario()):
        assert seen["log"].count("poll failed") >= len(ECHOES)
        assert not {what: marks for what, text in seen.items() if (marks := marks_in(text))}
