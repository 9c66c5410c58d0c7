"""The Helm chart: what its values make, and which values it refuses."""

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.charts import (
    CHART,
    NAMESPACE,
    RELEASE,
    VALUES_FILES,
    Values,
    arguments,
    notes,
    refusal,
    render,
    render_file,
)
from support.manifest_checks import broken_references, restricted_violations, schema_errors
from support.manifests import (
    NAME,
    ROOT,
    container_of,
    flags_of,
    mounts_of,
    of_kind,
    one,
    pod_of,
    run,
    volumes_of,
    workload,
    write_configuration,
)

from exporter import __version__
from exporter.cli import main
from exporter.config.loading import load

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
WITH_CONFIG = [path for path in VALUES_FILES if path.name != "existing-config-values.yaml"]

every_values_file = pytest.mark.parametrize("values", VALUES_FILES, ids=lambda path: path.stem)


def sharded(shards: int = 3) -> Values:
    return {"sharding": {"enabled": True, "shards": shards}}


# Every file of values.


@every_values_file
def test_helm_finds_nothing_to_complain_about(values: Path) -> None:
    linted = run("helm", "lint", "--strict", CHART, "--values", values)

    assert linted.returncode == 0, linted.stdout
    assert "[WARNING]" not in linted.stdout


@every_values_file
def test_every_object_is_what_its_kind_allows(values: Path) -> None:
    for manifest in render_file(values):
        assert schema_errors(manifest) == [], manifest["kind"]


@every_values_file
def test_selectors_ports_and_names_agree(values: Path) -> None:
    assert list(broken_references(render_file(values))) == []


@every_values_file
def test_a_restricted_namespace_admits_the_pod(values: Path) -> None:
    assert list(restricted_violations(pod_of(render_file(values)))) == []


@every_values_file
def test_every_object_is_labelled_and_in_a_namespace(values: Path) -> None:
    for manifest in render_file(values):
        assert manifest["metadata"]["namespace"]
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE


@every_values_file
def test_the_exporter_knows_the_flags(values: Path) -> None:
    known = {option for parameter in main.params for option in parameter.opts}
    flags = container_of(render_file(values))["args"]

    assert {flag.partition("=")[0] for flag in flags} <= known
    # Parses their values, too; auto needs the host name of a pod.
    main.make_context(NAME, [flag.replace("--shard.ordinal=auto", "--shard.ordinal=0") for flag in flags])


@every_values_file
def test_only_shards_are_told_that_they_are_shards(values: Path) -> None:
    shard_flags = [flag for flag in flags_of(render_file(values)) if flag.startswith("--shard.")]

    assert bool(shard_flags) == (workload(render_file(values))["kind"] == "StatefulSet")


@every_values_file
def test_the_probes_ask_what_the_exporter_answers(values: Path) -> None:
    container = container_of(render_file(values))
    (port,) = container["ports"]

    assert container["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/-/ready", "port": "http"}
    assert port["name"] == "http"
    assert flags_of(render_file(values))["--web.listen-address"] == f":{port['containerPort']}"


@pytest.mark.parametrize("values", WITH_CONFIG, ids=lambda path: path.stem)
def test_the_exporter_takes_the_configuration(values: Path, tmp_path: Path) -> None:
    manifests = render_file(values)

    config = load(write_configuration(manifests, tmp_path))

    mounts = mounts_of(manifests)
    assert flags_of(manifests)["--config.file"] == f"{mounts['config']}/config.yaml"
    assert config.workspaces
    # What is warned about is only that the token is not here yet: it comes with the Secret, or with the environment.
    places = (mounts.get("tokens", "nowhere"), "MIHU_API_TOKEN")
    assert all(any(place in str(warning) for place in places) for warning in config.warnings)


def test_the_values_files_use_every_value() -> None:
    used = {key for path in VALUES_FILES for key in yaml.safe_load(path.read_text(encoding="utf-8"))}

    assert DEFAULTS.keys() - used == {"securityContext"}


# One exporter, or shards.


def test_one_exporter_is_a_deployment() -> None:
    manifests = render()

    deployment = one(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert not of_kind(manifests, "StatefulSet")
    assert {manifest["kind"] for manifest in manifests} == {"ConfigMap", "Deployment", "Service", "ServiceAccount"}


def test_shards_are_a_statefulset_whose_pods_know_their_number() -> None:
    manifests = render(sharded(3))

    shards = one(manifests, "StatefulSet")
    assert shards["spec"]["replicas"] == 3
    assert shards["spec"]["podManagementPolicy"] == "Parallel"
    assert flags_of(manifests)["--shard.ordinal"] == "auto"
    assert flags_of(manifests)["--shard.total"] == "3"
    assert not of_kind(manifests, "Deployment")


def test_each_shard_is_scraped_by_itself_and_once() -> None:
    service = one(render({**sharded(), "serviceMonitor": {"enabled": True}}), "Service")

    assert service["spec"]["clusterIP"] == "None"
    assert service["metadata"]["name"] != one(render(), "Service")["metadata"]["name"], "it could not be made headless"


def test_shards_and_one_exporter_run_the_same_pod() -> None:
    single, shards = pod_of(render()), pod_of(render(sharded()))
    shards["containers"][0]["args"] = [
        argument for argument in shards["containers"][0]["args"] if not argument.startswith("--shard.")
    ]

    assert single == shards


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        (sharded(1), None),
        (sharded(3), {"maxUnavailable": 1}),
        ({"replicas": 2}, {"maxUnavailable": 1}),
        ({"replicas": 2, "podDisruptionBudget": {"maxUnavailable": "50%"}}, {"maxUnavailable": "50%"}),
        ({"replicas": 2, "podDisruptionBudget": {"minAvailable": 0}}, {"minAvailable": 0}),
        ({"replicas": 2, "podDisruptionBudget": {"minAvailable": "50%"}}, {"minAvailable": "50%"}),
        ({"replicas": 2, "podDisruptionBudget": {"enabled": False}}, None),
    ],
)
def test_a_disruption_budget_only_where_there_is_more_than_one_pod(
    values: Values, expected: dict[str, Any] | None
) -> None:
    budgets = of_kind(render(values), "PodDisruptionBudget")

    assert [budget["spec"] for budget in budgets] == [
        {**expected, "selector": workload(render(values))["spec"]["selector"]} for _ in budgets if expected
    ]
    assert bool(budgets) == bool(expected)


def test_names_fit_even_for_a_long_release() -> None:
    monitoring = {"serviceMonitor": {"enabled": True}, "dashboards": {"enabled": True}}
    manifests = render({**sharded(10), **monitoring}, release="a" * 53)

    # A pod's label holds the StatefulSet's name and a hash; a pod's host name, the number.
    assert len(one(manifests, "StatefulSet")["metadata"]["name"]) <= 52
    assert len(one(manifests, "Service")["metadata"]["name"]) <= 63
    assert all(schema_errors(manifest) == [] for manifest in manifests)


# What is remembered.

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}}


def persistent(**settings: object) -> Values:
    return {"persistence": {"enabled": True, **settings}}


@every_values_file
def test_what_is_remembered_is_where_a_volume_is_mounted(values: Path) -> None:
    manifests = render_file(values)

    assert flags_of(manifests)["--storage.path"] == mounts_of(manifests)["state"]


@pytest.mark.parametrize("values", [{}, sharded()])
def test_what_is_remembered_is_kept_as_long_as_the_pod(values: Values) -> None:
    manifests = render(values)

    assert volumes_of(manifests)["state"] == {"name": "state", "emptyDir": {}}
    assert not of_kind(manifests, "PersistentVolumeClaim")
    assert "volumeClaimTemplates" not in workload(manifests)["spec"]


def test_with_a_claim_it_outlives_the_pod_and_no_two_pods_want_the_volume() -> None:
    manifests = render(persistent())

    claim = one(manifests, "PersistentVolumeClaim")
    assert claim["spec"] == CLAIM
    assert volumes_of(manifests)["state"]["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert workload(manifests)["spec"]["strategy"] == {"type": "Recreate"}


def test_a_claim_is_as_the_values_say() -> None:
    claim = one(render_file(CHART / "ci" / "persistence-values.yaml"), "PersistentVolumeClaim")

    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_claim_that_exists_already_is_used() -> None:
    manifests = render(persistent(existingClaim="mine"))

    assert volumes_of(manifests)["state"]["persistentVolumeClaim"] == {"claimName": "mine"}
    assert not of_kind(manifests, "PersistentVolumeClaim")


def test_each_shard_claims_a_volume_of_its_own() -> None:
    manifests = render({**sharded(), **persistent()})

    (claim,) = workload(manifests)["spec"]["volumeClaimTemplates"]
    assert (claim["metadata"]["name"], claim["spec"]) == ("state", CLAIM)
    assert "state" not in volumes_of(manifests)
    assert not of_kind(manifests, "PersistentVolumeClaim")


# Tokens and configuration.


def test_a_token_is_in_its_secret_and_nowhere_else() -> None:
    manifests = render_file(CHART / "ci" / "secrets-values.yaml")

    holders = [manifest for manifest in manifests if "a-token-of-the-tests" in json.dumps(manifest)]
    assert [holder["stringData"] for holder in holders] == [{"token": "a-token-of-the-tests"}]
    assert holders[0]["kind"] == "Secret"
    assert volumes_of(manifests)["tokens"]["secret"]["secretName"] == holders[0]["metadata"]["name"]


def test_a_configuration_with_a_password_is_in_a_secret() -> None:
    manifests = render_file(CHART / "ci" / "secrets-values.yaml")

    holders = [manifest for manifest in manifests if "a-password-of-the-tests" in json.dumps(manifest)]
    assert [holder["kind"] for holder in holders] == ["Secret"]
    assert volumes_of(manifests)["config"]["secret"]["secretName"] == holders[0]["metadata"]["name"]
    assert not of_kind(manifests, "ConfigMap")


def test_the_secret_that_exists_is_mounted_for_the_pods_group_alone() -> None:
    pod = pod_of(render())

    assert volumes_of(render())["tokens"]["secret"] == {"secretName": "mihu-tokens", "defaultMode": 0o440}
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert not of_kind(render(), "Secret")


def test_the_token_is_for_every_workspace_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    own = {"subdomain": "emca", "authorization": {"credentials_file": "/run/secrets/mihu/emca"}}
    manifests = render({"config": {"workspaces": [{"subdomain": "acme"}, own]}})

    config = yaml.safe_load(write_configuration(manifests, tmp_path).read_text(encoding="utf-8"))

    assert config["global"]["authorization"] == {"credentials_file": "/run/secrets/mihu/token"}
    assert config["workspaces"][1]["authorization"] == {"credentials_file": "/run/secrets/mihu/emca"}


# What YAML may take for a number, a time, a truth value or nothing.
TRICKY = ["NO", "off", "~", "null", "1e3", "0x10", "1_000", "12:30", "+39", "2024-01-01", "a: b", "#x", "ü", "'", '"']


def test_texts_of_the_configuration_stay_texts(tmp_path: Path) -> None:
    workspaces = [{"name": name, "subdomain": "acme", "filter": {"search": "x" * 200}} for name in TRICKY]

    config = load(write_configuration(render({"config": {"workspaces": workspaces}}), tmp_path))

    assert [workspace.name for workspace in config.workspaces] == TRICKY


def checksum(values: Values) -> str:
    annotations = workload(render(values))["spec"]["template"]["metadata"]["annotations"]
    return str(annotations["checksum/config"])


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"workspaces": [{"subdomain": "emca"}]}},
        {"config": {"global": {"poll_interval": "2m"}}},
        {"configStorage": {"extraFiles": {"more.yaml": "[]"}}},
        {"tokens": {"mountPath": "/run/elsewhere"}},
    ],
)
def test_pods_are_replaced_when_their_configuration_changes(change: Values) -> None:
    assert checksum(change) != checksum({})


def test_pods_are_not_replaced_for_anything_else() -> None:
    for change in ({"commonLabels": {"a": "b"}}, {"tokens": {"existingSecret": "other"}}, {"service": {"port": 80}}):
        assert checksum(change) == checksum({})
    annotations = workload(render({"configStorage": {"existingName": "other"}}))["spec"]["template"]["metadata"]
    assert "annotations" not in annotations


# What is refused, and how that is said.


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"servicemonitor": {}}, "additional properties 'servicemonitor' not allowed"),
        ({"serviceMonitor": {"enable": True}}, "at '/serviceMonitor': additional properties 'enable' not allowed"),
        ({"serviceMonitor": {"interval": "1 minute"}}, "at '/serviceMonitor/interval': '1 minute' does not match"),
        ({"config": {"workspaces": [{"subdomian": "acme"}]}}, "additional properties 'subdomian' not allowed"),
        ({"config": {"global": {"poll_intervall": "1m"}}}, "additional properties 'poll_intervall' not allowed"),
        ({"config": {"global": {"poll_interval": 60}}}, "at '/config/global/poll_interval': got number, want string"),
        (
            {"config": {"global": {"authorization": {"credentials": "abc"}}}},
            "at '/config/global/authorization': additional properties 'credentials' not allowed",
        ),
        ({"image": {"digest": "latest"}}, "at '/image/digest': 'latest' does not match"),
        ({"sharding": {"enabled": True, "shards": 0}}, "at '/sharding/shards': minimum: got 0, want 1"),
        ({"extraArgs": ["--shard.total=2"]}, "at '/extraArgs/0'"),
        ({"extraArgs": ["--log.level=debug"]}, "at '/extraArgs/0'"),
        ({"podDisruptionBudget": {"maxUnavailable": "one"}}, "at '/podDisruptionBudget/maxUnavailable'"),
        ({"config": {"workspaces": []}}, "config.workspaces is empty: name a workspace, as with --set"),
        ({"tokens": {"values": {"token": "abc"}}}, "tokens.existingSecret and tokens.values exclude each other"),
        ({"extraArgs": ["--storage.path=/tmp"]}, "at '/extraArgs/0'"),
        ({"persistence": {"size": "much"}}, "at '/persistence/size': 'much' does not match"),
        ({**persistent(), "replicas": 2}, "with persistence.enabled there is one pod, or shards"),
        ({**sharded(), **persistent(existingClaim="mine")}, "persistence.existingClaim is for the Deployment only"),
        ({**sharded(), "replicas": 2}, "replicas is for the Deployment only"),
        (
            {"tokens": {"existingSecret": ""}},
            "there is no token for the workspace acme: name a Secret in tokens.existingSecret",
        ),
        (
            {
                "tokens": {"existingSecret": ""},
                "config": {"global": {"authorization": {"credentials_file": "/run/secrets/mihu/x"}}},
            },
            "reads a token in /run/secrets/mihu, where nothing is mounted",
        ),
        (
            {"config": {"global": {"proxy_url": "http://user:password@proxy.example.com:3128"}}},
            "a proxy_url holds a password, and a ConfigMap is no place for one: set configStorage.kind to Secret",
        ),
        (
            {"configStorage": {"extraFiles": {"more.yaml": "- {subdomain: a, authorization: {credentials: abc}}"}}},
            "holds a token (credentials), and a ConfigMap is no place for one",
        ),
        (
            {"prometheusRule": {"enabled": True, "disabledAlerts": ["MihuTypo"]}},
            "prometheusRule.disabledAlerts names MihuTypo, and there is no such alert",
        ),
    ],
)
def test_what_is_refused_is_said_plainly(values: Values, said: str) -> None:
    assert said in refusal(values)


def test_an_installation_without_values_is_told_what_is_missing() -> None:
    assert "config.workspaces is empty: name a workspace, as with --set config" in refusal({}, needed=False)


def objects_of(schema: Values) -> Iterator[Values]:
    if schema.get("type") == "object":
        yield schema
    for value in schema.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from objects_of(inner)


def test_the_schema_closes_every_object_that_it_describes() -> None:
    (parents,) = (schema for schema in objects_of(SCHEMA) if schema.get("description") == "What a parent chart shares")

    for described in objects_of(SCHEMA):
        if "properties" in described and described is not parents:
            assert described["additionalProperties"] is False, described


def documented(values: Values, schema: Values, path: str = "") -> Iterator[str]:
    """Yield where values and schema do not have the same keys; the configuration is the exporter's matter."""
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    properties = schema.get("properties")
    if properties is None or path == "config":
        return
    optional = {"enabled"} if not path else {"successThreshold", "initialDelaySeconds", "claims"}
    for key in properties.keys() ^ values.keys():
        if key not in optional:
            yield f"{path}.{key}"
    for key in properties.keys() & values.keys():
        if isinstance(values[key], dict):
            yield from documented(values[key], properties[key], key)


def test_the_values_and_their_schema_have_the_same_keys() -> None:
    assert list(documented(DEFAULTS, SCHEMA)) == []


def test_the_schema_knows_the_choices_of_the_flags() -> None:
    choices = {
        parameter.opts[0]: list(parameter.type.choices)
        for parameter in main.params
        if isinstance(parameter.type, click.Choice)
    }

    log = SCHEMA["properties"]["log"]["properties"]
    assert {"--log.level": log["level"]["enum"], "--log.format": log["format"]["enum"]} == choices


# What else the values do.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, f"{NAME}:{__version__}"),
        ({"image": {"tag": "1.2.3"}}, f"{NAME}:1.2.3"),
        ({"image": {"registry": "r.example.com", "repository": "a/b"}}, f"r.example.com/a/b:{__version__}"),
        ({"image": {"tag": "1.2.3", "digest": f"sha256:{'0' * 64}"}}, f"{NAME}@sha256:{'0' * 64}"),
        (
            {"image": {"registry": "r.example.com"}, "global": {"imageRegistry": "g.example.com"}},
            f"g.example.com/{NAME}:{__version__}",
        ),
    ],
)
def test_the_image(values: Values, expected: str) -> None:
    assert container_of(render(values))["image"] == expected


def test_the_chart_and_its_image_are_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_pod_runs_as_the_images_user() -> None:
    (user,) = re.findall(r"^USER (.+)$", (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    security = pod_of(render())["securityContext"]

    assert user == f"{security['runAsUser']}:{security['runAsGroup']}"


def test_labels_of_the_user_do_not_replace_the_selectors() -> None:
    hostile = {"app.kubernetes.io/name": "other", "team": "telephony"}
    manifests = render({"podLabels": hostile, "commonLabels": hostile, "service": {"labels": hostile}})

    assert list(broken_references(manifests)) == []
    assert workload(manifests)["spec"]["template"]["metadata"]["labels"]["team"] == "telephony"


def test_the_network_policy_opens_what_is_needed() -> None:
    policy = one(render_file(CHART / "ci" / "sharded-values.yaml"), "NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (scrape,) = policy["ingress"]
    assert scrape["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    dns, api = policy["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert [port["port"] for port in api["ports"]] == [443, 8443]


def test_a_network_policy_may_be_about_scrapes_only() -> None:
    policy = one(render({"networkPolicy": {"enabled": True, "egress": {"enabled": False}}}), "NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress"]
    assert "egress" not in policy


def test_what_is_told_after_the_installation() -> None:
    assert f"--namespace {NAMESPACE} port-forward service/{RELEASE}-{NAME} 10155:10155" in notes()
    assert "Nothing tells Prometheus yet to scrape it" in notes()
    assert f"port-forward pod/{RELEASE}-{NAME}-0 10155:10155" in notes(sharded())
    monitored = notes({"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}})
    assert "Nothing tells Prometheus" not in monitored
    assert "Nobody is alerted" not in monitored


def test_the_chart_fits_into_another_one(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts" / NAME)
    dependency = {"name": NAME, "version": __version__, "condition": f"{NAME}.enabled"}
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart), encoding="utf-8")
    own = {"enabled": True, "config": {"workspaces": [{"subdomain": "acme"}]}, "tokens": {"existingSecret": "t"}}
    shared = {"imageRegistry": "r.example.com", "something": {"of": "the parent's"}}
    (parent / "values.yaml").write_text(yaml.safe_dump({NAME: own, "global": shared}), encoding="utf-8")

    rendered = run("helm", "template", RELEASE, parent)

    assert rendered.returncode == 0, rendered.stderr
    assert f"image: r.example.com/{NAME}:{__version__}" in rendered.stdout


def test_the_package_holds_what_the_chart_needs(tmp_path: Path) -> None:
    packaged = run("helm", "package", CHART, "--destination", tmp_path)

    assert packaged.returncode == 0, packaged.stderr
    with tarfile.open(tmp_path / f"{NAME}-{__version__}.tgz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "README.md", "templates/NOTES.txt"} <= names
    assert {f"files/rules/{path.name}" for path in (CHART / "files" / "rules").glob("*")} <= names
    assert not any(name.startswith("ci/") for name in names)


def test_the_readme_installs_with_the_values_that_it_shows(tmp_path: Path) -> None:
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    values = tmp_path / "values.yaml"
    values.write_text(example, encoding="utf-8")

    rendered = run("helm", "template", RELEASE, CHART, *arguments(values))

    assert rendered.returncode == 0, rendered.stderr
