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


def arguments(values: Values | Path | None = None) -> list[str | Path]:
    """Return the arguments that hand values to helm; what is needed comes first, unless values come from a file."""
    if isinstance(values, Path):
        return ["--values", values]
    return [argument for value in (NEEDED, values or {}) for argument in ("--set-json", json.dumps(value))]


def render(values: Values | Path | None = None, release: str = RELEASE) -> list[Manifest]:
    """Return the objects that are made of values."""
    return read(_rendered(release, CHART, "--namespace", NAMESPACE, *arguments(values)))


@cache
def _rendered(*arguments_: str | Path) -> str:
    rendered = run("helm", "template", *arguments_)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout
