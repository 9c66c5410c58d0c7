"""The running exporter and the commands show no secret, though servers and proxies repeat them."""

import asyncio
import json
import ssl
from pathlib import Path

import httpx
from canary.echoing import ECHOES, echo, header, heads, refuse_proxying
from canary.marked import VARIABLE, Marked
from support.marks import PASSWORD, TOKEN, marks_in
from support.processes import exporter_command, program, running_exporter

from exporter import logs

PATHS = (
    *("/", "/?q=html", "/status.json", "/changes.json", "/config", "/docs", "/sd", "/nothing", f"/{'x' * 9000}"),
    *("/-/healthy", "/-/ready", "/-/reload"),
    *("/metrics", "/metrics?workspace=html", "/metrics?workspace=nobody", "/metrics?collect=exporter"),
)
COMMANDS = [("doctor", "text"), ("doctor", "json"), ("once", "prometheus"), ("once", "json"), ("once", "table")]


async def seen_of(files: Marked, format_: str) -> dict[str, str]:
    """Run the exporter, ask it for everything, and return what it answered, its log and its command line."""
    config, web = files.write(f"{format_}.yaml"), files.write_web(f"{format_}-web.yaml")
    folder = files.folder / format_
    folder.mkdir()
    flags = (
        *("--config.file", str(config), "--web.config.file", str(web), "--web.enable-lifecycle"),
        *("--log.level", "debug", "--log.format", format_),
    )
    context = ssl.create_default_context(cafile=files.authority)
    seen: dict[str, str] = {}
    async with running_exporter(folder, *flags, context=context, env={VARIABLE: TOKEN}) as exporter:

        async def ask(method: str, path: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
            answer = await exporter.http.request(method, path, auth=("prometheus", password), headers=headers)
            seen[f"{len(seen)}: {method} {path[:30]}"] = f"{answer.status_code} {answer.headers} {answer.text}"
            return answer

        await exporter.has_polled()
        for path in PATHS:
            for method in ("GET", "HEAD", "DELETE"):
                await ask(method, path)
            for password in (f"{PASSWORD}-wrong", ""):
                await ask("GET", path, password)
        assert (await ask("GET", "/config")).text.count("<secret>") > len(ECHOES) / 3
        openmetrics = await ask("GET", "/metrics", Accept="application/openmetrics-text")
        assert 'mihu_poll_failures_total{workspace="redirect",reason="redirect"} 1' in openmetrics.text
        assert (await ask("POST", "/-/reload")).status_code == httpx.codes.OK
        files.write(config.name, workspaces=[{**workspace, "poll": 1} for workspace in files.workspaces])
        files.write_web(web.name, hash_=PASSWORD)
        refused = await ask("POST", "/-/reload")
        assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert "workspaces[0].poll: unknown key" in refused.text
        command_line = Path(f"/proc/{exporter.program.process.pid}/cmdline")
        seen["arguments"] = await asyncio.to_thread(command_line.read_text, encoding="utf-8")
        assert str(files.folder) in seen["arguments"]
        await exporter.ends()
    return seen | {"log": exporter.program.said()}


async def said_by(files: Marked, command: str, format_: str) -> str:
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
    assert {header(head, "authorization") for head in api.seen} - {""} == {f"Bearer {TOKEN}"}
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
