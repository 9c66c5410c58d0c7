"""The image, which deploy/docker/build.sh builds and tries out, and the composition: real linters, and promises."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.certificates import Authority
from support.processes import free_port, program
from support.programs import installed, run, run_well

from exporter import __version__
from exporter.cli import main
from exporter.config.loading import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "docker"
DOCKERFILE = FOLDER / "Dockerfile"
COMPOSE = FOLDER / "compose.yaml"
SCRIPTS = [path for path in sorted((ROOT / "deploy").rglob("*")) if path.is_file() and path.read_bytes()[:2] == b"#!"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


# The image


def instructions(text: str) -> Iterator[tuple[str, str]]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", without_comments).splitlines():
        if line:
            name, _, rest = line.partition(" ")
            yield name, rest


INSTRUCTIONS = list(instructions(DOCKERFILE.read_text(encoding="utf-8")))
_LAST_STAGE = max(index for index, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")
RUNTIME = dict(INSTRUCTIONS[_LAST_STAGE:])  # the last of each kind, which counts


def test_linters_find_nothing_to_say() -> None:
    assert run_well("hadolint", "--no-color", "--failure-threshold", "style", DOCKERFILE) == ""
    assert run_well("shellcheck", "--severity=style", *SCRIPTS) == ""
    assert all(script.stat().st_mode & 0o111 for script in SCRIPTS)
    run_well("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE, FOLDER / "compose.web.yaml")


def test_the_base_is_slim_and_pinned_and_the_same_in_both_stages() -> None:
    (base,) = [rest for name, rest in INSTRUCTIONS if name == "ARG" and rest.startswith("BASE_IMAGE=")]
    assert re.fullmatch(r"BASE_IMAGE=python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    stages = [rest.split()[0] for name, rest in INSTRUCTIONS if name == "FROM"]
    assert stages == ["${BASE_IMAGE}"] * 2


def test_what_is_installed_is_pinned_by_hash_or_comes_from_here() -> None:
    commands = [part for name, rest in INSTRUCTIONS if name == "RUN" for part in rest.split("&&")]
    installs = [command for command in commands if re.search(r"\bpip\b.* (install|wheel) ", command)]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command
        assert "--no-index" in command or "--no-build-isolation" in command or "--only-binary :all:" in command


def test_it_runs_as_a_number_without_shell_or_curl_and_owns_the_volume_of_what_is_remembered() -> None:
    user, group = RUNTIME["USER"].split(":")
    assert min(int(user), int(group)) > 0
    folder = RUNTIME["VOLUME"]
    assert any(f"MIHU_STORAGE_PATH={folder}" in rest.split() for name, rest in INSTRUCTIONS if name == "ENV")
    assert RUNTIME["RUN"] == f"install -d -m 0700 -o {user} -g {group} {folder}"
    assert [target for source, target, _ in mounts(SERVICES["exporter"]) if source == "exporter"] == [folder]
    assert re.match(r'--.* --start-period=.* CMD \["/opt/mihu-trunk-exporter/bin/python"', RUNTIME["HEALTHCHECK"])
    assert RUNTIME["ENTRYPOINT"].startswith("[")


def test_it_is_labelled() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', RUNTIME["LABEL"]))
    project, given = PROJECT["project"], ("source", "version", "revision", "created")
    named = {"title": project["name"], "description": project["description"], "licenses": project["license"]}
    assert labels == named | {"base.name": "${BASE_IMAGE}"} | {name: f"${{{name.upper()}}}" for name in given}


def test_the_context_is_what_is_copied_and_no_more() -> None:
    copies = [rest for name, rest in INSTRUCTIONS if name == "COPY" and not rest.startswith("--from")]
    copied = {source.rstrip("/") for rest in copies for source in rest.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert re.match(r"(#.*\n)*\*\n", ignored)
    assert set(re.findall(r"^!/(.+)$", ignored, re.MULTILINE)) == copied
    assert all((ROOT / path).exists() for path in copied)


# Building it

# Says yes to everything, and remembers what it was asked.
STUB_ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >>"$ASKED"
[ "$1" != run ] || echo container
"""
IMAGE = f"mihu-trunk-exporter:{__version__}"
PLATFORMS = "linux/amd64,linux/arm64"
BUILD = f"build --tag {IMAGE} --file deploy/docker/Dockerfile --build-arg VERSION={__version__} "
RUN = f"run --detach --read-only --cap-drop ALL --security-opt no-new-privileges {IMAGE} --demo"


def build(folder: Path, engine: str, stub: str = STUB_ENGINE, **environment: str) -> tuple[int, str, list[str]]:
    """Run the script with an engine that only remembers; return its status and output, and what was asked of it."""
    (folder / engine).write_text(stub, encoding="utf-8")
    (folder / engine).chmod(0o755)
    asked, path = folder / "asked", f"{folder}{os.pathsep}{os.environ['PATH']}"
    ended = run(FOLDER / "build.sh", env={"PATH": path, "ENGINE": engine, "ASKED": str(asked), **environment})
    return ended.returncode, ended.stdout + ended.stderr, asked.read_text(encoding="utf-8").splitlines()


PUBLISHED = {
    "docker": [f"buildx build --platform {PLATFORMS} --tag {IMAGE} --sbom=true --provenance=mode=max --push "],
    "podman": [
        f"build --platform {PLATFORMS} --manifest {IMAGE}-platforms ",
        f"manifest push --all --rm {IMAGE}-platforms docker://{IMAGE}",
    ],
}


@pytest.mark.parametrize("engine", PUBLISHED)
def test_an_image_is_tried_out_and_then_published_for_every_platform(tmp_path: Path, engine: str) -> None:
    status, output, asked = build(tmp_path, engine, PLATFORMS=PLATFORMS)
    assert (status, output) == (0, f"built and tried out: {IMAGE}\n")
    expected = [BUILD, RUN, *["exec container "] * 3, *PUBLISHED[engine], "rm --force container"]
    told = [line for line in asked if line.startswith(("build", "run ", "exec ", "manifest ", "rm "))]
    assert len(told) == len(expected)
    assert all(map(str.startswith, told, expected)), told


def test_what_cannot_be_built_is_not_tried_out(tmp_path: Path) -> None:
    status, _, asked = build(tmp_path, "docker", stub=STUB_ENGINE + "exit 7\n")
    assert status == 7
    assert [line.split()[0] for line in asked] == ["build"]


# The health check


def check_health(*process: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = FOLDER / "healthcheck.py"
    return run(sys.executable, "-I", script, *process, env={"PATH": os.environ["PATH"], **environment})


def tls(version: str, clients: str = "") -> str:
    return f"tls_server_config: {{cert_file: server.pem, key_file: server.key, max_version: {version}{clients}}}"


MUTUAL = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"
HANGS_UP = " lives; it hangs up on us, since it lets in only clients with a certificate"
HERE = {"MIHU_WEB_LISTEN_ADDRESS": ":PORT"}
ENCRYPTED = HERE | {"MIHU_WEB_CONFIG_FILE": "FOLDER/web.yaml"}
URL = "https://ops.example.com/mihu"


@pytest.mark.parametrize(
    ("web", "flags", "environment", "said"),
    [
        ("", [], HERE, "200 "),
        ("", [], {"MIHU_WEB_LISTEN_ADDRESS": "127.0.0.1:PORT"}, "200 "),
        ("", [], {"MIHU_WEB_LISTEN_ADDRESS": "0.0.0.0:PORT [::1]:1"}, "200 "),
        ("", ["--web.route-prefix", "/ops", "--log.level=debug"], {}, "200 "),  # reads the flags of the process
        ("", ["--web.external-url", URL], HERE | {"MIHU_WEB_EXTERNAL_URL": URL}, "200 "),
        (tls("TLS12"), [], ENCRYPTED, "200 "),
        (tls("TLS13"), [], ENCRYPTED, "200 "),
        (tls("TLS12", MUTUAL), [], ENCRYPTED, HANGS_UP),
        (tls("TLS13", MUTUAL), [], ENCRYPTED, HANGS_UP),
    ],
)
async def test_the_health_check_asks_the_exporter(
    tmp_path: Path, web: str, flags: list[str], environment: dict[str, str], said: str
) -> None:
    Authority(tmp_path, "ca").sign("server")
    (tmp_path / "web.yaml").write_text(web, encoding="utf-8")
    port = free_port()
    listening = [f"--web.listen-address=:{port}", f"--web.config.file={tmp_path}/web.yaml"]
    command = [installed("mihu-trunk-exporter"), "--demo", *listening, *flags]
    async with program(command, tmp_path / "exporter.log") as running:
        await running.says("listening")
        process = [] if environment else [str(running.process.pid)]
        filled = {name: text.replace("PORT", f"{port}") for name, text in environment.items()}
        here = {name: text.replace("FOLDER", str(tmp_path)) for name, text in filled.items()}
        result = await asyncio.to_thread(check_health, *process, **here)
        assert (result.returncode, said in result.stdout) == (0, True), result


def test_the_health_check_fails_when_nobody_answers() -> None:
    result = check_health(MIHU_WEB_LISTEN_ADDRESS=f":{free_port()}")
    assert (result.returncode, result.stderr) == (1, "")
    assert "does not answer: " in result.stdout


# The lock files


def entries(lock: Path) -> dict[str, str]:
    """Return what a lock says of each package: its version, where it is needed, and hashes."""
    return {entry.partition("==")[0]: entry for entry in re.split(r"\n(?! )", lock.read_text(encoding="utf-8").strip())}


@cache
def required(package: str) -> set[str]:
    needed = map(Requirement, distribution(package).requires or ())
    names = [each.name for each in needed if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(package)}.union(*map(required, names))


@pytest.mark.parametrize(
    ("lock", "needed"),
    [
        (ROOT / "requirements.lock", PROJECT["project"]["dependencies"]),
        (FOLDER / "requirements-build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_holds_what_is_needed_as_the_lock_does_that_the_tests_run_with(lock: Path, needed: list[str]) -> None:
    """That one is installed by hashes."""
    assert entries(lock).items() <= entries(ROOT / "requirements-dev.lock").items(), "run `make lock`"
    assert set[str]().union(*(required(Requirement(text).name) for text in needed)) <= entries(lock).keys()


# The composition


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield from where, to where and whether it can only be read."""
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
            yield source, target, mode == ["ro"]
        else:
            yield _VARIABLE.sub(r"\2", volume["source"]), volume["target"], volume["read_only"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined_published_here_only_and_mounts_what_exists(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"])
    confined = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    assert confined.items() <= service.items()
    assert not service.keys() & {"privileged", "network_mode"}
    assert "healthcheck" in service or service["image"].startswith("mihu-trunk-exporter:")
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    files = set()
    for source, target, read_only in mounts(service):
        if source.startswith("."):
            assert read_only, source
            here = FOLDER / source
            files |= {target} if here.is_file() else {f"{target}/{file.name}" for file in here.iterdir()}
        else:
            assert source in volumes
    flags = dict(flag.split("=", 1) for flag in service.get("command", ()))
    assert flags.get("--config.file") in {None, *files}
    assert service.get("depends_on", {}).keys() <= SERVICES.keys()


def test_the_composition_builds_the_image_of_this_version() -> None:
    exporter = SERVICES["exporter"]
    assert exporter["image"] == IMAGE
    assert exporter["build"]["args"]["VERSION"] == __version__
    assert (FOLDER / exporter["build"]["context"] / exporter["build"]["dockerfile"]).samefile(DOCKERFILE)


def test_every_variable_is_one_that_the_exporter_reads_and_that_the_example_has() -> None:
    known = {f"MIHU_{parameter.name}".upper() for parameter in main.params} | {"MIHU_API_TOKEN", "MIHU_REVISION"}
    image = set(re.findall(r"\bMIHU_\w+(?==)", DOCKERFILE.read_text("utf-8")))
    assert image | SERVICES["exporter"]["environment"].keys() <= known
    example = re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    used = {name for name, _ in _VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert set(example) == used
    assert "/.env" in (FOLDER / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_configuration_of_the_project_takes_the_token_from_the_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs the demo, or, as .env.example says, this configuration."""
    monkeypatch.setenv("MIHU_API_TOKEN", "a-token")
    (source,) = (source for source, target, _ in mounts(SERVICES["exporter"]) if target.endswith("/config.yaml"))
    config = load(FOLDER / source)
    assert not config.warnings
    assert all(workspace.credentials.credentials_env for workspace in config.workspaces)
    assert SERVICES["exporter"]["environment"]["MIHU_DEMO"] == "${MIHU_DEMO:-true}"


def test_prometheus_loads_the_rules_and_is_set_up_as_in_the_example(tmp_path: Path) -> None:
    text = (FOLDER / "prometheus.yaml").read_text(encoding="utf-8")
    source, mounted = next((source, to) for source, to, _ in mounts(SERVICES["prometheus"]) if to.endswith("/rules"))
    files = list((FOLDER / source).iterdir())
    config = tmp_path / "prometheus.yaml"
    config.write_text(text.replace(mounted, str((FOLDER / source).resolve())), encoding="utf-8")
    assert run_well("promtool", "check", "config", config).count("rules found") == len(files) > 0
    here = yaml.safe_load(text)
    example = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert here["global"] == example["global"]
    (alertmanagers,) = here["alerting"]["alertmanagers"]
    assert alertmanagers["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    jobs = {job["job_name"]: job["static_configs"] for job in here["scrape_configs"]}
    assert {job["job_name"] for job in example["scrape_configs"]} <= jobs.keys()
    assert jobs["mihu-trunk-exporter"] == [{"targets": ["exporter:10155"]}]


def test_grafana_finds_its_data_source_and_its_dashboards() -> None:
    grafana = SERVICES["grafana"]
    folders = {target: FOLDER / source for source, target, _ in mounts(grafana)}
    datasources, dashboards = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for kind in ("datasources", "dashboards")
        for file in (folders["/etc/grafana/provisioning"] / kind).iterdir()
    )
    assert datasources["datasources"][0]["url"].strip("${}") in grafana["environment"]
    assert list(folders[dashboards["providers"][0]["options"]["path"]].glob("*.json"))
