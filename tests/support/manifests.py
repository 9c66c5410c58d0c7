"""Kubernetes objects, rendered by the real helm and kustomize."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.programs import run_well

ROOT = Path(__file__).parents[2]
NAME = "mihu-trunk-exporter"
CHART = ROOT / "deploy" / "helm" / NAME
RELEASE = "release"
NAMESPACE = "telephony"

Manifest = dict[str, Any]
Values = dict[str, Any]  # of the chart
Expected = Mapping[str, Mapping[str, Any] | None]

# What every installation has to say.
NEEDED: Values = {"config": {"workspaces": [{"subdomain": "acme"}]}, "tokens": {"existingSecret": "mihu-tokens"}}

_PLACES = {"pod": "spec/template/spec", "exporter": "spec/template/spec/containers/0"}


class _StrictLoader(yaml.CSafeLoader):
    """Refuses a mapping that has a key twice, as Kubernetes does, and as PyYAML does not."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"a key comes twice: {keys}"
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


class Objects(list[Manifest]):
    """What is installed together."""

    def of_kind(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self if manifest["kind"] == kind]

    def one(self, kind: str) -> Manifest:
        (found,) = self.of_kind(kind)
        return found

    @property
    def workload(self) -> Manifest:
        (found,) = (manifest for manifest in self if manifest["kind"] in {"Deployment", "StatefulSet"})
        return found

    @property
    def pod(self) -> Manifest:
        pod: Manifest = self.workload["spec"]["template"]["spec"]
        return pod

    @property
    def container(self) -> Manifest:
        container: Manifest
        (container,) = (each for each in self.pod["containers"] if each["name"] == "exporter")
        return container

    @property
    def mounts(self) -> dict[str, str]:
        return {mount["name"]: mount["mountPath"] for mount in self.container["volumeMounts"]}

    @property
    def volumes(self) -> dict[str, Manifest]:
        return {volume["name"]: volume for volume in self.pod["volumes"]}

    @property
    def flags(self) -> dict[str, str]:
        """What the exporter is started with: the value of each flag, the first where there are several."""
        flags = (argument.partition("=") for argument in reversed(self.container["args"]))
        return {flag: value for flag, _, value in flags}


def read(text: str) -> Objects:
    return Objects(document for document in yaml.load_all(text, Loader=_StrictLoader) if document is not None)


def arguments(values: Values | Path | None = None) -> list[str | Path]:
    """Return the arguments that hand values to helm; what is needed comes first, unless values come from a file."""
    if isinstance(values, Path):
        return ["--values", values]
    return [argument for value in (NEEDED, values or {}) for argument in ("--set-json", json.dumps(value))]


_run_once = cache(run_well)


def render(values: Values | Path | None = None, release: str = RELEASE) -> Objects:
    return read(_run_once("helm", "template", release, CHART, "--namespace", NAMESPACE, *arguments(values)))


def kustomize(folder: Path) -> Objects:
    return read(run_well("kubectl", "kustomize", folder))


def write_configuration(manifests: Objects, folder: Path) -> Path:
    """Write the files of the ConfigMap or Secret that has a configuration as they are mounted; return where it is."""
    for manifest in manifests:
        files = {**manifest.get("data", {}), **manifest.get("stringData", {})}
        if "config.yaml" in files:
            for file, content in files.items():
                Path(folder, file).write_text(content, encoding="utf-8")
    return folder / "config.yaml"


def mismatches(manifests: Objects, expected: Expected) -> Iterator[str]:
    """Yield where objects are not as expected.

    That is, by a kind, or a kind and a name, what is at the paths of the first such object; None where there is none.
    ``pod`` stands for a path, and ``exporter`` for its first container.
    """
    for kind_and_name, paths in expected.items():
        kind, _, name = kind_and_name.partition(" ")
        found = [each for each in manifests.of_kind(kind) if name in {"", each["metadata"]["name"]}]
        if bool(found) == (paths is None):
            yield f"{kind_and_name}: {len(found)}"
        for path, value in (paths or {}).items() if found else ():
            first, _, rest = path.partition("/")
            there = _at(found[0], f"{_PLACES.get(first, first)}/{rest}".rstrip("/"))
            if there != value:
                yield f"{kind_and_name} {path}: {there}"


def _at(document: object, path: str) -> Any:  # noqa: ANN401 - YAML
    """Return what is at a path in an object; None where there is nothing."""
    for key in path.split("/"):
        if isinstance(document, list):
            document = document[int(key)] if int(key) < len(document) else None
        else:
            document = document.get(key) if isinstance(document, dict) else None
    return document
