"""Secrets are looked for in what the doctor says, whatever servers and proxies repeat."""

import asyncio
import json
from pathlib import Path

from canary.echoing import echo, refuse_proxying
from canary.marked import VARIABLE, Marked
from support.heads import heads
from support.marks import TOKEN, marks_in
from support.processes import exporter_command, program


def test_the_doctor_shows_no_secret_that_servers_repeat(tmp_path: Path) -> None:
    async def scenario(format_: str) -> str:
        async with heads(echo) as api, heads(refuse_proxying) as proxy:
            folder = tmp_path / format_
            folder.mkdir()
            files = Marked(folder, api, proxy)
            command = exporter_command(
                "doctor", "--format", format_, "--config.file", str(files.write("config.yaml")), "--log.level", "debug"
            )
            async with program(command, folder / "said", {VARIABLE: TOKEN}) as doctor:
                assert await doctor.ended() == 1
            assert f"Bearer {TOKEN}" in api.tokens()
            assert any(head.startswith("CONNECT ") for head in proxy.seen)
            return doctor.said()

    async def both() -> tuple[str, str]:
        return await asyncio.gather(scenario("text"), scenario("json"))

    text, document = asyncio.run(both())
    assert not marks_in(text)
    assert not marks_in(document)
    workspaces = json.loads(document)["workspaces"]
    assert not any(workspace["ok"] for workspace in workspaces)
    assert text.count("✗") >= len(workspaces)
