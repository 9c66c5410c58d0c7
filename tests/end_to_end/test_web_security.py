"""The command with ``--web.config.file``, as a person, a Prometheus and a stranger meet it."""

import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import httpx
import pytest
from support.certificates import Authority, new_key
from support.files import write_yaml
from support.processes import RunningExporter, becomes, ran, running_exporter, running_prometheus, scrape_job

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "ca")
        self.authority.sign("server")[1].rename(folder / "canary.key")
        self.authority.sign("client")
        self.config, self.web = folder / "config.yaml", folder / "web.yaml"
        self.flags = ("--config.file", str(self.config), "--web.config.file", str(self.web))
        self.config.write_text("workspaces: []", encoding="utf-8")
        self.write_web(hashed(PASSWORD))

    def write_web(self, hash_: str) -> None:
        clients = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}
        tls = {"cert_file": "server.pem", "key_file": "canary.key", **clients}
        write_yaml(self.web, {"tls_server_config": tls, "basic_auth_users": {"prometheus": hash_}})

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def exporter(files: Files) -> AsyncIterator[RunningExporter]:
    flags = (*files.flags, "--web.enable-lifecycle", "--log.level", "debug")
    async with running_exporter(files.folder, *flags, context=files.client()) as exporter:
        yield exporter


async def status(exporter: RunningExporter, password: str, path: str = "/metrics", method: str = "GET") -> int:
    return (await exporter.http.request(method, path, auth=("prometheus", password))).status_code


async def test_only_who_has_certificate_and_password_gets_in(files: Files, exporter: RunningExporter) -> None:
    authority = {"ca_file": "ca.pem"}
    tls = authority | {"cert_file": "client.pem", "key_file": "client.key"}
    assert f"addresses={exporter.url}/metrics" in exporter.program.said()
    scrape = scrape_job(exporter.address) | {"scheme": "https"}
    jobs = [
        {"tls_config": tls, "basic_auth": {"username": "prometheus", "password": PASSWORD}},
        {"tls_config": tls, "basic_auth": {"username": "prometheus", "password": "wrong"}},
        {"tls_config": tls, "basic_auth": {"username": "nobody", "password": PASSWORD}},
        {"tls_config": authority, "basic_auth": {"username": "prometheus", "password": PASSWORD}},
    ]
    config = {"scrape_configs": [{**scrape, "job_name": str(number), **job} for number, job in enumerate(jobs)]}
    async with running_prometheus(files.folder, config) as prometheus:
        await becomes(prometheus.up, {"0": 1.0, "1": 0.0, "2": 0.0, "3": 0.0})
    assert (await exporter.http.get("/-/ready")).status_code == 200
    assert (await exporter.http.get("/config")).status_code == 401


async def test_passwords_change_without_a_restart(files: Files, exporter: RunningExporter) -> None:
    assert await status(exporter, PASSWORD) == 200
    files.write_web(hashed(NEW_PASSWORD))
    exporter.program.process.send_signal(signal.SIGHUP)
    await becomes(lambda: status(exporter, NEW_PASSWORD), 200)
    assert await status(exporter, PASSWORD) == 401
    assert await status(exporter, PASSWORD, "/-/reload", "POST") == 401
    files.write_web(hashed(PASSWORD))
    assert await status(exporter, NEW_PASSWORD, "/-/reload", "POST") == 200
    assert await status(exporter, NEW_PASSWORD) == 401
    assert await status(exporter, PASSWORD) == 200


async def test_a_bad_file_changes_nothing(files: Files, exporter: RunningExporter) -> None:
    files.write_web(PASSWORD)
    files.config.write_text("workspaces: [{subdomain: acme}]", encoding="utf-8")
    answer = await exporter.http.post("/-/reload", auth=("prometheus", PASSWORD))
    assert answer.status_code == 500
    assert f"{files.config}: workspaces[0]: has no authorization" in answer.text
    assert f"{files.web}: basic_auth_users.prometheus: should be a bcrypt hash" in answer.text
    assert PASSWORD not in answer.text
    answer = await exporter.http.get("/metrics", auth=("prometheus", PASSWORD))
    assert "mihu_exporter_config_last_reload_successful 0\n" in answer.text


async def test_a_lost_certificate_is_told_without_the_name_of_the_key(files: Files, exporter: RunningExporter) -> None:
    for key in ("canary.key", "server.pem"):
        (files.folder / key).rename(files.folder / "away")
        with pytest.raises(httpx.HTTPStatusError):
            async with httpx.AsyncClient(verify=files.client(), trust_env=False) as http:
                (await http.get(f"{exporter.url}/metrics")).raise_for_status()
        (files.folder / "away").rename(files.folder / key)
    said = exporter.program.said()
    assert "key_file cannot be read (No such file or directory)" in said
    assert "cert_file cannot be read (No such file or directory)" in said
    assert "canary" not in said


def test_a_check_covers_both_files(files: Files) -> None:
    ended = ran(files.folder, *files.flags, "--config.check")
    assert (ended.returncode, ended.stdout) == (0, f"{files.config} is valid\n{files.web} is valid\n")


@pytest.mark.parametrize("flags", [["--config.check"], []])
def test_the_problems_of_both_files_are_told_at_once_and_nothing_starts(files: Files, flags: list[str]) -> None:
    files.config.write_text("workspace: []", encoding="utf-8")
    files.write_web(PASSWORD)
    new_key(files.folder, "canary")
    ended = ran(files.folder, *files.flags, *flags)
    assert ended.returncode == 1
    assert f"{files.config}: workspace: unknown key; did you mean workspaces?" in ended.stderr
    assert f"{files.web}: basic_auth_users.prometheus: should be a bcrypt hash" in ended.stderr
    assert f"{files.web}: tls_server_config.key_file: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
