"""Writes the configuration in force as YAML, as a file would say it, without its secrets."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from exporter.config.addresses import sends_unencrypted
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials
from exporter.config.model import TLS, Metrics, PollSettings
from exporter.config.settings import Proxy, ValidatedConfig, Workspace
from exporter.config.validation import adapter

SECRET = "<secret>"  # noqa: S105 - what stands in the place of one


def shown(config: ValidatedConfig) -> str:
    """Return the configuration with every setting that is in force, each workspace on its own.

    Tokens, passwords and where private keys lie are shown as ``<secret>``.
    """
    document = {
        "workspaces": [_workspace(workspace) for workspace in config.workspaces],
        "metrics": adapter(Metrics).dump_python(config.metrics, mode="json"),
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _Dumper(yaml.CSafeDumper):
    """Writes lists of scalars as it writes the rest, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        """Write a value out wherever it stands."""
        return True


def _workspace(workspace: Workspace) -> dict[str, Any]:
    settings = adapter(PollSettings).dump_python(workspace, mode="json")
    not_by_default = adapter(PollSettings).dump_python(workspace, mode="json", exclude_defaults=True)
    tls = adapter(TLS).dump_python(workspace.tls, mode="json", exclude_defaults=True)
    return _without_nothing(
        {
            "name": workspace.name,
            "base_url": workspace.base_url,
            "allow_http": sends_unencrypted(workspace.base_url) or None,
            "authorization": _authorization(workspace.credentials),
            "tls_config": tls | ({"key_file": SECRET} if workspace.tls.key_file else {}),
            **_proxy(workspace.proxy),
            **settings,
            "filter": not_by_default.get("filter"),
            "expect": not_by_default.get("expect"),
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


def _without_nothing(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set."""
    return {key: value for key, value in settings.items() if value not in (None, {}, [])}
