"""What is wrong with Kubernetes objects: against schemas, among each other, and in what a pod may do."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml
from jsonschema import Draft202012Validator

from exporter.cli import main
from exporter.config.loading import load
from exporter.config.settings import ValidatedConfig
from support.manifests import NAME, Manifest, Objects, write_configuration

KUBERNETES_VERSIONS = ("1.25", "1.37")  # the oldest that the chart installs into, and the newest known

_OPERATOR_SCHEMAS = yaml.safe_load(Path(__file__).with_name("operator_schemas.yaml").read_text(encoding="utf-8"))
_HARMLESS_VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "csi", "persistentVolumeClaim"}
_SHARED = {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"}

# What the Pod Security Standard "restricted" forbids, and what this project wants beside it.
_OF_PODS: Mapping[str, Callable[[Manifest], object]] = {
    "seccomp is not RuntimeDefault": lambda pod: _security(pod).get("seccompProfile") != {"type": "RuntimeDefault"},
    "may run as root": lambda pod: (
        _security(pod).get("runAsNonRoot") is not True or _security(pod).get("runAsUser") == 0
    ),
    "has a token of the Kubernetes API": lambda pod: pod.get("automountServiceAccountToken") is not False,
    "is not apart from the host": lambda pod: pod.keys() & _SHARED,
    "has a volume of a kind that is not allowed": lambda pod: (
        not all(volume.keys() & _HARMLESS_VOLUMES for volume in pod.get("volumes", ()))
    ),
}
_OF_CONTAINERS: Mapping[str, Callable[[Manifest], object]] = {
    "may gain privileges": lambda container: (
        _security(container).get("allowPrivilegeEscalation") is not False or "privileged" in _security(container)
    ),
    "keeps capabilities": lambda container: _security(container).get("capabilities") != {"drop": ["ALL"]},
    "may write to its root file system": lambda container: (
        _security(container).get("readOnlyRootFilesystem") is not True
    ),
    "overrides what the pod says": lambda container: (
        _security(container).keys() & {"runAsUser", "runAsNonRoot", "seccompProfile"}
    ),
    "has a port of the host": lambda container: any("hostPort" in port for port in container.get("ports", ())),
}


def _security(of: Manifest) -> Manifest:
    found: Manifest = of.get("securityContext", {})
    return found


def problems(manifests: Objects) -> list[str]:
    """Return what is wrong with objects that are installed together."""
    pods = [manifests.workload["spec"]["template"]["spec"], *(pod["spec"] for pod in manifests.of_kind("Pod"))]
    containers = [each for pod in pods for each in (*pod.get("initContainers", ()), *pod["containers"])]
    return [
        *(error for manifest in manifests for error in _schema_errors(manifest)),
        *_broken_references(manifests),
        *(what for what, is_so in _OF_PODS.items() if any(map(is_so, pods))),
        *(what for what, is_so in _OF_CONTAINERS.items() if any(map(is_so, containers))),
    ]


def assert_started_well(manifests: Objects) -> None:
    """Let the exporter read the flags that its container is started with, which name what is there."""
    container, flags, mounts = manifests.container, manifests.flags, manifests.mounts
    # auto needs the host name of a pod.
    main.make_context(NAME, [flag.replace("ordinal=auto", "ordinal=0") for flag in container["args"]])
    assert flags.get("--web.listen-address", ":10155") == f":{container['ports'][0]['containerPort']}"
    assert flags["--storage.path"] == mounts["state"]
    assert flags["--config.file"] == f"{mounts['config']}/config.yaml"


def loaded(manifests: Objects, folder: Path) -> ValidatedConfig:
    """Load the configuration; only the token is not here yet, which comes with its Secret or the environment."""
    config = load(write_configuration(manifests, folder))
    assert config.workspaces
    places = (manifests.mounts.get("tokens", "nowhere"), "MIHU_API_TOKEN")
    assert all(any(place in str(warning) for place in places) for warning in config.warnings), config.warnings
    return config


def _schema_errors(manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with an object; a key that its kind does not have is."""
    if spec := _OPERATOR_SCHEMAS["specs"].get(f"{manifest['apiVersion']} {manifest['kind']}"):
        parts = {"apiVersion": {}, "kind": {}, "metadata": _OPERATOR_SCHEMAS["metadata"], "spec": spec}
        schema = _closed({"properties": parts, "required": list(parts)})
        for found in Draft202012Validator(schema).iter_errors(manifest):
            yield f"{found.json_path}: {found.message}"
        return
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{error.json_path}: {error.message} (Kubernetes {version})"


def _closed(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema in which every object with properties has no others."""
    if isinstance(schema, dict):
        closing = {"type": "object", "additionalProperties": False} if "properties" in schema else {}
        return {**closing, **{key: _closed(part) for key, part in schema.items()}}
    return schema


def _broken_references(manifests: Objects) -> Iterator[str]:
    """Yield what refers to nothing: selectors, ports and names that do not agree."""
    pods, service = manifests.workload, manifests.one("Service")
    labels = {"Service": service["metadata"]["labels"], "pod": pods["spec"]["template"]["metadata"]["labels"]}
    for who, whose, selector in _selectors(manifests):
        if not selector or not selector.items() <= labels[whose].items():
            yield f"the selector of the {who} does not match the {whose}"
    (exposed,) = service["spec"]["ports"]
    names = {port["name"] for port in manifests.container["ports"]}
    let_in = [rule for policy in manifests.of_kind("NetworkPolicy") for rule in policy["spec"]["ingress"]]
    for who, target, known in (
        ("Service", exposed["targetPort"], names),
        *(("NetworkPolicy", port["port"], names) for rule in let_in for port in rule["ports"]),
        *((who, backend, {service["metadata"]["name"]}) for who, backend, _ in _backends(manifests)),
        *((who, port, {exposed["name"], exposed["port"]}) for who, _, port in _backends(manifests)),
    ):
        if target not in known:
            yield f"the {who} leads to {target}, which is not there"
    if pods["kind"] == "StatefulSet" and pods["spec"]["serviceName"] != service["metadata"]["name"]:
        yield "the StatefulSet names no Service"
    claimed = {claim["metadata"]["name"] for claim in pods["spec"].get("volumeClaimTemplates", ())}
    pod = pods["spec"]["template"]["spec"]
    containers = (*pod["containers"], *pod.get("initContainers", ()))
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts", ())}
    if mounted != manifests.volumes.keys() | claimed:
        yield "volumes and their mounts differ"


def _selectors(manifests: Objects) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield each selector, of what it is, and whose labels it is for."""
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Service":
            yield kind, "pod", spec["selector"]
        elif kind == "NetworkPolicy":
            yield kind, "pod", spec["podSelector"]["matchLabels"]
        elif kind in {"Deployment", "StatefulSet", "PodDisruptionBudget", "PodMonitor"}:
            yield kind, "pod", spec["selector"]["matchLabels"]
        elif kind in {"ServiceMonitor", "VMServiceScrape"}:
            yield kind, "Service", spec["selector"]["matchLabels"]


def _backends(manifests: Objects) -> Iterator[tuple[str, str, str | int]]:
    """Yield who leads to the Service, by its name, and by which of its ports."""
    service = manifests.one("Service")["metadata"]["name"]
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        for endpoint in (*spec.get("endpoints", ()), *spec.get("podMetricsEndpoints", ())):
            yield kind, service, endpoint["port"]
        for rule in spec.get("rules", ()) if kind in {"Ingress", "HTTPRoute"} else ():
            for path in rule.get("http", {}).get("paths", ()):
                yield kind, path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"]
            for backend in rule.get("backendRefs", ()):
                yield kind, backend["name"], backend["port"]
