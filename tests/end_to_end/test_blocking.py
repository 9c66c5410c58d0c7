"""Which calls that may take as long as they like the event loop makes itself: none that a user's machine can hang."""

import asyncio
import json
import os
import re
import ssl
import sys
from pathlib import Path

import httpx
from support.certificates import Authority
from support.processes import PROJECT, eventually, free_port, program

from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

AUDITED = PROJECT / "tests" / "support" / "audited.py"

# Each with why it is allowed. What may hang beside the event loop is in test_hanging.py.
IN_THE_LOOP = {
    "open PROGRAM": "what is imported when it is first needed, from where the program itself was loaded",
    "os.listdir PROGRAM": "likewise",
    "open /proc/stat": "process_* at a scrape; it is the kernel's memory, and no disk",
    "open /proc/self/stat": "likewise",
    "open /proc/self/limits": "likewise",
    "os.listdir /proc/self/fd": "likewise",
}
PATHS = (
    "/metrics",
    "/metrics?workspace=acme",
    "/",
    "/status.json",
    "/docs",
    "/config",
    "/sd",
    "/changes.json",
    "/-/healthy",
    "/-/ready",
)


def test_the_event_loop_makes_no_call_that_may_hang(tmp_path: Path) -> None:
    async def scenario() -> None:
        authority = Authority(tmp_path, "authority")
        certificate, key = authority.sign("server")
        tenants = generate_tenants(2, 5, seed=1)
        async with Simulator(tenants) as simulator:
            workspaces = []
            for tenant, token in zip(tenants, (tenants[0].token, "refused"), strict=True):
                (tmp_path / tenant.name).write_text(token, encoding="utf-8")
                workspaces.append(
                    {
                        "name": tenant.name,
                        "base_url": simulator.base_url(tenant.name),
                        "authorization": {"credentials_file": tenant.name},
                        "tls_config": {"ca_file": authority.certificate.name},
                    }
                )
            document = {"global": {"poll_interval": "1s"}, "workspaces": workspaces}
            (tmp_path / "config.yaml").write_text(json.dumps(document), encoding="utf-8")
            web = {"tls_server_config": {"cert_file": certificate.name, "key_file": key.name}}
            (tmp_path / "web.yaml").write_text(json.dumps(web), encoding="utf-8")
            port, calls = free_port(), tmp_path / "calls"
            flags = ("--config.file", "config.yaml", "--web.config.file", "web.yaml", "--web.enable-lifecycle")
            command = [sys.executable, str(AUDITED), str(calls)]
            command += [*(str(tmp_path / flag) if "." in flag[2:] and flag[0] != "-" else flag for flag in flags)]
            command += ["--web.listen-address", f"127.0.0.1:{port}"]
            async with (
                program(command, tmp_path / "log", os.environ | {"PYTHONPATH": str(PROJECT)}) as exporter,
                httpx.AsyncClient(
                    base_url=f"https://127.0.0.1:{port}",
                    verify=ssl.create_default_context(cafile=authority.certificate),
                    trust_env=False,
                ) as http,
            ):

                async def has_polled() -> bool:
                    assert exporter.process.returncode is None, exporter.said()
                    try:
                        text = (await http.get("/metrics")).text
                    except httpx.TransportError:
                        return False
                    return 'mihu_polls_total{workspace="acme"} 3\n' in text

                await eventually(has_polled, "polls")
                for path in PATHS:
                    assert (await http.get(path)).status_code == httpx.codes.OK
                assert (await http.post("/-/reload")).status_code == httpx.codes.OK
                exporter.process.terminate()
                assert await exporter.ended() == 0
        found = {named(line) for line in calls.read_text(encoding="utf-8").splitlines()}
        assert found <= IN_THE_LOOP.keys()
        assert "open /proc/self/stat" in found

    asyncio.run(scenario())


def named(call: str) -> str:
    """Return a call, with every file of the program under one name."""
    event, _, subject = call.partition(" ")
    installed = tuple({str(PROJECT / "exporter"), str(Path(os.__file__).parent), sys.prefix, sys.base_prefix})
    if subject.startswith(installed):
        return f"{event} PROGRAM"
    return f"{event} {re.sub(r'^/proc/[0-9]+/', '/proc/self/', subject)}"
