"""The Helm chart, rendered by the real helm."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from support.manifests import NAME, ROOT, Manifest, read
from support.programs import run

CHART = ROOT / "deploy" / "helm" / NAME
VALUES_FILES = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE = "release"
NAMESPACE = "telephony"

Values = dict[str, Any]

# What every installation has to say.
NEEDED: Values = {"config": {"workspaces": [{"subdomain": "acme"}]}, "tokens": {"existingSecret": "mihu-tokens"}}


def arguments(values: Values | Path | None = None, *, needed: bool = True) -> list[str | Path]:
    """Return the arguments that hand values to helm; what is needed comes first, unless values come from a file."""
    if isinstance(values, Path):
        return ["--values", values]
    sets = [NEEDED] if needed else []
    if values:
        sets.append(values)
    return [argument for value in sets for argument in ("--set-json", json.dumps(value))]


def render(values: Values | Path | None = None, chart: Path = CHART, release: str = RELEASE) -> list[Manifest]:
    """Return the objects that are made of values."""
    return read(_rendered(release, chart, "--namespace", NAMESPACE, *arguments(values)))


@cache
def _rendered(*arguments_: str | Path) -> str:
    rendered = run("helm", "template", *arguments_)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


@cache
def render_file(values: Path) -> list[Manifest]:
    """Return the objects that are made of a file of values; they are not to be changed."""
    return render(values)


def refusal(values: Values, chart: Path = CHART, *, needed: bool = True) -> str:
    """Return what helm says of values that it refuses."""
    rendered = run("helm", "template", RELEASE, chart, *arguments(values, needed=needed))
    assert rendered.returncode != 0, "the values are taken"
    return rendered.stderr


def notes(values: Values | None = None) -> str:
    """Return the notes that helm prints after the chart is installed."""
    installed = run("helm", "install", RELEASE, CHART, "--dry-run=client", "--namespace", NAMESPACE, *arguments(values))
    assert installed.returncode == 0, installed.stderr
    return installed.stdout.partition("\nNOTES:\n")[2]
