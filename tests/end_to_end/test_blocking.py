"""Which calls that may take as long as they like the event loop makes itself: none that a user's machine can hang."""

import json
import os
import re
import ssl
import sys
from pathlib import Path

import httpx
from support.certificates import Authority
from support.processes import PROJECT, running_exporter

from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

AUDITED = Path(__file__).with_name("audited.py")

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


async def test_the_event_loop_makes_no_call_that_may_hang(tmp_path: Path) -> None:
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
        config, web, calls = tmp_path / "config.yaml", tmp_path / "web.yaml", tmp_path / "calls"
        document = {"global": {"poll_interval": "1s"}, "workspaces": workspaces}
        config.write_text(json.dumps(document), encoding="utf-8")
        served_with = {"tls_server_config": {"cert_file": certificate.name, "key_file": key.name}}
        web.write_text(json.dumps(served_with), encoding="utf-8")
        flags = ("--config.file", str(config), "--web.config.file", str(web), "--web.enable-lifecycle")
        context = ssl.create_default_context(cafile=authority.certificate)
        async with running_exporter(tmp_path, *flags, script=(str(AUDITED), str(calls)), context=context) as exporter:
            await exporter.shows('mihu_polls_total{workspace="acme"} 3')
            for path in PATHS:
                assert (await exporter.http.get(path)).status_code == httpx.codes.OK
            assert (await exporter.http.post("/-/reload")).status_code == httpx.codes.OK
            await exporter.ends()
    found = {named(line) for line in calls.read_text(encoding="utf-8").splitlines()}
    assert found <= IN_THE_LOOP.keys()
    assert "open /proc/self/stat" in found


def named(call: str) -> str:
    """Return a call, with every file of the program under one name."""
    event, _, subject = call.partition(" ")
    installed = tuple({str(PROJECT / "exporter"), str(Path(os.__file__).parent), sys.prefix, sys.base_prefix})
    if subject.startswith(installed):
        return f"{event} PROGRAM"
    return f"{event} {re.sub(r'^/proc/[0-9]+/', '/proc/self/', subject)}"
