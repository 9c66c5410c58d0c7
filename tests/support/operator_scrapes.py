"""How the Prometheus operator scrapes what a ServiceMonitor selects, without a cluster to discover it in."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.manifests import Manifest, container_of, one, workload

ADDED = {"namespace", "pod", "container", "service", "endpoint"}  # labels of a target beside job and instance


def scrape_config(manifests: Iterable[Manifest], namespace: str, address: str) -> dict[str, Any]:
    """Return what the operator makes of the ServiceMonitor among the manifests, for the one pod that they run."""
    objects = list(manifests)
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")
    (endpoint,) = monitor["spec"]["endpoints"]
    selected = monitor["spec"]["selector"]["matchLabels"]
    discovered = {
        "__meta_kubernetes_namespace": namespace,
        "__meta_kubernetes_service_name": service["metadata"]["name"],
        "__meta_kubernetes_endpoint_port_name": service["spec"]["ports"][0]["name"],
        "__meta_kubernetes_pod_name": f"{workload(objects)['metadata']['name']}-5d4b9c7f6-x2x4z",
        "__meta_kubernetes_pod_container_name": container_of(objects)["name"],
        **{_of_service(name): value for name, value in service["metadata"]["labels"].items()},
    }
    return {
        "job_name": f"serviceMonitor/{namespace}/{monitor['metadata']['name']}/0",
        "scheme": endpoint.get("scheme", "http"),
        "metrics_path": endpoint.get("path", "/metrics"),
        "static_configs": [{"targets": [address], "labels": discovered}],
        "relabel_configs": [
            *(_keep(_of_service(name), value) for name, value in selected.items()),
            _keep("__meta_kubernetes_endpoint_port_name", endpoint["port"]),
            _copy("__meta_kubernetes_namespace", "namespace"),
            _copy("__meta_kubernetes_service_name", "service"),
            _copy("__meta_kubernetes_pod_name", "pod"),
            _copy("__meta_kubernetes_pod_container_name", "container"),
            _copy("__meta_kubernetes_service_name", "job"),
            {"target_label": "endpoint", "replacement": endpoint["port"]},
            *map(_relabeling, endpoint["relabelings"]),
        ],
    }


def authenticated(config: dict[str, Any], manifests: Iterable[Manifest], secrets: Path) -> dict[str, Any]:
    """Add what the ServiceMonitor says of certificates and passwords; each Secret is a folder with a file for a key."""
    (endpoint,) = one(manifests, "ServiceMonitor")["spec"]["endpoints"]
    tls, basic = endpoint["tlsConfig"], endpoint["basicAuth"]

    def file(secret: dict[str, str]) -> Path:
        return secrets / secret["name"] / secret["key"]

    return config | {
        "tls_config": {"ca_file": str(file(tls["ca"]["secret"])), "server_name": tls["serverName"]},
        "basic_auth": {
            "username": file(basic["username"]).read_text(encoding="utf-8"),
            "password_file": str(file(basic["password"])),
        },
    }


def _keep(label: str, value: str) -> dict[str, Any]:
    return {"action": "keep", "source_labels": [label], "regex": value}


def _copy(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": target}


def _relabeling(written: dict[str, Any]) -> dict[str, Any]:
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return {names.get(key, key): value for key, value in written.items()}


def _of_service(label: str) -> str:
    return f"__meta_kubernetes_service_label_{re.sub('[^a-zA-Z0-9]', '_', label)}"
