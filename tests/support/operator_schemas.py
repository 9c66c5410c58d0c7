"""JSON schemas of objects that Kubernetes does not have itself: the part of them that is used here, and nothing else.

A key that is missing here is refused: add a new one, after a look into the operator's reference.
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
_SECRET_KEY = _object({"name": _NAME, "key": {"type": "string", "minLength": 1}}, "name", "key")
_SECRET_OR_CONFIG_MAP = _object({"secret": _SECRET_KEY, "configMap": _SECRET_KEY}, minProperties=1, maxProperties=1)
_TLS_CONFIG = _object(
    {
        "ca": _SECRET_OR_CONFIG_MAP,
        "cert": _SECRET_OR_CONFIG_MAP,
        "keySecret": _SECRET_KEY,
        "serverName": _TEXT,
        "insecureSkipVerify": {"type": "boolean"},
    }
)


def _monitor(endpoints: str, target_labels: str, relabelings: str, metric_relabelings: str) -> Schema:
    endpoint = _object(
        {
            "port": {"type": "string", "minLength": 1},
            "path": {"type": "string", "pattern": "^/"},
            "scheme": {"enum": ["http", "https"]},
            "tlsConfig": _TLS_CONFIG,
            "basicAuth": _object({"username": _SECRET_KEY, "password": _SECRET_KEY}),
            "honorLabels": {"type": "boolean"},
            "interval": _DURATION,
            "scrapeTimeout": _DURATION,
            relabelings: _list(_RELABELING),
            metric_relabelings: _list(_RELABELING),
        },
        "port",
    )
    return _object(
        {
            "selector": _SELECTOR,
            "namespaceSelector": _object({"matchNames": _list(_NAME, minItems=1)}),
            "jobLabel": _TEXT,
            target_labels: _list(_TEXT),
            "sampleLimit": {"type": "integer", "minimum": 0},
            endpoints: _list(endpoint, minItems=1),
        },
        "selector",
        endpoints,
    )


_HTTP_ROUTE = _object(
    {
        "parentRefs": _list(_object({"name": _NAME, "namespace": _NAME, "sectionName": _NAME}, "name"), minItems=1),
        "hostnames": _list(_NAME),
        "rules": _list(
            _object(
                {
                    "matches": _list(_object({"path": _object({"type": {"enum": ["PathPrefix"]}, "value": _TEXT})})),
                    "filters": _list({"type": "object", "required": ["type"]}),
                    "backendRefs": _list(_object({"name": _NAME, "port": {"type": "integer"}}, "name", "port")),
                }
            ),
            minItems=1,
        ),
    },
    "rules",
)

# Their rules are those that promtool has checked.
_PROMETHEUS_RULE = _object({"groups": _list({"type": "object"})}, "groups")

_OPERATOR, _VICTORIAMETRICS = "monitoring.coreos.com/v1", "operator.victoriametrics.com/v1beta1"
_SPECS: dict[tuple[str, str], Schema] = {
    (_OPERATOR, "ServiceMonitor"): _monitor("endpoints", "targetLabels", "relabelings", "metricRelabelings"),
    (_OPERATOR, "PodMonitor"): _monitor("podMetricsEndpoints", "podTargetLabels", "relabelings", "metricRelabelings"),
    (_VICTORIAMETRICS, "VMServiceScrape"): _monitor(
        "endpoints", "targetLabels", "relabelConfigs", "metricRelabelConfigs"
    ),
    (_OPERATOR, "PrometheusRule"): _PROMETHEUS_RULE,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _HTTP_ROUTE,
}

OPERATOR_SCHEMAS: dict[tuple[str, str], Schema] = {
    (api, kind): _object(
        {"apiVersion": {"const": api}, "kind": {"const": kind}, "metadata": _METADATA, "spec": spec},
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    )
    for (api, kind), spec in _SPECS.items()
}
