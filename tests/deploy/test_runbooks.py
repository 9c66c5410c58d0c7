"""The commands of the runbooks work as they are written."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.programs import run
from support.rules import ALERTS, DEPLOY, fenced, runbook
from support.simulating import simulating

from exporter.cli import main
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet

ADDRESS = "https://acme.mihu.ai"
NUMBER = "12084439178"
TOKEN = "test-token"
PAGES = {name: runbook(name) for name in ALERTS}
ASKING = [
    pytest.param(command, id=f"{name}-{index}")
    for name, page in PAGES.items()
    for index, command in enumerate(block for block in fenced(page, "sh") if ADDRESS in block)
]


def manifest(name: str | Path) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def ask(command: str, token: str = TOKEN) -> str:
    """Run a command that asks the API on a simulated one, about a number that it has."""
    tenant = Tenant("acme", TOKEN, Fleet.generate(30, seed=1))
    number = tenant.fleet.numbers[0].removeprefix("+")
    with simulating([tenant]) as simulator:
        line = command.replace(ADDRESS, simulator.base_url("acme")).replace(NUMBER, number)
        done = run("bash", "-eu", "-o", "pipefail", "-c", line, env=os.environ | {"MIHU_API_TOKEN": token})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("command", ASKING)
def test_what_asks_the_api_is_answered(command: str) -> None:
    said = ask(command)
    assert json.loads(said) is not None if "jq" in command else said.splitlines()[-1] == "200"


def test_a_token_that_is_refused_is_told_from_one_that_lacks_a_permission() -> None:
    (command,) = (block for block in fenced(PAGES["MihuAuthFailing"], "sh") if ADDRESS in block)
    *body, status = ask(command, token="revoked").splitlines()
    assert status == "401"
    assert "INVALID_AUTH_TOKEN" in "".join(body)


def commands(pattern: str) -> list[str]:
    """Return the part of commands that a pattern has in brackets, in all runbooks."""
    found = [match for page in PAGES.values() for match in re.findall(pattern, page)]
    assert found
    return found


def test_files_units_services_and_objects_are_those_that_are_deployed() -> None:
    unit = (DEPLOY / "systemd" / "mihu-trunk-exporter.service").read_text(encoding="utf-8")
    for installed in commands(r"(/opt/\S+ --config\.file \S+)"):
        assert f"ExecStart={installed.replace('--config.file ', '--config.file=')} " in unit
    assert {*commands(r"systemctl \w+ ([\w-]+)")} == {"mihu-trunk-exporter"}
    for file in commands(r"docker compose --file (\S+) (?:exec|logs|kill).*? exporter\b"):
        assert "exporter" in manifest(Path(file).relative_to("deploy"))["services"]
    assert not re.search(r"docker compose (?!--file)", "".join(PAGES.values()))
    deployment = manifest("kubernetes/single/deployment.yaml")
    assert {*commands(r"kubectl exec deployment/(\S+)")} == {deployment["metadata"]["name"]}
    shards = manifest("kubernetes/sharded/statefulset.yaml")
    for label, value in (selector.split("=") for selector in commands(r"--selector ([^\s`]+)")):
        for labelled in (deployment, shards, deployment["spec"]["template"], shards["spec"]["template"]):
            assert labelled["metadata"]["labels"][label] == value


@pytest.mark.parametrize("arguments", sorted({*commands(r"\bmihu-trunk-exporter( --\w.*| doctor.*)")}))
def test_the_exporter_has_the_flags_that_it_is_called_with(arguments: str) -> None:
    words = shlex.split(arguments, comments=True)
    called: list[click.Command] = [main, *(main.commands[word] for word in words if word in main.commands)]
    known = {name for command in called for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
