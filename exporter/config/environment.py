"""One workspace from environment variables, for those who need no file."""

import os
from pathlib import Path

from exporter.config.yaml_files import Source

NAME = "the environment"  # in the place of a file's

_VARIABLES = {
    "subdomain": "MIHU_SUBDOMAIN",
    "base_url": "MIHU_BASE_URL",
    "authorization.credentials_env": "MIHU_API_TOKEN",
    "authorization.credentials_file": "MIHU_API_TOKEN_FILE",
}


def names_a_workspace() -> bool:
    """Tell whether the environment says which workspace is to be polled."""
    return any(os.environ.get(_VARIABLES[key]) for key in ("subdomain", "base_url"))


def environment_source() -> Source:
    """Return the environment as a file would say it."""
    values: dict[str, str] = {key: value for key, variable in _VARIABLES.items() if (value := os.environ.get(variable))}
    address = {key: value for key, value in values.items() if not key.startswith("authorization")}
    if "subdomain" not in address:
        host = address["base_url"].partition("://")[2].partition("/")[0].rpartition("@")[2]
        address["name"] = host or address["base_url"]
    if "authorization.credentials_file" in values:
        authorization = {"credentials_file": values["authorization.credentials_file"]}
        if "authorization.credentials_env" in values:
            authorization["credentials_env"] = _VARIABLES["authorization.credentials_env"]
    else:
        authorization = {"credentials_env": _VARIABLES["authorization.credentials_env"]}
    document = {"workspaces": [address | {"authorization": authorization}]}
    return Source(Path(NAME), repr(document).encode(), document)


def variable(path: str) -> str:
    """Return the variable that stands for a key's path; empty for what none does."""
    key = path.removeprefix("workspaces[0].")
    return _VARIABLES.get("base_url" if key == "name" else key, "")
