"""Probes, scrape and `helm test` reach an exporter that encrypts, asks for a password and has a prefix.

It runs with the flags, and on the files, that the real helm renders.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.certificates import Authority
from support.charts import CHART, NAMESPACE, render_file
from support.manifests import ROOT, Manifest, container_of, mounts_of, one, volumes_of, write_configuration
from support.operator_scrapes import authenticated, scrape_config
from support.processes import Program, eventually, free_port, program, running_prometheus

EXPORTER = str(Path(sys.executable).with_name("mihu-trunk-exporter"))
HEALTH_CHECK = ["/opt/mihu-trunk-exporter/bin/python", "-I", "/opt/mihu-trunk-exporter/healthcheck.py"]
WEB, CLIENTS = CHART / "ci" / "web-values.yaml", CHART / "ci" / "client-certificates-values.yaml"
PASSWORD = "a-password-of-the-tests"


def write_secrets(folder: Path, host: str) -> None:
    """Write the Secrets that the manifests name: of a certificate for a host, and of a password."""
    tls, scrape = folder / "exporter-tls", folder / "mihu-scrape"
    for secret in (tls, scrape):
        secret.mkdir()
    authority = Authority(tls, "ca")
    authority.certificate.rename(tls / "ca.crt")
    certificate, key = authority.sign("tls", [host])
    certificate.rename(tls / "tls.crt")
    key.rename(tls / "tls.key")
    (scrape / "username").write_text("prometheus", encoding="utf-8")
    (scrape / "password").write_text(PASSWORD, encoding="utf-8")


def write_web_config(manifests: list[Manifest], secrets: Path, folder: Path) -> None:
    """Write the volume of the web configuration, which Secrets share."""
    for source in volumes_of(manifests)["web-config"]["projected"]["sources"]:
        if (there := secrets / source["secret"]["name"]).exists():
            for file in there.iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
    write_configuration(manifests, folder, "web.yaml")


@asynccontextmanager
async def running(manifests: list[Manifest], folder: Path) -> AsyncIterator[tuple[int, Program]]:
    """Run the exporter as its container does, on the simulated API; yield its port and the program."""
    port = free_port()
    moved = {
        "--config.file": "--demo",
        "--web.listen-address": f"--web.listen-address=127.0.0.1:{port}",
        "--storage.path": "--log.level=warn",
    }
    mount = mounts_of(manifests)["web-config"]
    flags = [moved.get(flag.partition("=")[0], flag) for flag in container_of(manifests)["args"]]
    command = [flag.replace(mount, str(folder)) for flag in flags]
    async with program([EXPORTER, *command], folder / "exporter.log") as exporter:
        yield port, exporter


async def passes(probe: Manifest, port: int, exporter: Program) -> bool:
    """Probe as the kubelet does, which verifies no certificate."""
    assert exporter.process.returncode is None, exporter.said()
    try:
        if "tcpSocket" in probe:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        if "exec" in probe:
            return await is_healthy(probe["exec"]["command"], str(exporter.process.pid))
        scheme, path = probe["httpGet"].get("scheme", "HTTP").lower(), probe["httpGet"]["path"]
        async with httpx.AsyncClient(verify=False, trust_env=False) as http:  # noqa: S501 - as the kubelet
            return (await http.get(f"{scheme}://127.0.0.1:{port}{path}")).is_success
    except (httpx.TransportError, OSError):
        return False


async def is_healthy(command: list[str], *process: str, **environment: str) -> bool:
    """Run the health check of the image; a process stands for the container's first one."""
    assert command == HEALTH_CHECK
    script = str(ROOT / "deploy" / "docker" / "healthcheck.py")
    asked = await asyncio.create_subprocess_exec(sys.executable, "-I", script, *process, env=environment)
    return await asked.wait() == 0


def host_of(manifests: list[Manifest]) -> str:
    return f"{one(manifests, 'Service')['metadata']['name']}.{NAMESPACE}.svc"


@pytest.mark.parametrize("values", [WEB, CLIENTS], ids=lambda path: path.stem)
def test_every_probe_and_helm_test_find_the_exporter(values: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        manifests = render_file(values)
        write_secrets(tmp_path, host_of(manifests))
        write_web_config(manifests, tmp_path, tmp_path)
        async with running(manifests, tmp_path) as (port, exporter):
            container = container_of(manifests)
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe := container.get(name):
                    await eventually(partial(passes, probe, port, exporter), name)
            (test,) = one(manifests, "Pod")["spec"]["containers"]
            environment = {each["name"]: each["value"] for each in test["env"]}
            service = one(manifests, "Service")
            assert environment["MIHU_WEB_LISTEN_ADDRESS"] == f"{service['metadata']['name']}:10155"
            environment["MIHU_WEB_LISTEN_ADDRESS"] = f"127.0.0.1:{port}"
            environment["MIHU_WEB_CONFIG_FILE"] = str(tmp_path / Path(environment["MIHU_WEB_CONFIG_FILE"]).name)
            assert await is_healthy(test["command"], **environment)

    asyncio.run(scenario())


def test_prometheus_scrapes_as_the_service_monitor_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        manifests = render_file(WEB)
        write_secrets(tmp_path, host_of(manifests))
        write_web_config(manifests, tmp_path, tmp_path)
        async with running(manifests, tmp_path) as (port, exporter):
            scrape = scrape_config(manifests, NAMESPACE, f"127.0.0.1:{port}")
            stranger = {key: scrape[key] for key in ("scheme", "metrics_path", "static_configs")}
            config = {
                "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
                "scrape_configs": [
                    authenticated(scrape, manifests, tmp_path),
                    stranger | {"job_name": "stranger", "tls_config": {"insecure_skip_verify": True}},
                ],
            }
            async with running_prometheus(tmp_path, config) as prometheus:

                async def has_scraped_both() -> bool:
                    assert exporter.process.returncode is None, exporter.said()
                    up = {dict(labels)["job"]: value for labels, value in (await prometheus.query("up")).items()}
                    return up == {"mihu-trunk-exporter": 1, "stranger": 0}

                await eventually(has_scraped_both, "the password opens, and nothing else does")
                assert await prometheus.query("mihu_exporter_build_info")

    asyncio.run(scenario())
