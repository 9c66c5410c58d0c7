"""Copies rules and dashboards to where Kubernetes needs them: into the chart, and into a PrometheusRule for kustomize.

They are written elsewhere (deploy/prometheus/rules and deploy/grafana), once for all ways of deploying. Helm and
kustomize read only what lies within their own folders, hence the copies. With --check nothing is written, and the exit
code is 1 where a copy is missing, differs, or has no original any more.
"""
# ruff: noqa: INP001 - a script, not a package

import sys
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[1]
RULES = DEPLOY / "prometheus" / "rules"
DASHBOARDS = DEPLOY / "grafana"
CHART_FILES = DEPLOY / "helm" / "mihu-trunk-exporter" / "files"
PROMETHEUS_RULE = DEPLOY / "kubernetes" / "components" / "prometheus-operator" / "prometheusrule.yaml"

_PROMETHEUS_RULE = """\
# Made by deploy/helm/sync.py from deploy/prometheus/rules; not edited by hand.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: mihu-trunk-exporter
  labels:
    app.kubernetes.io/name: mihu-trunk-exporter
spec:
"""


def main(*, check: bool) -> int:
    """Bring every copy up to date, or tell which ones are not."""
    wanted = copies()
    differing = [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]
    orphans = [path for path in CHART_FILES.rglob("*") if path.is_file() and path not in wanted]
    if check:
        for path in (*differing, *orphans):
            sys.stderr.write(f"{path.relative_to(DEPLOY.parent)} is no copy of its original; run {sys.argv[0]}\n")
        return int(bool(differing or orphans))
    for path in orphans:
        path.unlink()
    for path in differing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    return 0


def copies() -> dict[Path, bytes]:
    """Return what every copy has to hold."""
    rules = sorted(RULES.glob("*.yaml"))
    found = {CHART_FILES / "rules" / path.name: path.read_bytes() for path in rules}
    for path in sorted(DASHBOARDS.rglob("*.json")):
        copy = CHART_FILES / "dashboards" / path.name
        if copy in found:
            raise SystemExit(f"two dashboards are called {path.name}")
        found[copy] = path.read_bytes()
    found[PROMETHEUS_RULE] = prometheus_rule([path.read_text(encoding="utf-8") for path in rules]).encode()
    return found


def prometheus_rule(files: list[str]) -> str:
    """Return files of rules as one object of the Prometheus operator, comments and line breaks kept."""
    body = ["groups:" if files else "groups: []"]
    for text in files:
        start, colon, end = f"\n{text}".partition("\ngroups:\n")
        if not colon:
            raise SystemExit('a file of rules has no line "groups:"')
        body += [*start.strip().splitlines(), *end.rstrip().splitlines()]
    result = _PROMETHEUS_RULE + "".join(f"  {line}".rstrip() + "\n" for line in body)
    groups = [group for text in files for group in yaml.safe_load(text)["groups"]]
    if yaml.safe_load(result)["spec"] != {"groups": groups}:
        raise SystemExit("the rules cannot be put together by their text: is there more than groups in a file?")
    return result


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
