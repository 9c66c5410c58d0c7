"""The image and the composition around it: what the real linters say, and what they promise.

The image itself is built and tried out by deploy/docker/build.sh.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.certificates import Authority
from support.processes import Program, eventually, free_port, program, running_exporter

from exporter import __version__
from exporter.cli import main
from exporter.config.credentials import EnvironmentCredentials
from exporter.config.loading import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "docker"
DOCKERFILE = FOLDER / "Dockerfile"
COMPOSE = FOLDER / "compose.yaml"
DEVELOPMENT_LOCK = ROOT / "requirements-dev.lock"
RUNTIME_LOCK = ROOT / "requirements.lock"
BUILD_LOCK = FOLDER / "requirements-build.lock"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def run(
    name: str | Path, *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program that stands beside the interpreter or on the path."""
    program = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program, f"{name} is missing; `make tools` installs it"
    command = [program, *map(str, arguments)]
    return subprocess.run(  # noqa: S603 - ours
        command, capture_output=True, text=True, timeout=60, check=False, env=env
    )


# The image


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and what follows it, on one line."""
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", without_comments).splitlines():
        if line:
            name, _, rest = line.partition(" ")
            yield name, rest


INSTRUCTIONS = list(instructions(DOCKERFILE.read_text(encoding="utf-8")))
_LAST_STAGE = max(index for index, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")
RUNTIME = dict(INSTRUCTIONS[_LAST_STAGE:])  # the last of each kind, which counts


def test_hadolint_finds_nothing_to_say() -> None:
    result = run("hadolint", "--no-color", "--failure-threshold", "style", DOCKERFILE)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_shellcheck_finds_nothing_to_say() -> None:
    scripts = (FOLDER / "build.sh", ROOT / "deploy/kubernetes/components/prometheus-operator/make-rule.sh")
    result = run("shellcheck", "--severity=style", *scripts)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


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


def test_it_runs_as_a_number_and_not_as_root() -> None:
    user, group = map(int, RUNTIME["USER"].split(":"))
    assert user > 0
    assert group > 0


def test_what_is_remembered_is_in_a_volume_that_belongs_to_its_user() -> None:
    folder = RUNTIME["VOLUME"]
    user, group = RUNTIME["USER"].split(":")
    assert any(f"MIHU_STORAGE_PATH={folder}" in rest.split() for name, rest in INSTRUCTIONS if name == "ENV")
    assert RUNTIME["RUN"] == f"install -d -m 0700 -o {user} -g {group} {folder}"
    assert [target for source, target, _ in mounts(SERVICES["exporter"]) if source == "exporter"] == [folder]


def test_commands_need_no_shell_and_no_curl() -> None:
    options, _, check = RUNTIME["HEALTHCHECK"].partition("CMD ")
    assert "--start-period=" in options
    assert check.startswith("[")
    assert RUNTIME["ENTRYPOINT"].startswith("[")
    assert not re.search(r"curl|wget|/sh\b", check)


def test_it_is_labelled() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', RUNTIME["LABEL"]))
    assert labels == {
        "title": PROJECT["project"]["name"],
        "description": PROJECT["project"]["description"],
        "licenses": PROJECT["project"]["license"],
        "source": "${SOURCE}",
        "version": "${VERSION}",
        "revision": "${REVISION}",
    }


def test_the_context_is_what_is_copied_and_no_more() -> None:
    copied = {
        source.rstrip("/")
        for name, rest in INSTRUCTIONS
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    ignored, *lines = (
        line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")
    )
    assert ignored == "*"
    assert {line.removeprefix("!/") for line in lines if line.startswith("!")} == copied
    assert all((ROOT / path).exists() for path in copied)


# Building it

# Says yes to everything, and remembers what it was asked.
STUB_ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >>"$ASKED"
case $1 in from | run) echo container ;; esac
"""


def build(folder: Path, engine: str, stub: str = STUB_ENGINE) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script with an engine that only remembers; return the result and what was asked of it."""
    (folder / "bin").mkdir()
    (folder / "bin" / engine).write_text(stub, encoding="utf-8")
    (folder / "bin" / engine).chmod(0o755)
    asked = folder / "asked"
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = run(FOLDER / "build.sh", env={"PATH": path, "ENGINE": engine, "ASKED": str(asked), "TMPDIR": str(folder)})
    return result, asked.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_image_that_is_built_has_the_version_of_the_package_as_tag_and_label(tmp_path: Path, engine: str) -> None:
    result, asked = build(tmp_path, engine)
    assert result.returncode == 0, result.stderr
    image = f"mihu-trunk-exporter:{__version__}"
    assert result.stdout == f"built and tried out: {image}\n"
    (command,) = (line for line in asked if line.startswith("build "))
    assert f" --tag {image} " in command
    assert f" --build-arg VERSION={__version__} " in command
    (command,) = (line for line in asked if line.startswith("run "))
    assert command.endswith(f" {image} --demo")


def test_what_cannot_be_built_is_not_tried_out(tmp_path: Path) -> None:
    result, asked = build(tmp_path, "docker", stub=STUB_ENGINE + "exit 7\n")
    assert result.returncode == 7
    assert [line.split()[0] for line in asked] == ["build"]


# The health check


PROGRAM = (str(Path(sys.executable).with_name("mihu-trunk-exporter")),)


def check_health(*process: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = FOLDER / "healthcheck.py"
    return run(sys.executable, "-I", script, *process, env={"PATH": os.environ["PATH"], **environment})


@asynccontextmanager
async def served(folder: Path, web: str, *flags: str) -> AsyncIterator[tuple[int, Program]]:
    """Run the demo with a web configuration and flags; yield its port and the program."""
    (folder / "web.yaml").write_text(web, encoding="utf-8")
    port = free_port()
    command = [*PROGRAM, "--demo", f"--web.listen-address=:{port}", f"--web.config.file={folder}/web.yaml", *flags]
    async with program(command, folder / "exporter.log") as running:

        async def listens() -> bool:
            assert running.process.returncode is None, running.said()
            return "listening" in running.said()

        await eventually(listens, "the exporter listens")
        yield port, running


def test_the_health_check_asks_the_exporter(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_exporter(tmp_path, "--demo") as exporter:
            port = exporter.url.rpartition(":")[2]
            for address in (f":{port}", f"127.0.0.1:{port}", f"0.0.0.0:{port} [::1]:1"):
                result = await asyncio.to_thread(check_health, MIHU_WEB_LISTEN_ADDRESS=address)
                assert result.returncode == 0, result
                assert result.stdout.startswith("200 "), result

    asyncio.run(scenario())


def test_the_health_check_reads_the_flags_of_the_exporter(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, "", "--web.route-prefix", "/ops", "--log.level=debug") as (_, exporter):
            result = await asyncio.to_thread(check_health, str(exporter.process.pid))
            assert result.returncode == 0, result
            assert result.stdout.startswith("200 "), result

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("authentication", "said"),
    [
        ("", "200 "),
        (
            ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem",
            " lives; it hangs up on us, since it lets in only clients with a certificate",
        ),
    ],
    ids=["server", "client too"],
)
@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_the_health_check_asks_an_exporter_that_encrypts(
    tmp_path: Path, version: str, authentication: str, said: str
) -> None:
    async def scenario() -> None:
        Authority(tmp_path, "ca").sign("server")
        tls = f"cert_file: server.pem, key_file: server.key, max_version: {version}{authentication}"
        async with served(tmp_path, f"tls_server_config: {{{tls}}}") as (port, _):
            variables = {"MIHU_WEB_LISTEN_ADDRESS": f":{port}", "MIHU_WEB_CONFIG_FILE": f"{tmp_path}/web.yaml"}
            result = await asyncio.to_thread(check_health, **variables)
            assert result.returncode == 0, result
            assert said in result.stdout, result

    asyncio.run(scenario())


def test_the_health_check_finds_the_paths_behind_a_proxy(tmp_path: Path) -> None:
    async def scenario() -> None:
        url = "https://ops.example.com/mihu"
        async with served(tmp_path, "", "--web.external-url", url) as (port, _):
            result = await asyncio.to_thread(
                check_health, MIHU_WEB_LISTEN_ADDRESS=f":{port}", MIHU_WEB_EXTERNAL_URL=url
            )
            assert result.returncode == 0, result
            assert result.stdout.startswith("200 "), result

    asyncio.run(scenario())


def test_the_health_check_fails_when_nobody_answers() -> None:
    result = check_health(MIHU_WEB_LISTEN_ADDRESS=f":{free_port()}")
    assert result.returncode == 1
    assert "does not answer: " in result.stdout
    assert result.stderr == ""


# The lock files


def pinned(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))


def required(*names: str) -> set[str]:
    """Return these packages and all that they need here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            requirements = map(Requirement, distribution(name).requires or ())
            waiting += [each.name for each in requirements if each.marker is None or each.marker.evaluate()]
    return found


@pytest.mark.parametrize("lock", [RUNTIME_LOCK, BUILD_LOCK], ids=lambda lock: lock.name)
def test_a_lock_agrees_with_the_one_that_the_tests_run_with(lock: Path) -> None:
    assert pinned(lock).items() <= pinned(DEVELOPMENT_LOCK).items(), "run `make lock`"


@pytest.mark.parametrize("lock", [RUNTIME_LOCK, BUILD_LOCK, DEVELOPMENT_LOCK], ids=lambda lock: lock.name)
def test_every_line_of_a_lock_is_a_version_or_its_hash(lock: Path) -> None:
    """And so no line names an index."""
    for entry in re.split(r"\n(?! )", lock.read_text(encoding="utf-8").strip()):
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\\]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry


def test_the_locks_hold_what_is_needed() -> None:
    assert (
        required(*(Requirement(text).name for text in PROJECT["project"]["dependencies"]))
        <= pinned(RUNTIME_LOCK).keys()
    ), "run `make lock`"
    assert required(*PROJECT["build-system"]["requires"]) <= pinned(BUILD_LOCK).keys(), "run `make lock`"


# The composition


def test_the_composition_obeys_the_specification() -> None:
    result = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE, FOLDER / "compose.web.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_specification_would_find_a_mistake(tmp_path: Path) -> None:
    mistaken = tmp_path / "compose.yaml"
    mistaken.write_text(COMPOSE.read_text(encoding="utf-8").replace("read_only:", "readonly:"), encoding="utf-8")
    result = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", mistaken)
    assert result.returncode == 1
    assert "readonly" in result.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_confined_watched_and_published_here_only(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "network_mode" not in service
    assert "healthcheck" in service or service["image"].startswith("mihu-trunk-exporter:")
    for port in service["ports"]:
        assert port.startswith("127.0.0.1:")


def test_the_image_has_the_version_of_the_project() -> None:
    exporter = SERVICES["exporter"]
    assert exporter["image"] == f"mihu-trunk-exporter:{__version__}"
    assert exporter["build"]["args"]["VERSION"] == __version__
    assert (FOLDER / exporter["build"]["context"] / exporter["build"]["dockerfile"]).samefile(DOCKERFILE)


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield from where, to where and whether it can only be read."""
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
            yield source, target, mode == ["ro"]
        else:
            yield _VARIABLE.sub(r"\2", volume["source"]), volume["target"], volume["read_only"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists_and_cannot_be_written(name: str) -> None:
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    for source, _, read_only in mounts(SERVICES[name]):
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
            assert read_only, source
        else:
            assert source in volumes


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_a_configuration_that_a_command_names_is_mounted(name: str) -> None:
    (file,) = (Path(flag.partition("=")[2]) for flag in SERVICES[name]["command"] if flag.startswith("--config.file="))
    assert any(
        (FOLDER / source / file.relative_to(target)).is_file()
        for source, target, _ in mounts(SERVICES[name])
        if file.is_relative_to(target)
    )


def test_a_service_waits_only_for_services_that_are_there() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()


def test_every_variable_is_one_that_the_exporter_reads() -> None:
    known = {f"MIHU_{parameter.name}".upper() for parameter in main.params} | {"MIHU_API_TOKEN", "MIHU_REVISION"}
    image = {f"MIHU_{name}" for name in re.findall(r"\bMIHU_(\w+)=", RUNTIME["ENV"] + DOCKERFILE.read_text("utf-8"))}
    assert image | SERVICES["exporter"]["environment"].keys() <= known


def test_the_variables_of_the_example_are_those_of_the_composition() -> None:
    example = re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    used = {name for name, _ in _VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert set(example) == used
    assert "/.env" in (FOLDER / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_configuration_of_the_project_takes_the_token_from_the_composition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It runs the demo, or, as .env.example says, this configuration."""
    monkeypatch.setenv("MIHU_API_TOKEN", "a-token")
    (source,) = (source for source, target, _ in mounts(SERVICES["exporter"]) if target.endswith("/config.yaml"))
    config = load(FOLDER / source)
    assert not config.warnings
    assert all(isinstance(workspace.credentials, EnvironmentCredentials) for workspace in config.workspaces)
    assert SERVICES["exporter"]["environment"]["MIHU_DEMO"] == "${MIHU_DEMO:-true}"


def prometheus_config() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Prometheus' configuration here, and the example that it follows."""
    here, example = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (FOLDER / "prometheus.yaml", ROOT / "deploy" / "prometheus" / "prometheus.yaml")
    )
    return here, example


def test_prometheus_loads_the_rules(tmp_path: Path) -> None:
    folder, mounted = next(
        ((FOLDER / source).resolve(), target)
        for source, target, _ in mounts(SERVICES["prometheus"])
        if target.endswith("/rules")
    )
    config = tmp_path / "prometheus.yaml"
    text = (FOLDER / "prometheus.yaml").read_text(encoding="utf-8")
    config.write_text(text.replace(mounted, str(folder)), encoding="utf-8")
    result = run("promtool", "check", "config", config)
    assert result.returncode == 0, result.stdout + result.stderr
    files = list(folder.iterdir())
    assert files
    assert result.stdout.count("rules found") == len(files), result.stdout


def test_prometheus_is_set_up_as_in_the_example() -> None:
    here, example = prometheus_config()
    assert here["global"] == example["global"]
    jobs = {job["job_name"]: job["static_configs"] for job in here["scrape_configs"]}
    assert {job["job_name"] for job in example["scrape_configs"]} <= jobs.keys()
    (alertmanagers,) = here["alerting"]["alertmanagers"]
    assert alertmanagers["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert jobs == {
        "mihu-trunk-exporter": [{"targets": ["exporter:10155"]}],
        "prometheus": [{"targets": ["localhost:9090"]}],
        "alertmanager": [{"targets": ["alertmanager:9093"]}],
    }


def test_grafana_finds_its_data_source_and_its_dashboards() -> None:
    grafana = SERVICES["grafana"]
    folders = {target: FOLDER / source for source, target, _ in mounts(grafana)}
    provisioning = folders["/etc/grafana/provisioning"]
    (source,) = [
        source
        for file in (provisioning / "datasources").iterdir()
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    ]
    assert source["url"].strip("${}") in grafana["environment"]
    providers = [
        provider
        for file in (provisioning / "dashboards").iterdir()
        for provider in yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    ]
    assert providers
    for provider in providers:
        assert list(folders[provider["options"]["path"]].glob("*.json"))
