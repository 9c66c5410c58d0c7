"""The command with ``--web.config.file``, as a person, a Prometheus and a stranger meet it."""

import asyncio
import json
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import httpx
import pytest
from support.certificates import Authority, new_key
from support.processes import Program, eventually, exporter_command, free_port, program, running_prometheus, says

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


class Files:
    """The configurations and certificates of one exporter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "ca")
        self.authority.sign("server")
        self.authority.sign("client")
        (folder / "server.key").rename(folder / "canary.key")
        self.config, self.web = folder / "config.yaml", folder / "web.yaml"
        self.config.write_text("workspaces: []", encoding="utf-8")
        self.write_web(hashed(PASSWORD))

    def write_web(self, hash_: str) -> None:
        document = {
            "tls_server_config": {
                "cert_file": "server.pem",
                "key_file": "canary.key",
                "client_auth_type": "RequireAndVerifyClientCert",
                "client_ca_file": "ca.pem",
            },
            "basic_auth_users": {"prometheus": hash_},
        }
        self.web.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        return context


@dataclass
class Running:
    """An exporter that runs, and a client with a certificate."""

    program: Program
    http: httpx.AsyncClient

    async def status(self, password: str, path: str = "/metrics", method: str = "GET") -> int:
        return (await self.http.request(method, path, auth=("prometheus", password))).status_code


@asynccontextmanager
async def running(files: Files) -> AsyncIterator[Running]:
    port = free_port()
    command = exporter_command(
        *("--config.file", str(files.config), "--web.config.file", str(files.web), "--web.enable-lifecycle"),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "debug"),
    )
    async with (
        program(command, files.folder / "exporter.log") as process,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=files.client(), trust_env=False) as http,
    ):

        async def is_up() -> bool:
            try:
                return (await http.get("/-/healthy")).status_code == httpx.codes.OK
            except httpx.TransportError:
                assert process.process.returncode is None, process.said()
                return False

        await eventually(is_up, "the exporter answers")
        yield Running(process, http)


def test_a_real_prometheus_gets_in_with_certificate_and_password_and_nobody_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Files(tmp_path)
        tls = {
            "ca_file": str(files.authority.certificate),
            "cert_file": str(tmp_path / "client.pem"),
            "key_file": str(tmp_path / "client.key"),
        }
        async with running(files) as exporter:
            address = str(exporter.http.base_url).removeprefix("https://").rstrip("/")
            assert f"addresses=https://{address}/metrics" in exporter.program.said()
            scrape = {"scheme": "https", "scrape_interval": "500ms", "static_configs": [{"targets": [address]}]}
            jobs = [
                {"tls_config": tls, "basic_auth": {"username": "prometheus", "password": PASSWORD}},
                {"tls_config": tls, "basic_auth": {"username": "prometheus", "password": "wrong"}},
                {"tls_config": tls, "basic_auth": {"username": "nobody", "password": PASSWORD}},
                {
                    "tls_config": {"ca_file": tls["ca_file"]},
                    "basic_auth": {"username": "prometheus", "password": PASSWORD},
                },
            ]
            config = {"scrape_configs": [{"job_name": str(number), **scrape, **job} for number, job in enumerate(jobs)]}
            async with running_prometheus(tmp_path, config) as prometheus:

                async def all_tried() -> dict[str, float] | None:
                    ups = {dict(labels)["job"]: up for labels, up in (await prometheus.query("up")).items()}
                    return ups if len(ups) == len(jobs) else None

                assert await eventually(all_tried, "every job has scraped") == {"0": 1, "1": 0, "2": 0, "3": 0}
            assert (await exporter.http.get("/-/ready")).status_code == 200
            assert (await exporter.http.get("/config")).status_code == 401

    asyncio.run(scenario())


def test_passwords_change_without_a_restart_by_signal_and_by_http(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Files(tmp_path)
        async with running(files) as exporter:
            assert await exporter.status(PASSWORD) == 200
            files.write_web(hashed(NEW_PASSWORD))
            exporter.program.process.send_signal(signal.SIGHUP)

            async def has_changed() -> bool:
                return await exporter.status(NEW_PASSWORD) == 200

            await eventually(has_changed, "the new password is taken over")
            assert await exporter.status(PASSWORD) == 401
            assert await exporter.status(PASSWORD, "/-/reload", "POST") == 401
            files.write_web(hashed(PASSWORD))
            assert await exporter.status(NEW_PASSWORD, "/-/reload", "POST") == 200
            assert await exporter.status(NEW_PASSWORD) == 401
            assert await exporter.status(PASSWORD) == 200

    asyncio.run(scenario())


def test_a_bad_file_changes_nothing_and_the_problems_of_both_files_are_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Files(tmp_path)
        async with running(files) as exporter:
            files.write_web(PASSWORD)
            files.config.write_text("workspaces: [{subdomain: acme}]", encoding="utf-8")
            answer = await exporter.http.post("/-/reload", auth=("prometheus", PASSWORD))
            assert answer.status_code == 500
            assert f"{files.config}: workspaces[0]: has no authorization" in answer.text
            assert f"{files.web}: basic_auth_users.prometheus: should be a bcrypt hash" in answer.text
            assert PASSWORD not in answer.text
            answer = await exporter.http.get("/metrics", auth=("prometheus", PASSWORD))
            assert "mihu_exporter_config_last_reload_successful 0\n" in answer.text

    asyncio.run(scenario())


def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Files(tmp_path)
        async with running(files) as exporter:
            files.web.unlink()
            files.web.symlink_to("x" * 300)
            answer = await exporter.http.post("/-/reload", auth=("prometheus", PASSWORD))
            assert answer.status_code == 500
            assert f"{files.web}: cannot be read (File name too long)" in answer.text
            await says(exporter.program, "cannot be read (File name too long)")
            answer = await exporter.http.get("/metrics", auth=("prometheus", PASSWORD))
            assert "mihu_exporter_config_last_reload_successful 0\n" in answer.text

    asyncio.run(scenario())


def test_neither_password_nor_hash_nor_key_is_found_in_log_or_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Files(tmp_path)
        hash_ = hashed(NEW_PASSWORD)
        async with running(files) as exporter:
            seen = []
            for password in (PASSWORD, f"{PASSWORD}-wrong"):
                for path in ("/", "/metrics", "/config", "/nothing", f"/metrics?workspace={'x' * 30}", "/-/reload"):
                    answer = await exporter.http.get(path, auth=("prometheus", password))
                    seen.append(answer.text + str(answer.headers))
            for text in (hash_, hash_[:-1], PASSWORD, NEW_PASSWORD):
                files.write_web(text)
                answer = await exporter.http.post("/-/reload", auth=("prometheus", PASSWORD))
                answer = await exporter.http.post("/-/reload", auth=("prometheus", NEW_PASSWORD))
                seen.append(answer.text)
            for key in ("canary.key", "server.pem"):
                (tmp_path / key).rename(tmp_path / "away")
                with pytest.raises(httpx.HTTPStatusError):
                    async with httpx.AsyncClient(verify=files.client(), trust_env=False) as http:
                        (await http.get(exporter.http.base_url.join("/metrics"))).raise_for_status()
                (tmp_path / "away").rename(tmp_path / key)
            said = exporter.program.said()
            assert "key_file cannot be read (No such file or directory)" in said
            assert "cert_file cannot be read (No such file or directory)" in said
            for text in (*seen, said):
                assert "canary" not in text
                assert hash_[7:30] not in text

    asyncio.run(scenario())


async def run(files: Files, *flags: str) -> tuple[int, str]:
    log = files.folder / "run.log"
    command = exporter_command("--config.file", str(files.config), "--web.config.file", str(files.web), *flags)
    async with program(command, log) as process:
        return await process.ended(), process.said()


def test_a_check_covers_both_files(tmp_path: Path) -> None:
    files = Files(tmp_path)
    status, said = asyncio.run(run(files, "--config.check"))
    assert status == 0
    assert f"{files.config} is valid\n" in said
    assert f"{files.web} is valid\n" in said


@pytest.mark.parametrize("flags", [["--config.check"], []])
def test_the_problems_of_both_files_are_told_at_once_and_nothing_starts(tmp_path: Path, flags: list[str]) -> None:
    files = Files(tmp_path)
    files.config.write_text("workspace: []", encoding="utf-8")
    files.write_web(PASSWORD)
    new_key(tmp_path, "canary")
    status, said = asyncio.run(run(files, *flags))
    assert status == 1
    assert f"{files.config}: workspace: unknown key; did you mean workspaces?" in said
    assert f"{files.web}: basic_auth_users.prometheus: should be a bcrypt hash" in said
    assert f"{files.web}: tls_server_config.key_file: " in said
    assert "Traceback" not in said
    assert PASSWORD not in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.web.unlink()
    status, said = asyncio.run(run(files))
    assert status == 1
    assert f"{files.web}: there is no such file" in said
