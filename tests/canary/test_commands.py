"""Secrets are looked for in what the commands say that poll once, whatever servers and proxies repeat."""

import asyncio
import json

import pytest
from canary.echoing import ECHOES, echo, heads, refuse_proxying
from canary.marked import VARIABLE, Marked
from support.marks import TOKEN, marks_in
from support.processes import exporter_command, program

COMMANDS = [("doctor", "text"), ("doctor", "json"), ("once", "prometheus"), ("once", "json"), ("once", "table")]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """Return what each command writes, its log included."""
    folder = tmp_path_factory.mktemp("commands")

    async def run(files: Marked, command: str, format_: str) -> str:
        flags = ("--format", format_, "--config.file", str(files.write("config.yaml")), "--log.level", "debug")
        log = folder / f"{command}-{format_}"
        async with program(exporter_command(command, *flags), log, {VARIABLE: TOKEN}) as running:
            assert await running.ended() == 1
        return running.said()

    async def run_all() -> dict[tuple[str, str], str]:
        async with heads(echo) as api, heads(refuse_proxying) as proxy:
            files = Marked(folder, api, proxy)
            texts = await asyncio.gather(*(run(files, *command) for command in COMMANDS))
            assert f"Bearer {TOKEN}" in api.tokens()
            assert any(head.startswith("CONNECT ") for head in proxy.seen)
            return dict(zip(COMMANDS, texts, strict=True))

    return asyncio.run(run_all())


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_no_command_shows_a_secret_that_servers_repeat(
    said: dict[tuple[str, str], str], command: tuple[str, str]
) -> None:
    text = said[command]
    assert all(name in text for name in ECHOES)
    assert "<secret>" in text
    assert not marks_in(text)


def test_the_doctor_finds_every_workspace_ill(said: dict[tuple[str, str], str]) -> None:
    workspaces = json.loads(said["doctor", "json"])["workspaces"]
    assert not any(workspace["ok"] for workspace in workspaces)
    assert said["doctor", "text"].count("✗") >= len(workspaces)
