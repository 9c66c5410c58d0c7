"""Secrets are looked for in all that is said where servers and proxies repeat them.

By the running exporter, in its log, its answers and how it was started, and by the commands that poll once.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from canary.echoing import ECHOES, echo, header, heads, refuse_proxying
from canary.marked import VARIABLE, Marked
from support.marks import PASSWORD, TOKEN, marks_in
from support.processes import RunningExporter, exporter_command, program, running_exporter

from exporter import logs

PATHS = (
    *("/", "/?q=html", "/status.json", "/changes.json", "/config", "/docs", "/sd", "/nothing", f"/{'x' * 9000}"),
    *("/-/healthy", "/-/ready", "/-/reload"),
    *("/metrics", "/metrics?workspace=html", "/metrics?workspace=nobody", "/metrics?collect=exporter"),
)


COMMANDS = [("doctor", "text"), ("doctor", "json"), ("once", "prometheus"), ("once", "json"), ("once", "table")]


@dataclass
class Asked:
    """An exporter that has polled every workspace, and what it has answered, by what it was asked for."""

    files: Marked
    format_: str
    exporter: RunningExporter
    answered: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        answer = await self.exporter.http.request(method, path, auth=("prometheus", password), headers=headers)
        what = f"{len(self.answered)}: {method} {path[:30]}"
        self.answered[what] = f"{answer.status_code} {answer.headers} {answer.text}"
        return answer

    async def reload(self) -> None:
        """Let it load its configuration anew, and then one with mistakes."""
        assert (await self.ask("POST", "/-/reload")).status_code == httpx.codes.OK
        workspaces = [{**workspace, "poll": 1} for workspace in self.files.workspaces]
        self.files.write(f"{self.format_}.yaml", workspaces=workspaces)
        self.files.write_web(f"{self.format_}-web.yaml", hash_=PASSWORD)
        refused = await self.ask("POST", "/-/reload")
        assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert "workspaces[0].poll: unknown key" in refused.text

    def command_line(self) -> str:
        return Path(f"/proc/{self.exporter.program.process.pid}/cmdline").read_text(encoding="utf-8")


@asynccontextmanager
async def running(files: Marked, format_: str) -> AsyncIterator[Asked]:
    config, web = files.write(f"{format_}.yaml"), files.write_web(f"{format_}-web.yaml")
    folder = files.folder / format_
    folder.mkdir()
    flags = (
        *("--config.file", str(config), "--web.config.file", str(web), "--web.enable-lifecycle"),
        *("--log.level", "debug", "--log.format", format_),
    )
    context = ssl.create_default_context(cafile=files.authority)
    async with running_exporter(folder, *flags, context=context, env={VARIABLE: TOKEN}) as exporter:
        await exporter.has_polled()
        yield Asked(files, format_, exporter)


async def seen_of(files: Marked, format_: str) -> dict[str, str]:
    """Run the exporter, ask it for everything, and return what it answered, its log and its command line."""
    async with running(files, format_) as asked:
        for path in PATHS:
            for method in ("GET", "HEAD", "DELETE"):
                await asked.ask(method, path)
            for password in (f"{PASSWORD}-wrong", ""):
                await asked.ask("GET", path, password)
        assert (await asked.ask("GET", "/config")).text.count("<secret>") > len(ECHOES) / 3
        openmetrics = await asked.ask("GET", "/metrics", Accept="application/openmetrics-text")
        assert 'mihu_poll_failures_total{workspace="redirect",reason="redirect"} 1' in openmetrics.text
        await asked.reload()
        arguments = asked.command_line()
        assert str(files.folder) in arguments
        await asked.exporter.ends()
        return {**asked.answered, "arguments": arguments, "log": asked.exporter.program.said()}


async def said_by(files: Marked, command: str, format_: str) -> str:
    """Return what a command writes, its log included."""
    flags = ("--format", format_, "--config.file", str(files.write("once.yaml")), "--log.level", "debug")
    log = files.folder / f"{command}-{format_}"
    async with program(exporter_command(command, *flags), log, {VARIABLE: TOKEN}) as running:
        assert await running.ended() == 1
    return running.said()


async def test_nothing_shows_a_secret_that_servers_repeat(tmp_path: Path) -> None:
    async with heads(echo) as api, heads(refuse_proxying) as proxy:
        files = Marked(tmp_path, api, proxy)
        exporters = await asyncio.gather(*(seen_of(files, format_) for format_ in logs.FORMATS))
        commands = await asyncio.gather(*(said_by(files, *command) for command in COMMANDS))
    # They were sent where they belong and no further: a proxy that tunnels does not see the token.
    assert api.tokens() == {f"Bearer {TOKEN}"}
    tunnels = [head for head in proxy.seen if head.startswith("CONNECT localhost:443 ")]
    assert tunnels
    assert all(header(head, "proxy-authorization") for head in proxy.seen)
    assert not any(header(head, "authorization") for head in tunnels)
    for seen in exporters:
        assert seen["log"].count("poll failed") >= len(ECHOES)
        assert not {what: marks for what, text in seen.items() if (marks := marks_in(text))}
    for text in commands:
        assert all(name in text for name in ECHOES)
        assert "<secret>" in text
        assert not marks_in(text)
    report, document = commands[0], json.loads(commands[1])
    assert not any(workspace["ok"] for workspace in document["workspaces"])
    assert report.count("✗") >= len(document["workspaces"])
