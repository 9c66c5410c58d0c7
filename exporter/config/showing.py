"""Writes the configuration in force as YAML that can be loaded again, without its secrets."""

from typing import Any
from urllib.parse import urlsplit

import yaml

from exporter.config.addresses import sends_unencrypted
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials
from exporter.config.settings import TLS, Metrics, PollSettings, ValidatedConfig, Workspace
from exporter.config.validation import adapter

_SECRET = "<secret>"  # noqa: S105 - stands for one


def shown(config: ValidatedConfig) -> str:
    """Return every setting that is in force, each workspace on its own.

    Tokens, passwords and the paths of private keys are shown as ``<secret>``.
    """
    document = {
        "workspaces": [_workspace(workspace) for workspace in config.workspaces],
        "metrics": adapter(Metrics).dump_python(config.metrics, mode="json"),
        **({"web": {"links": config.web.links}} if config.web.links else {}),
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        return True


def _workspace(workspace: Workspace) -> dict[str, Any]:
    settings = adapter(PollSettings)
    changed = settings.dump_python(workspace, mode="json", exclude_defaults=True)
    tls = adapter(TLS).dump_python(workspace.tls, mode="json", exclude_defaults=True)
    proxy = workspace.proxy
    keys = {
        "name": workspace.name,
        "base_url": workspace.base_url,
        "allow_http": sends_unencrypted(workspace.base_url) or None,
        "authorization": _authorization(workspace.credentials),
        "tls_config": tls | ({"key_file": _SECRET} if "key_file" in tls else {}),
        "proxy_url": _without_password(proxy.url) if proxy.url else None,
        "no_proxy": list(proxy.no_proxy),
        "proxy_from_environment": proxy.from_environment or None,
        **settings.dump_python(workspace, mode="json"),
        "filter": changed.get("filter"),
        "expect": changed.get("expect"),
    }
    return {key: value for key, value in keys.items() if value not in (None, {}, [])}


def _authorization(credentials: Credentials) -> dict[str, str]:
    match credentials:
        case FileCredentials(path):
            return {"credentials_file": str(path)}
        case EnvironmentCredentials(variable):
            return {"credentials_env": variable}
        case _:
            return {"credentials": _SECRET}


def _without_password(address: str) -> str:
    """Return a proxy's address; its user and its password are both taken for secrets, as some are sent as one."""
    parts = urlsplit(address)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{_SECRET}{at}{host}" if at else host).geturl()
