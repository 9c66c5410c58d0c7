"""Writes the configuration in force as YAML without secrets, and the JSON schema of the configuration."""

import json
import re
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from exporter.config.addresses import sends_unencrypted
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials
from exporter.config.settings import TLS, Document, Metrics, PollSettings, ValidatedConfig, Workspace
from exporter.config.values import Pattern, format_duration

_SECRET = "<secret>"  # noqa: S105 - stands for one


def shown(config: ValidatedConfig) -> str:
    """Return all settings in force as YAML that can be loaded again; nothing is inherited.

    Tokens, passwords and the paths of private keys are shown as ``<secret>``.
    """
    document = {
        "workspaces": [_workspace(workspace) for workspace in config.workspaces],
        "metrics": Metrics.adapter().dump_python(config.metrics, mode="json"),
        **({"web": {"links": config.web.links}} if config.web.links else {}),
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        return True


def _workspace(workspace: Workspace) -> dict[str, Any]:
    settings = PollSettings.adapter()
    changed = settings.dump_python(workspace, mode="json", exclude_defaults=True)
    proxy = workspace.proxy
    keys = {
        "name": workspace.name,
        "base_url": workspace.base_url,
        "allow_http": sends_unencrypted(workspace.base_url, proxy) or None,
        "authorization": _authorization(workspace.credentials),
        "tls_config": TLS.adapter().dump_python(workspace.tls, mode="json", exclude_defaults=True),
        # Without user and password: some proxies expect a token as the user.
        "proxy_url": proxy.url and re.sub("//.*@", f"//{_SECRET}@", proxy.url),
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


class _Generator(GenerateJsonSchema):
    """Describes keys as users write them: absent for null, durations with their unit, without titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: object) -> object:
        if isinstance(dft, float):
            return format_duration(dft)
        if isinstance(dft, tuple):
            return [item.text if isinstance(item, Pattern) else item for item in dft]
        return to_jsonable_python(dft)


def json_schema() -> str:
    schema = Document.adapter().json_schema(schema_generator=_Generator)
    workspaces = schema["properties"]["workspaces"]
    definitions = schema.pop("$defs") | {"Workspace": workspaces["items"]}
    workspaces["items"] = {"$ref": "#/$defs/Workspace"}
    whole = {"$schema": _Generator.schema_dialect} | schema | {"$defs": definitions}
    return json.dumps(whole, indent=2, ensure_ascii=False)
