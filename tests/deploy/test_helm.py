"""The Helm chart: what its values make, and which values it refuses."""

import json
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.files import write_yaml
from support.manifest_checks import assert_started_well, loaded, problems
from support.manifests import CHART, NAME, NAMESPACE, NEEDED, RELEASE, ROOT, Values, arguments, mismatches, render
from support.programs import run, run_well

from exporter import __version__
from exporter.web.settings import TAKEN_PATHS

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

VALUES_FILES = sorted((CHART / "ci").glob("*-values.yaml"))
every_values_file = pytest.mark.parametrize("values", VALUES_FILES, ids=lambda path: path.stem)

TABLES = Path(__file__).parent / "chart"
SHARDED: Values = {"sharding": {"enabled": True, "shards": 3}}
MONITORED: Values = {"serviceMonitor": {"enabled": True}, "dashboards": {"enabled": True}}
TLS: Values = {"webConfig": {"content": {"tls_server_config": {"cert_file": "/a/tls.crt", "key_file": "/a/tls.key"}}}}


def table(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((TABLES / name).read_text(encoding="utf-8"))
    return rows


# Every file of values.


@every_values_file
def test_helm_finds_nothing_to_complain_about(values: Path) -> None:
    assert "[WARNING]" not in run_well("helm", "lint", "--strict", CHART, "--values", values)


@every_values_file
def test_objects_are_valid_and_agree_and_the_exporter_takes_what_it_is_given(values: Path, tmp_path: Path) -> None:
    manifests = render(values)
    assert problems(manifests) == []
    for manifest in manifests:
        assert manifest["metadata"]["namespace"]
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE
    # The pod of the test is none of the exporter's.
    labels = manifests.one("Pod")["metadata"]["labels"]
    assert not manifests.one("Service")["spec"]["selector"].items() <= labels.items()
    assert_started_well(manifests)
    assert (manifests.workload["kind"] == "StatefulSet") == any(flag.startswith("--shard.") for flag in manifests.flags)
    if values.stem != "existing-config-values":
        loaded(manifests, tmp_path)


# One value, and what follows.


@pytest.mark.parametrize("row", table("values.yaml"), ids=lambda row: str(row["values"]))
def test_what_follows_from_values(row: dict[str, Any]) -> None:
    values = row.pop("values")
    assert list(mismatches(render(CHART / "ci" / values if isinstance(values, str) else values), row)) == []


def test_by_default_there_is_no_more_than_is_needed() -> None:
    assert {each["kind"] for each in render()} == {"ConfigMap", "Deployment", "Service", "ServiceAccount", "Pod"}


@pytest.mark.parametrize("release", ["a" * 53, f"{'a' * 50}--b", "0x10"])
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    manifests = render({**SHARDED, **MONITORED}, release)
    # A pod's label holds the StatefulSet's name and a hash; a pod's host name, the number.
    assert len(manifests.one("StatefulSet")["metadata"]["name"]) <= 52
    assert len(manifests.one("Service")["metadata"]["name"]) <= 63
    assert problems(manifests) == []


def test_labels_of_the_user_do_not_replace_the_selectors() -> None:
    hostile = {"app.kubernetes.io/name": "other", "team": "telephony"}
    manifests = render({"podLabels": hostile, "commonLabels": hostile, "service": {"labels": hostile}})
    assert problems(manifests) == []
    assert manifests.workload["spec"]["template"]["metadata"]["labels"]["team"] == "telephony"


# Tokens and configuration.


@pytest.mark.parametrize(
    ("values", "secret", "volume"),
    [
        ("secrets-values.yaml", "a-token-of-the-tests", "tokens"),
        ("secrets-values.yaml", "a-password-of-the-tests", "config"),
        ("web-values.yaml", "$2y$04$", "web-config"),
    ],
)
def test_a_secret_is_in_its_secret_and_nowhere_else(values: str, secret: str, volume: str) -> None:
    manifests = render(CHART / "ci" / values)
    (holder,) = (manifest for manifest in manifests if secret in json.dumps(manifest))
    assert holder["kind"] == "Secret"
    assert holder["metadata"]["name"] in json.dumps(manifests.volumes[volume])


# What YAML may take for a number, a time, a truth value or nothing.
TRICKY = ["NO", "off", "~", "null", "1e3", "0x10", "1_000", "12:30", "+39", "2024-01-01", "a: b", "#x", "ü", "'", '"']


def test_the_configuration_is_the_one_of_the_values(tmp_path: Path) -> None:
    own = {"subdomain": "emca", "authorization": {"credentials_file": "/run/secrets/mihu/emca"}}
    workspaces = [{"name": name, "subdomain": "acme", "filter": {"search": "x" * 200}} for name in TRICKY]
    config = loaded(render({"config": {"workspaces": [*workspaces, own]}}), tmp_path)
    assert [workspace.name for workspace in config.workspaces] == [*TRICKY, "emca"]
    document = yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    assert document["global"]["authorization"] == {"credentials_file": "/run/secrets/mihu/token"}
    assert document["workspaces"][-1]["authorization"] == {"credentials_file": "/run/secrets/mihu/emca"}


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"config": {"workspaces": [{"subdomain": "emca"}]}}, True),
        ({"configStorage": {"extraFiles": {"more.yaml": "[]"}}}, True),
        ({"tokens": {"mountPath": "/run/elsewhere"}}, True),
        (TLS, True),
        ({"commonLabels": {"a": "b"}}, False),
        ({"tokens": {"existingSecret": "other"}}, False),
        ({"service": {"port": 80}}, False),
    ],
)
def test_pods_are_replaced_when_their_configuration_changes(change: Values, *, replaces: bool) -> None:
    changed, before = (render(values).workload["spec"]["template"]["metadata"] for values in (change, {}))
    assert (changed.get("annotations") != before.get("annotations")) == replaces


# What is refused, and how that is said.


_TAKEN = [{"values": {"telemetryPath": path}, "at": "/telemetryPath"} for path in sorted(TAKEN_PATHS)]


@pytest.mark.parametrize("row", [*table("refused.yaml"), *_TAKEN], ids=lambda row: str(row["values"]))
def test_what_is_refused(row: dict[str, Any]) -> None:
    refused = run("helm", "template", RELEASE, CHART, *arguments(row["values"]))
    assert refused.returncode != 0
    assert row.get("said", f"at '{row.get('at')}': ") in refused.stderr


def test_the_schema_closes_every_object_that_it_describes() -> None:
    opened = []

    def look(each: Values) -> Values:
        if each.get("type") == "object" and "properties" in each and each.get("additionalProperties") is not False:
            opened.append(each["description"])
        return each

    json.loads((CHART / "values.schema.json").read_bytes(), object_hook=look)
    assert opened == ["What a parent chart shares"]


# The chart as a whole.


def test_the_chart_its_image_and_its_user_are_those_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    (user,) = re.findall(r"^USER (.+)$", (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    security = render().pod["securityContext"]
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert render().container["image"] == f"{NAME}:{__version__}"
    assert user == f"{security['runAsUser']}:{security['runAsGroup']}"


def notes(values: Values | Path | None = None) -> str:
    flags = ("--dry-run=client", "--namespace", NAMESPACE)
    return run_well("helm", "install", RELEASE, CHART, *flags, *arguments(values)).partition("\nNOTES:\n")[2]


def test_what_is_told_after_the_installation() -> None:
    assert f"--namespace {NAMESPACE} port-forward service/{RELEASE}-{NAME} 10155:10155" in notes()
    assert "Nothing tells Prometheus yet to scrape it" in notes()
    web = {"tlsSecret": "t", "content": {"basic_auth_users": {"me": f"$2y$10${'a' * 53}"}}}
    behind = notes({**SHARDED, "webConfig": web, "routePrefix": "/mihu", "service": {"port": 80}})
    assert f"port-forward pod/{RELEASE}-{NAME}-0 10155:10155" in behind
    assert "curl --insecure --user 'me' https://localhost:10155/mihu/metrics" in behind
    assert f"Service {RELEASE}-{NAME}-shards,\nport 10155." in behind
    assert "--cert client.crt --key client.key https:" in notes(CHART / "ci" / "client-certificates-values.yaml")
    monitored = notes({"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}})
    assert not any(said in monitored for said in ("Nothing tells Prometheus", "Nobody is alerted"))


def test_the_chart_fits_into_another_one(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts" / NAME)
    dependency = {"name": NAME, "version": __version__, "condition": f"{NAME}.enabled"}
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
    write_yaml(parent / "Chart.yaml", chart)
    shared = {"imageRegistry": "r.example.com", "something": {"of": "the parent's"}}
    write_yaml(parent / "values.yaml", {NAME: {"enabled": True, **NEEDED}, "global": shared})
    assert f"image: r.example.com/{NAME}:{__version__}" in run_well("helm", "template", RELEASE, parent)


def test_the_package_holds_what_the_chart_needs_and_no_link(tmp_path: Path) -> None:
    run_well("helm", "package", CHART, "--destination", tmp_path)
    with tarfile.open(tmp_path / f"{NAME}-{__version__}.tgz") as archive:
        files = {member.name.removeprefix(f"{NAME}/"): member for member in archive.getmembers()}
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "README.md", "templates/NOTES.txt"} <= files.keys()
    assert {f"files/rules/{path.name}" for path in (ROOT / "deploy/prometheus/rules").iterdir()} <= files.keys()
    assert {f"files/dashboards/{path.name}" for path in (ROOT / "deploy/grafana/json").iterdir()} <= files.keys()
    assert all(member.isfile() for member in files.values())
    assert not any(name.startswith("ci/") for name in files)


README = (CHART / "README.md").read_text(encoding="utf-8")


def test_the_readme_installs_with_the_values_that_it_shows(tmp_path: Path) -> None:
    needed, *more = re.findall(r"```yaml\n(.*?)```", README.replace("$2y$10$...", f"$2y$10${'a' * 53}"), re.DOTALL)
    for text in ("", *more):
        files = [tmp_path / "needed.yaml", tmp_path / "more.yaml"]
        for file, content in zip(files, (needed, text), strict=True):
            file.write_text(content, encoding="utf-8")
        run_well("helm", "template", RELEASE, CHART, *(each for file in files for each in arguments(file)))


def leaves(values: Values, path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield from leaves(value, f"{path}{key}.") if isinstance(value, dict) and value else [f"{path}{key}."]


def test_every_value_is_described_and_used_by_the_values_files() -> None:
    run_well(sys.executable, ROOT / "docs" / "chart.py", "--check")
    described = tuple(f"{key}." for key in re.findall(r"^\| `([\w.]+)`", README, re.MULTILINE))
    assert [leaf for leaf in leaves(DEFAULTS) if not leaf.startswith(described)] == []
    used = {key for path in VALUES_FILES for key in yaml.safe_load(path.read_text(encoding="utf-8"))}
    assert DEFAULTS.keys() - used == {"securityContext"}
