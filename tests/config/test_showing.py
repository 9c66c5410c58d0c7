"""The configuration in force, as it is shown; and its JSON schema, up to date, and as strict as a schema can be."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from exporter.cli import main
from exporter.config.settings import ValidatedConfig, json_schema, shown

EVERYTHING = r"""
global: {poll_interval: 2m, authorization: {credentials_env: MIHU_API_TOKEN}}
workspaces:
  - {subdomain: acme, name: "Acme: Italia, àè", poll_timeout: 1m30s, request_timeout: 1500ms, max_staleness: 1h,
     per_page: 50, concurrency: 2, max_trunks: 100, verify_total: false,
     tls_config: {server_name: other.test, insecure_skip_verify: true},
     proxy_url: "http://proxy.test:3128", no_proxy: [localhost], proxy_from_environment: true,
     statuses: {active: live, pending: []}, remember: {gone: 2h},
     filter: {channel: call, agent_uuid: a-1, search: "+39"},
     expect: [{match: {number: '\+39.*', type: [mobile, local], country_code: [IT], status: [active]},
               channels: [call, whatsapp]}, {channels: []}, {channels: auto}]}
  - {name: globex, base_url: http://calls.example.com/mihu, allow_http: true}
  - {name: initech, base_url: http://127.0.0.1:8080, allow_http: true, proxy_url: http://proxy.test:3128}
metrics: {number: masked, agent_names: false, trunk_details: false, deny: ['mihu_trunk_.*_info']}
"""


Show = Callable[[str], str]


@pytest.fixture
def show(load_text: Callable[[str], ValidatedConfig]) -> Show:
    return lambda text: shown(load_text(text))


def test_every_setting_in_force_is_shown(show: Show) -> None:
    text = show("workspaces: [{subdomain: acme, authorization: {credentials_env: X}}]")
    assert text.startswith(
        "workspaces:\n- name: acme\n  base_url: https://acme.mihu.ai\n  authorization:\n    credentials_env: X\n"
        "  poll_interval: 1m\n  poll_timeout: 50s\n  request_timeout: 10s\n  max_staleness: 5m\n"
    )
    assert "  statuses:\n    active:\n    - active\n    - in[_-]?use\n    - enabled\n    pending:\n    - .*(" in text
    assert "  remember:\n    lost: 7d\n    gone: 1d\n" in text
    in_force = yaml.safe_load(text)
    assert in_force["workspaces"][0].keys() & {"tls_config", "proxy_url", "no_proxy", "filter", "expect"} == set()
    metrics = {"number": "full", "agent_names": True, "trunk_details": True, "deny": []}
    assert in_force["metrics"].items() >= metrics.items()


def test_it_loads_as_the_same_configuration(show: Show) -> None:
    once = show(EVERYTHING)
    assert show(once) == once
    assert set(yaml.safe_load(once)["workspaces"][0]) >= {"tls_config", "proxy_url", "filter", "expect"}


@pytest.mark.parametrize(
    ("written", "shown_as"),
    [
        ("authorization: {credentials: hush}", "authorization:\n    credentials: <secret>"),
        ("proxy_url: http://user:hush@proxy.test:3128", "proxy_url: http://<secret>@proxy.test:3128"),
        ("proxy_url: http://hush@proxy.test:3128", "proxy_url: http://<secret>@proxy.test:3128"),
    ],
)
def test_secrets_are_not_shown(show: Show, written: str, shown_as: str) -> None:
    own = "" if written.startswith("authorization") else "    authorization: {credentials_env: MIHU_API_TOKEN}\n"
    text = show(f"workspaces:\n  - subdomain: acme\n    {written}\n{own}")
    assert shown_as in text
    assert "hush" not in text


PROJECT = Path(__file__).parents[2]
SCHEMA = json.loads(json_schema())


def test_it_is_printed_and_editors_find_it() -> None:
    printed = CliRunner().invoke(main, ["--config.schema"])
    assert (printed.exit_code, printed.output) == (0, f"{json_schema()}\n")
    first, _, _ = (PROJECT / "config.yaml").read_text(encoding="utf-8").partition("\n")
    assert first == "# yaml-language-server: $schema=docs/config.schema.json"


def test_generated_documents_are_up_to_date() -> None:
    """The schema and the reference in docs, and the schema of the chart's values; ``make schema`` writes them again."""
    generate = PROJECT / "docs/generate.py"
    checked = subprocess.run([sys.executable, generate, "--check"], capture_output=True, text=True, check=False)  # noqa: S603 - of this checkout
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_describes_every_key() -> None:
    """The schema in docs, which is compared above, has their defaults."""
    for name, section in SCHEMA["$defs"].items():
        for key, value in section.get("properties", {}).items():
            assert {"description", "$ref"} & value.keys(), f"{name}.{key}"


def check(*files: Path) -> subprocess.CompletedProcess[str]:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = PROJECT / "docs/config.schema.json"
    return subprocess.run(  # noqa: S603 - of this checkout
        [checker, "--schemafile", schema, *files], capture_output=True, text=True, check=False
    )


def test_it_accepts_the_examples_and_no_mistake(tmp_path: Path) -> None:
    templates = {*PROJECT.glob("deploy/helm/*/templates/*")}
    examples = [PROJECT / "config.yaml", *sorted({*PROJECT.glob("deploy/**/config.yaml")} - templates)]
    assert len(examples) > 2
    everything = tmp_path / "everything.yaml"
    commented_out = re.compile(r"^( *)# (?= *(?:- )?[a-z_]+:)", re.MULTILINE)
    text = commented_out.sub(r"\1", examples[0].read_text(encoding="utf-8"))
    alternatives = re.compile(r"^ *credentials(_file)?: .*\n", re.MULTILINE)
    everything.write_text(alternatives.sub("", text), encoding="utf-8")
    checked = check(*examples, everything)
    assert checked.returncode == 0, checked.stdout
    everything.write_text("workspaces: [{subdomian: acme}]", encoding="utf-8")
    assert check(everything).returncode == 1


def test_it_accepts_the_workspaces_of_the_chart() -> None:
    validator = Draft202012Validator(SCHEMA)
    for values in PROJECT.glob("deploy/helm/*/ci/*.yaml"):
        config = yaml.safe_load(values.read_text(encoding="utf-8")).get("config", {})
        assert [error.message for error in validator.iter_errors(config)] == [], values.name


@pytest.mark.parametrize(
    "text",
    [
        "{workspace: []}",
        "{global: {poll_interval: 60}}",
        "{global: {poll_interval: 1 minute}}",
        "{global: {concurrency: 65}}",
        "{workspaces: {acme: {}}}",
        "{workspaces: [{subdomain: ''}]}",
        "{workspaces: [{subdomain: acme, expect: [{match: {number: '1'}}]}]}",
        "{workspaces: [{subdomain: acme, filter: {channel: sms}}]}",
        "{metrics: {number: none}}",
    ],
)
def test_it_refuses_what_the_exporter_refuses(text: str) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))
