"""The plain manifests, built by the real kustomize."""

import shutil
from pathlib import Path

import pytest
import yaml
from support.charts import render
from support.manifest_checks import broken_references, restricted_violations, schema_errors
from support.manifests import (
    NAME,
    ROOT,
    Manifest,
    container_of,
    flags_of,
    kustomize,
    mounts_of,
    of_kind,
    one,
    pod_of,
    volumes_of,
    workload,
    write_configuration,
)

from exporter import __version__
from exporter.cli import main
from exporter.config.loading import load

FOLDER = ROOT / "deploy" / "kubernetes"
WAYS = ("single", "sharded")

every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the manifests that a test may change."""
    return Path(shutil.copytree(FOLDER, tmp_path / "kubernetes"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@every_way
def test_every_object_is_what_its_kind_allows(way: str) -> None:
    for manifest in kustomize(FOLDER / way):
        assert schema_errors(manifest) == [], manifest["kind"]


@every_way
def test_selectors_ports_and_names_agree(way: str) -> None:
    manifests = kustomize(FOLDER / way)

    assert list(broken_references(manifests)) == []
    assert pod_of(manifests)["serviceAccountName"] == one(manifests, "ServiceAccount")["metadata"]["name"]


@every_way
def test_a_restricted_namespace_admits_the_pod(way: str) -> None:
    assert list(restricted_violations(pod_of(kustomize(FOLDER / way)))) == []


@every_way
def test_the_exporter_takes_the_configuration(way: str, tmp_path: Path) -> None:
    manifests = kustomize(FOLDER / way)

    config = load(write_configuration(manifests, tmp_path))

    mounts = mounts_of(manifests)
    assert flags_of(manifests)["--config.file"] == f"{mounts['config']}/config.yaml"
    assert all(f"{mounts['tokens']}/token" in str(warning) for warning in config.warnings)


@every_way
def test_the_exporter_knows_the_flags(way: str) -> None:
    known = {option for parameter in main.params for option in parameter.opts}

    assert set(flags_of(kustomize(FOLDER / way))) <= known


@every_way
def test_the_manifests_hold_no_token(way: str) -> None:
    manifests = kustomize(FOLDER / way)

    assert not of_kind(manifests, "Secret")
    assert volumes_of(manifests)["tokens"]["secret"]["secretName"] == "mihu-tokens"
    assert "--from-file=token=" in (FOLDER / way / "kustomization.yaml").read_text(encoding="utf-8")


@every_way
def test_the_image_is_of_this_version(way: str) -> None:
    assert container_of(kustomize(FOLDER / way))["image"] == f"{NAME}:{__version__}"


@every_way
def test_what_is_remembered_is_kept_as_long_as_the_pod(way: str) -> None:
    manifests = kustomize(FOLDER / way)

    assert flags_of(manifests)["--storage.path"] == mounts_of(manifests)["state"]
    assert volumes_of(manifests)["state"] == {"name": "state", "emptyDir": {}}


def test_one_exporter_is_a_deployment_that_knows_of_no_shards() -> None:
    manifests = kustomize(FOLDER / "single")

    assert workload(manifests)["kind"] == "Deployment"
    assert not any(flag.startswith("--shard.") for flag in flags_of(manifests))
    assert not of_kind(manifests, "PodDisruptionBudget")


def test_shards_are_a_statefulset_with_a_headless_service_and_a_budget() -> None:
    manifests = kustomize(FOLDER / "sharded")

    assert workload(manifests)["kind"] == "StatefulSet"
    assert one(manifests, "Service")["spec"]["clusterIP"] == "None"
    assert one(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_number_of_shards_is_written_once(copy: Path) -> None:
    edit(copy / "sharded" / "kustomization.yaml", "count: 2", "count: 7")

    manifests = kustomize(copy / "sharded")

    assert workload(manifests)["spec"]["replicas"] == 7
    assert flags_of(manifests)["--shard.total"] == "7"
    assert flags_of(manifests)["--shard.ordinal"] == "auto"


def without_shards(pod: Manifest) -> Manifest:
    (container,) = pod["containers"]
    container["args"] = [argument for argument in container["args"] if not argument.startswith("--shard.")]
    return pod


def test_both_ways_run_the_same_pod() -> None:
    single, sharded = (without_shards(pod_of(kustomize(FOLDER / way))) for way in WAYS)

    config = one(kustomize(FOLDER / "single"), "ConfigMap")["metadata"]["name"]
    assert single == sharded
    assert config in str(single["volumes"])


def test_the_pod_is_the_charts() -> None:
    ours, charts = pod_of(kustomize(FOLDER / "single")), pod_of(render())
    charts["securityContext"].pop("fsGroupChangePolicy")

    assert ours["securityContext"] == charts["securityContext"]
    for key in ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds"):
        assert ours[key] == charts[key]
    for key in ("livenessProbe", "readinessProbe", "resources", "securityContext", "volumeMounts"):
        assert ours["containers"][0][key] == charts["containers"][0][key]


def test_pods_are_replaced_when_their_configuration_changes(copy: Path) -> None:
    before = kustomize(copy / "single")
    edit(copy / "base" / "config.yaml", "subdomain: acme", "subdomain: emca")

    after = kustomize(copy / "single")

    assert one(before, "ConfigMap")["metadata"]["name"] != one(after, "ConfigMap")["metadata"]["name"]
    assert one(after, "ConfigMap")["metadata"]["name"] in str(pod_of(after)["volumes"])


@every_way
def test_the_components_that_are_offered_can_be_used(way: str, copy: Path) -> None:
    edit(copy / way / "kustomization.yaml", "# components:", "components:")
    edit(copy / way / "kustomization.yaml", "#   - ../components", "  - ../components")

    manifests = kustomize(copy / way)

    assert list(broken_references(manifests)) == []
    assert [error for manifest in manifests for error in schema_errors(manifest)] == []
    (endpoint,) = one(manifests, "ServiceMonitor")["spec"]["endpoints"]
    assert {"action": "replace", "targetLabel": "job", "replacement": NAME} in endpoint["relabelings"]
    charts = one(render({"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert one(manifests, "NetworkPolicy")["spec"] == {**charts, "podSelector": workload(manifests)["spec"]["selector"]}


def test_the_rules_are_those_for_every_way_of_deploying() -> None:
    rules = yaml.safe_load((FOLDER / "components/prometheus-operator/prometheusrule.yaml").read_text(encoding="utf-8"))

    assert rules["spec"] == one(render({"prometheusRule": {"enabled": True}}), "PrometheusRule")["spec"]


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("sharded/statefulset.yaml", "drop: [ALL]", "dorp: [ALL]", "'dorp' was unexpected"),
        ("base/serviceaccount.yaml", "automount", "autmount", "was unexpected"),
        ("sharded/poddisruptionbudget.yaml", "maxUnavailable: 1", "maxUnavailable: 1.5", "1.5"),
        ("components/prometheus-operator/servicemonitor.yaml", "targetLabel", "targetlabel", "was unexpected"),
    ],
)
def test_the_checks_find_what_is_wrong(path: str, old: str, new: str, said: str, copy: Path) -> None:
    edit(copy / path, old, new)
    edit(copy / "sharded" / "kustomization.yaml", "# components:\n#   - ../comp", "components:\n  - ../comp")

    errors = [error for manifest in kustomize(copy / "sharded") for error in schema_errors(manifest)]

    assert errors
    assert all(said in error for error in errors)


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("service.yaml", "targetPort: http", "targetPort: htpp", "the Service leads to htpp"),
        ("service.yaml", "name: mihu-trunk-exporter-shards", "name: other", "the StatefulSet names no Service"),
        ("statefulset.yaml", "name: mihu-trunk-exporter\n    spec", "name: other\n    spec", "does not match the pod"),
        ("statefulset.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
        ("statefulset.yaml", "drop: [ALL]", "drop: [CHOWN]", "keeps capabilities"),
        ("statefulset.yaml", "readOnlyRootFilesystem: true", "privileged: true", "may gain privileges"),
    ],
)
def test_what_does_not_agree_or_is_not_safe_is_found(path: str, old: str, new: str, said: str, copy: Path) -> None:
    edit(copy / "sharded" / path, old, new)

    manifests = kustomize(copy / "sharded")

    found = [*broken_references(manifests), *restricted_violations(pod_of(manifests))]
    assert any(said in problem for problem in found), found
