"""What is wrong with Kubernetes objects: against schemas, among each other, and in what a pod may do."""

from collections.abc import Iterator

import kubernetes_validate  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator

from support.manifests import Manifest, container_of, mounts_of, of_kind, one, volumes_of, workload
from support.operator_schemas import OPERATOR_SCHEMAS

KUBERNETES_VERSIONS = ("1.25", "1.37")  # the oldest that the chart installs into, and the newest known

_HARMLESS_VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "csi", "persistentVolumeClaim"}


def schema_errors(manifest: Manifest) -> list[str]:
    """Return what is wrong with an object; a key that its kind does not have is."""
    schema = OPERATOR_SCHEMAS.get((manifest["apiVersion"], manifest["kind"]))
    if schema is not None:
        found = Draft202012Validator(schema).iter_errors(manifest)
        return [f"{error.json_path}: {error.message}" for error in found]
    errors = []
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            errors.append(f"{error.json_path}: {error.message} (Kubernetes {version})")
    return errors


def broken_references(manifests: list[Manifest]) -> Iterator[str]:
    """Yield what refers to nothing: selectors, ports and names that do not agree."""
    pods = workload(manifests)
    labels = pods["spec"]["template"]["metadata"]["labels"]
    for who, selector in _selectors(manifests):
        if not selector or not selector.items() <= labels.items():
            yield f"the selector of the {who} does not match the pod"
    ports = {port["name"] for port in container_of(manifests)["ports"]}
    for who, port in _ports(manifests):
        if port not in ports:
            yield f"the {who} leads to {port}, which is no port of the pod"
    if pods["kind"] == "StatefulSet" and pods["spec"]["serviceName"] != one(manifests, "Service")["metadata"]["name"]:
        yield "the StatefulSet names no Service"
    claimed = {claim["metadata"]["name"] for claim in pods["spec"].get("volumeClaimTemplates", ())}
    if mounts_of(manifests).keys() != volumes_of(manifests).keys() | claimed:
        yield "volumes and their mounts differ"
    yield from _broken_monitors(manifests)


def _selectors(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, str]]]:
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "Service":
            yield kind, spec["selector"]
        elif kind in {"Deployment", "StatefulSet", "PodDisruptionBudget"}:
            yield kind, spec["selector"]["matchLabels"]
        elif kind == "NetworkPolicy":
            yield kind, spec["podSelector"]["matchLabels"]


def _ports(manifests: list[Manifest]) -> Iterator[tuple[str, str]]:
    for service in of_kind(manifests, "Service"):
        yield from (("Service", port["targetPort"]) for port in service["spec"]["ports"])
    for policy in of_kind(manifests, "NetworkPolicy"):
        yield from (("NetworkPolicy", port["port"]) for rule in policy["spec"]["ingress"] for port in rule["ports"])


def _broken_monitors(manifests: list[Manifest]) -> Iterator[str]:
    for monitor in of_kind(manifests, "ServiceMonitor"):
        service = one(manifests, "Service")
        if not monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
            yield "the selector of the ServiceMonitor does not match the Service"
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in {port["name"] for port in service["spec"]["ports"]}:
                yield f"the ServiceMonitor scrapes {endpoint['port']}, which is no port of the Service"


def restricted_violations(pod: Manifest) -> Iterator[str]:
    """Yield what the Pod Security Standard "restricted" forbids, and what this project wants beside it."""
    security = pod.get("securityContext", {})
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccomp is not RuntimeDefault"
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") == 0:
        yield "may run as root"
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token of the Kubernetes API"
    for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if pod.get(key):
            yield f"has {key}"
    for volume in pod["volumes"]:
        if not volume.keys() & _HARMLESS_VOLUMES:
            yield f"has the volume {volume['name']} of a kind that is not allowed"
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        yield from _container_violations(container)


def _container_violations(container: Manifest) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root file system"
    if context.keys() & {"runAsUser", "runAsNonRoot", "seccompProfile"}:
        yield "overrides what the pod says"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "has a port of the host"
