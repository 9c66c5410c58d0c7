"""JSON schemas of the Prometheus operator's objects: the part of them that is used here, and nothing else.

A key that is missing here is refused, so whoever uses a new one adds it, after a look into the operator's reference.
"""

from typing import Any

Schema = dict[str, Any]


def _object(properties: Schema, *required: str, **more: object) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _list(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 253, "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}
_DURATION: Schema = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_METADATA = _object({"name": _NAME, "namespace": _NAME, "labels": _TEXTS, "annotations": _TEXTS}, "name")
_SELECTOR = _object({"matchLabels": {**_TEXTS, "minProperties": 1}}, "matchLabels")

_RELABELING = _object(
    {
        "action": {"enum": ["replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep", "hashmod"]},
        "sourceLabels": _list(_TEXT),
        "separator": _TEXT,
        "regex": _TEXT,
        "modulus": {"type": "integer", "minimum": 1},
        "targetLabel": _TEXT,
        "replacement": _TEXT,
    }
)
_ENDPOINT = _object(
    {
        "port": {"type": "string", "minLength": 1},
        "path": {"type": "string", "pattern": "^/"},
        "interval": _DURATION,
        "scrapeTimeout": _DURATION,
        "relabelings": _list(_RELABELING),
        "metricRelabelings": _list(_RELABELING),
    },
    "port",
)
_SERVICE_MONITOR = _object(
    {
        "selector": _SELECTOR,
        "namespaceSelector": _object({"matchNames": _list(_NAME, minItems=1)}),
        "sampleLimit": {"type": "integer", "minimum": 0},
        "endpoints": _list(_ENDPOINT, minItems=1),
    },
    "selector",
    "endpoints",
)

_RULE = _object(
    {
        "alert": {"type": "string", "minLength": 1},
        "record": {"type": "string", "minLength": 1},
        "expr": {"type": "string", "minLength": 1},
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
    "expr",
    oneOf=[
        {"required": ["alert"]},
        {"required": ["record"], "not": {"anyOf": [{"required": [key]} for key in ("for", "keep_firing_for")]}},
    ],
)
_GROUP = _object(
    {
        "name": {"type": "string", "minLength": 1},
        "interval": _DURATION,
        "limit": {"type": "integer", "minimum": 0},
        "rules": _list(_RULE, minItems=1),
    },
    "name",
    "rules",
)
_PROMETHEUS_RULE = _object({"groups": _list(_GROUP)}, "groups")

_API = "monitoring.coreos.com/v1"

OPERATOR_SCHEMAS: dict[tuple[str, str], Schema] = {
    (_API, kind): _object(
        {"apiVersion": {"const": _API}, "kind": {"const": kind}, "metadata": _METADATA, "spec": spec},
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    )
    for kind, spec in (("ServiceMonitor", _SERVICE_MONITOR), ("PrometheusRule", _PROMETHEUS_RULE))
}
