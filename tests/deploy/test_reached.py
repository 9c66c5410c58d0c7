"""Probes, scrapes and health checks, as helm and compose have them, reach an exporter with TLS, password and prefix."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.certificates import Authority
from support.manifests import CHART, NAME, RELEASE, ROOT, Manifest, Objects, render
from support.processes import Program, becomes, eventually, free_port, program, running_prometheus
from support.programs import installed
from support.promql import ADDED

HEALTH_CHECK = ["/opt/mihu-trunk-exporter/bin/python", "-I", "/opt/mihu-trunk-exporter/healthcheck.py"]
DOCKER = ROOT / "deploy" / "docker"
WEB, CLIENTS = CHART / "ci" / "web-values.yaml", CHART / "ci" / "client-certificates-values.yaml"
PASSWORD = "a-password-of-the-tests"


def write_certificate(folder: Path, host: str) -> None:
    folder.mkdir(exist_ok=True)
    authority = Authority(folder, "ca")
    authority.certificate.rename(folder / "ca.crt")
    for file, name in zip(authority.sign("tls", [host]), ("tls.crt", "tls.key"), strict=True):
        file.rename(folder / name)


@asynccontextmanager
async def running(manifests: Objects, folder: Path) -> AsyncIterator[tuple[int, Program]]:
    """Run the exporter as its container does, with its Secrets, on the simulated API; yield its port and itself."""
    contents = {"username": "prometheus", "password": PASSWORD}
    for secret in manifests.of_kind("Secret"):
        contents |= secret["stringData"]
    for key, value in contents.items():
        (folder / key).write_text(value, encoding="utf-8")
    monitors = manifests.of_kind("ServiceMonitor")
    host = monitors[0]["spec"]["endpoints"][0]["tlsConfig"]["serverName"] if monitors else "localhost"
    write_certificate(folder, host)
    mount, port = manifests.mounts["web-config"], free_port()
    given = [flag for flag in manifests.container["args"] if re.match("--web.(?!listen-address)", flag)]
    flags = [f"--web.listen-address=127.0.0.1:{port}", *(flag.replace(mount, str(folder)) for flag in given)]
    async with program([installed(NAME), "--demo", *flags], folder / "exporter.log") as exporter:
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
    script = str(DOCKER / "healthcheck.py")
    asked = await asyncio.create_subprocess_exec(sys.executable, "-I", script, *process, env=environment)
    return await asked.wait() == 0


def operator_job(manifests: Objects, address: str, secrets: Path) -> dict[str, Any]:
    """Return the scrape that the ServiceMonitor asks for, with the secrets in files by their keys."""
    (endpoint,) = manifests.one("ServiceMonitor")["spec"]["endpoints"]
    tls, basic = endpoint["tlsConfig"], endpoint["basicAuth"]
    assert basic == {key: {"name": "mihu-scrape", "key": key} for key in ("username", "password")}
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    relabelings = [{names.get(key, key): value for key, value in each.items()} for each in endpoint["relabelings"]]
    return {
        "scheme": endpoint["scheme"],
        "metrics_path": endpoint["path"],
        "static_configs": [{"targets": [address], "labels": dict.fromkeys(ADDED, "added")}],
        "relabel_configs": relabelings,
        "tls_config": {"ca_file": str(secrets / tls["ca"]["secret"]["key"]), "server_name": tls["serverName"]},
        "basic_auth": {"username": "prometheus", "password_file": str(secrets / "password")},
    }


async def assert_scraped(folder: Path, job: dict[str, Any], *, has_password: bool) -> set[str]:
    """Let a real Prometheus scrape, and another job that trusts everybody and knows no password; return all labels."""
    stranger = {key: job[key] for key in ("scheme", "metrics_path", "static_configs")}
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": [
            job | {"job_name": "monitor"},
            stranger | {"job_name": "stranger", "tls_config": {"insecure_skip_verify": True}},
        ],
    }
    async with running_prometheus(folder, config) as prometheus:
        await becomes(prometheus.up, {NAME: 1.0, "stranger": float(not has_password)})
        assert await prometheus.query("mihu_exporter_build_info")
        return set((await prometheus.http.get("/api/v1/labels")).json()["data"])


@pytest.mark.parametrize("values", [WEB, CLIENTS], ids=lambda path: path.stem)
async def test_probes_helm_test_and_prometheus_find_the_exporter(values: Path, tmp_path: Path) -> None:
    """Kustomize has the same probes and endpoints, as tests/deploy/test_kubernetes.py says."""
    manifests = render(values)
    async with running(manifests, tmp_path) as (port, exporter):
        container = manifests.container
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe := container.get(name):
                await eventually(partial(passes, probe, port, exporter), name)
        (test,) = manifests.one("Pod")["spec"]["containers"]
        environment = {each["name"]: each["value"] for each in test["env"]}
        assert environment["MIHU_WEB_LISTEN_ADDRESS"] == f"{RELEASE}-{NAME}:10155"
        environment["MIHU_WEB_LISTEN_ADDRESS"] = f"127.0.0.1:{port}"
        environment["MIHU_WEB_CONFIG_FILE"] = str(tmp_path / Path(environment["MIHU_WEB_CONFIG_FILE"]).name)
        assert await is_healthy(test["command"], **environment)
        if values == WEB:
            job = operator_job(manifests, f"127.0.0.1:{port}", tmp_path)
            names = await assert_scraped(tmp_path, job, has_password=True)
            # Where a metric has a label of a target's name, Prometheus renames it, and rules read the target's.
            assert names >= ADDED
            assert not [name for name in names if name.startswith("exported_")]


async def test_the_composition_follows_its_web_configuration(tmp_path: Path) -> None:
    services = yaml.safe_load((DOCKER / "compose.web.yaml").read_text(encoding="utf-8"))["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["exporter"]["volumes"])
    web = Path(shutil.copytree(DOCKER / "web", tmp_path / "web"))
    write_certificate(web, "exporter")
    port = free_port()
    given = services["exporter"]["environment"]
    environment = {name: value.replace(mounts["./web"], str(web)) for name, value in given.items()}
    environment["MIHU_WEB_LISTEN_ADDRESS"] = f"127.0.0.1:{port}"
    async with program([installed(NAME), "--demo"], tmp_path / "exporter.log", os.environ | environment):
        await eventually(partial(is_healthy, HEALTH_CHECK, **environment), "the health check finds the exporter")
        config = yaml.safe_load((DOCKER / "prometheus.web.yaml").read_text(encoding="utf-8"))
        (job,) = (each for each in config["scrape_configs"] if each["job_name"] == NAME)
        assert job["static_configs"] == [{"targets": ["exporter:10155"]}]
        trusted = {**job["tls_config"], "ca_file": str(web / "ca.crt")}
        named = {"target_label": "job", "replacement": NAME}
        here = {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}], "relabel_configs": [named]}
        await assert_scraped(tmp_path, {**job, **here, "tls_config": trusted}, has_password=False)
