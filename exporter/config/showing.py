"""Writes the configuration in force as YAML, as a file would say it, without its secrets."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import yaml

from exporter.config.addresses import sends_unencrypted
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials
from exporter.config.durations import format_duration
from exporter.config.patterns import Pattern
from exporter.config.settings import TLS, ExpectRule, Metrics, Proxy, ValidatedConfig, Workspace

SECRET = "<secret>"  # noqa: S105 - what stands in the place of one


def shown(config: ValidatedConfig) -> str:
    """Return the configuration with every setting that is in force, each workspace on its own.

    Tokens, passwords and where private keys lie are shown as ``<secret>``.
    """
    document = {
        "workspaces": [_workspace(workspace) for workspace in config.workspaces],
        "metrics": _metrics(config.metrics),
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _Dumper(yaml.CSafeDumper):
    """Writes lists of scalars as it writes the rest, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        """Write a value out wherever it stands."""
        return True


def _workspace(workspace: Workspace) -> dict[str, Any]:
    return _without_nothing(
        {
            "name": workspace.name,
            "base_url": workspace.base_url,
            "allow_http": sends_unencrypted(workspace.base_url) or None,
            "authorization": _authorization(workspace.credentials),
            "poll_interval": format_duration(workspace.poll_interval),
            "poll_timeout": format_duration(workspace.poll_timeout),
            "request_timeout": format_duration(workspace.request_timeout),
            "max_staleness": format_duration(workspace.max_staleness),
            "per_page": workspace.per_page,
            "concurrency": workspace.concurrency,
            "max_trunks": workspace.max_trunks,
            "verify_total": workspace.verify_total,
            "tls_config": _tls(workspace.tls),
            **_proxy(workspace.proxy),
            "filter": _without_nothing(
                {
                    "channel": workspace.filter.channel,
                    "agent_uuid": workspace.filter.agent_uuid,
                    "search": workspace.filter.search,
                }
            ),
            "statuses": {
                name: _patterns(getattr(workspace.statuses, name))
                for name in ("active", "pending", "compliant", "rejected")
            },
            "remember": {
                "lost": format_duration(workspace.remember.lost),
                "gone": format_duration(workspace.remember.gone),
            },
            "expect": [_rule(rule) for rule in workspace.expect],
        }
    )


def _authorization(credentials: Credentials) -> dict[str, str]:
    match credentials:
        case FileCredentials(path):
            return {"credentials_file": str(path)}
        case EnvironmentCredentials(variable):
            return {"credentials_env": variable}
        case _:
            return {"credentials": SECRET}


def _tls(tls: TLS) -> dict[str, Any]:
    return _without_nothing(
        {
            "ca_file": str(tls.ca_file) if tls.ca_file else None,
            "cert_file": str(tls.cert_file) if tls.cert_file else None,
            "key_file": SECRET if tls.key_file else None,
            "server_name": tls.server_name,
            "insecure_skip_verify": tls.insecure_skip_verify or None,
        }
    )


def _proxy(proxy: Proxy) -> dict[str, Any]:
    return {
        "proxy_url": _without_password(proxy.url) if proxy.url else None,
        "no_proxy": list(proxy.no_proxy),
        "proxy_from_environment": proxy.from_environment or None,
    }


def _without_password(address: str) -> str:
    """Return a proxy's address; its user and its password are both taken for secrets, as some are sent as one."""
    parts = urlsplit(address)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{SECRET}{at}{host}" if at else host).geturl()


def _rule(rule: ExpectRule) -> dict[str, Any]:
    match = {
        name: _patterns(getattr(rule.match, name))
        for name in ("number", "type", "country_code", "status")
        if getattr(rule.match, name)
    }
    channels = "auto" if rule.channels is None else list(rule.channels)
    return ({"match": match} if match else {}) | {"channels": channels}


def _metrics(metrics: Metrics) -> dict[str, Any]:
    return {
        "number": metrics.number.value,
        "agent_names": metrics.agent_names,
        "trunk_details": metrics.trunk_details,
        "deny": _patterns(metrics.deny),
    }


def _patterns(patterns: Sequence[Pattern]) -> list[str]:
    return [pattern.text for pattern in patterns]


def _without_nothing(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set."""
    return {key: value for key, value in settings.items() if value not in (None, {}, [])}
