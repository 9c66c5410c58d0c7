"""What is wrong with Kubernetes objects: against schemas, among each other, and in what a pod may do."""

from collections.abc import Iterator

import kubernetes_validate  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator

from support.manifests import Manifest, container_of, of_kind, one, volumes_of, workload
from support.operator_schemas import OPERATOR_SCHEMAS

KUBERNETES_VERSIONS = ("1.25", "1.37")  # the oldest that the chart installs into, and the newest known

_HARMLESS_VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "csi", "persistentVolumeClaim"}


def problems(manifests: list[Manifest]) -> list[str]:
    """Return what is wrong with objects that are installed together."""
    pods = [workload(manifests)["spec"]["template"]["spec"], *(pod["spec"] for pod in of_kind(manifests, "Pod"))]
    return [
        *(error for manifest in manifests for error in schema_errors(manifest)),
        *_broken_references(manifests),
        *(violation for pod in pods for violation in _restricted_violations(pod)),
    ]


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


def _broken_references(manifests: list[Manifest]) -> Iterator[str]:
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
    pod = pods["spec"]["template"]["spec"]
    containers = (*pod["containers"], *pod.get("initContainers", ()))
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts", ())}
    if mounted != volumes_of(manifests).keys() | claimed:
        yield "volumes and their mounts differ"
    yield from _broken_monitors(manifests)
    yield from _broken_routes(manifests)


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
    service = one(manifests, "Service")
    ports = {port["name"] for port in service["spec"]["ports"]}
    pods = workload(manifests)["spec"]["template"]["metadata"]["labels"]
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind in {"ServiceMonitor", "VMServiceScrape", "PodMonitor"}:
            labels = pods if kind == "PodMonitor" else service["metadata"]["labels"]
            if not spec["selector"]["matchLabels"].items() <= labels.items():
                yield f"the selector of the {kind} does not match what it scrapes"
            for endpoint in spec.get("endpoints") or spec["podMetricsEndpoints"]:
                if endpoint["port"] not in ports:
                    yield f"the {kind} scrapes {endpoint['port']}, which is no port of the Service"


def _broken_routes(manifests: list[Manifest]) -> Iterator[str]:
    service = one(manifests, "Service")
    (port,) = service["spec"]["ports"]
    target = (service["metadata"]["name"], port["name"], port["port"])
    for route in (*of_kind(manifests, "Ingress"), *of_kind(manifests, "HTTPRoute")):
        for rule in route["spec"]["rules"]:
            for path in rule.get("http", {}).get("paths", ()):
                backend = path["backend"]["service"]
                if (backend["name"], backend["port"]["name"]) != target[:2]:
                    yield f"the Ingress leads to {backend}"
            for backend in rule.get("backendRefs", ()):
                if (backend["name"], backend["port"]) != (target[0], target[2]):
                    yield f"the HTTPRoute leads to {backend}"


def _restricted_violations(pod: Manifest) -> Iterator[str]:
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
    for volume in pod.get("volumes", ()):
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
