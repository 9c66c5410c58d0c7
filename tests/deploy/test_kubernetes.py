"""The plain manifests, built by the real kustomize."""

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support.manifest_checks import assert_started_well, loaded, problems
from support.manifests import NAME, ROOT, Expected, Objects, kustomize, mismatches, render
from support.programs import run_well

from exporter import __version__
from exporter.cli import main

FOLDER = ROOT / "deploy" / "kubernetes"
RULES = ROOT / "deploy" / "prometheus" / "rules"
WAYS = ("single", "sharded")

every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "kubernetes"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def with_components(way: Path, begins: str = "", rules: Path = RULES) -> Objects:
    """Build a way with the components whose names begin so, by default all that it offers."""
    run_well(way.parent / "components" / "prometheus-operator" / "make-rule.sh", rules)
    edit(way / "kustomization.yaml", "# components:", "components:")
    edit(way / "kustomization.yaml", f"#   - ../components/{begins}", f"  - ../components/{begins}")
    return kustomize(way)


TOKENS = {"pod/volumes/1/secret/secretName": "mihu-tokens"}
HEADLESS: Expected = {"Service": {"spec/clusterIP": "None"}, "PodDisruptionBudget": {"spec/maxUnavailable": 1}}
EXPECTED: dict[str, Expected] = {
    "single": {"Deployment": {**TOKENS, "exporter/args/2": None}, "PodDisruptionBudget": None, "Secret": None},
    "sharded": {"StatefulSet": TOKENS, **HEADLESS, "Secret": None},
}


@every_way
def test_objects_are_valid_and_agree_and_the_exporter_takes_what_it_is_given(way: str, tmp_path: Path) -> None:
    manifests = kustomize(FOLDER / way)
    assert problems(manifests) == []
    assert manifests.pod["serviceAccountName"] == manifests.one("ServiceAccount")["metadata"]["name"]
    assert manifests.container["image"] == f"{NAME}:{__version__}"
    assert_started_well(manifests)
    loaded(manifests, tmp_path)
    assert manifests.volumes["state"] == {"name": "state", "emptyDir": {}}
    assert list(mismatches(manifests, EXPECTED[way])) == []
    assert "--from-file=token=" in (FOLDER / way / "kustomization.yaml").read_text(encoding="utf-8")


def test_the_number_of_shards_is_written_once(copy: Path) -> None:
    edit(copy / "sharded" / "kustomization.yaml", "count: 2", "count: 7")
    manifests = kustomize(copy / "sharded")
    assert manifests.workload["spec"]["replicas"] == 7
    assert manifests.flags["--shard.total"] == "7"
    assert manifests.flags["--shard.ordinal"] == "auto"


def test_both_ways_run_the_pod_of_the_chart() -> None:
    single, sharded, chart = (made.pod for made in (*map(kustomize, map(FOLDER.joinpath, WAYS)), render()))
    (container,), (shard,), (charted,) = (pod["containers"] for pod in (single, sharded, chart))
    shard["args"] = [flag for flag in shard["args"] if not flag.startswith("--shard.")]
    assert single == sharded
    single["securityContext"]["fsGroupChangePolicy"] = "OnRootMismatch"
    for key in ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds"):
        assert single[key] == chart[key]
    assert single["securityContext"] == chart["securityContext"]
    for key in ("livenessProbe", "readinessProbe", "resources", "securityContext", "volumeMounts"):
        assert container[key] == charted[key]


# What chart and components both say, by values that say the same.
LIKE_COMPONENTS: dict[str, Any] = {
    "fullnameOverride": NAME,
    "routePrefix": "/mihu",
    "networkPolicy": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "webConfig": {"tlsSecret": f"{NAME}-tls"},
    "serviceMonitor": {
        "enabled": True,
        "tlsConfig": {"ca": {"secret": {"name": f"{NAME}-tls", "key": "ca.crt"}}, "serverName": NAME},
        "basicAuth": {key: {"name": "mihu-scrape", "key": key} for key in ("username", "password")},
    },
}


@every_way
def test_the_components_make_what_the_chart_makes(way: str, copy: Path) -> None:
    manifests, chart = with_components(copy / way), render(LIKE_COMPONENTS)
    assert problems(manifests) == []
    assert manifests.one("PrometheusRule")["spec"] == chart.one("PrometheusRule")["spec"]
    selector = {"podSelector": manifests.workload["spec"]["selector"]}
    assert manifests.one("NetworkPolicy")["spec"] == chart.one("NetworkPolicy")["spec"] | selector
    assert manifests.one("ServiceMonitor")["spec"]["endpoints"] == chart.one("ServiceMonitor")["spec"]["endpoints"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert manifests.container[probe] == chart.container[probe]
    assert manifests.flags["--web.route-prefix"] == "/mihu"
    assert manifests.flags["--web.config.file"] == f"{manifests.mounts['web-config']}/web.yaml"
    secret, charted = manifests.one("Secret"), chart.one("Secret")
    assert secret["metadata"]["name"] in str(manifests.volumes["web-config"])
    assert manifests.volumes["web-config"]["projected"]["sources"][1]["secret"]["name"] == f"{NAME}-tls"
    content = yaml.safe_load(base64.b64decode(secret["data"]["web.yaml"]))
    assert content == yaml.safe_load(charted["stringData"]["web.yaml"]) | {"basic_auth_users": {}}


def test_the_rules_may_be_those_of_assets_and_others(copy: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["assets", str(tmp_path / "assets"), "--disable=MihuRateLimited"]).exit_code == 0
    rules = tmp_path / "assets" / "prometheus" / "rules"
    one_more = {"groups": [{"name": "of-ours", "rules": [{"alert": "A", "expr": "1"}]}]}
    (rules / "z.rules.yaml").write_text(yaml.safe_dump(one_more), encoding="utf-8")
    manifests = with_components(copy / "single", "prometheus", rules)
    assert problems(manifests) == []
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(rules.iterdir())]
    assert manifests.one("PrometheusRule")["spec"] == {"groups": [group for file in files for group in file["groups"]]}
