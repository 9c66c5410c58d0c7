"""Writes the configuration reference: ``python -m exporter.config.reference`` prints docs/configuration.md."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from exporter.config.schema import json_schema

_HEAD = """\
# Configuration reference

Written by `make schema` from the model of the configuration. [config.yaml](../config.yaml) shows every key.
A workspace may have each key of `global` itself, and then does not inherit it."""
_SECTIONS = {"Defaults": "`global`", "Workspace": "`workspaces[]`", "TLS": "`tls_config`", "ExpectRule": "`expect[]`"}


def reference() -> str:
    """Return the reference as Markdown."""
    schema = json.loads(json_schema())
    sections = schema["$defs"]
    inherited = sections["Defaults"]["properties"]
    workspace = sections["Workspace"]["properties"]
    sections["Workspace"]["properties"] = {key: value for key, value in workspace.items() if key not in inherited}
    ordered = {name: sections[name] for name in ("Defaults", "Workspace", *sections)}
    lines = [_HEAD, *_section("The file", schema, sections)]
    for name, section in ordered.items():
        if section["type"] == "object":
            lines += _section(_SECTIONS.get(name, f"`{name.lower()}`"), section, sections)
    return "\n".join(lines)


def _section(title: str, section: Mapping[str, Any], sections: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {title}\n\n{section['description']}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for key, value in section["properties"].items():
        named = sections[value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
        default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
        cells = (f"`{key}`", _type(value | named), default, value.get("description") or named["description"])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(value: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{choice}`" for choice in value.get("enum", [value.get("const")]))
    if "examples" in value:
        return "duration"
    words = {"array": "list", "object": "section", "string": "text", "integer": "number", "boolean": "true or false"}
    bounds = [f"{word} {value[bound]}" for bound, word in (("minimum", "from"), ("maximum", "to")) if bound in value]
    return " ".join((words[value["type"]], *bounds))


if __name__ == "__main__":
    print(reference())  # noqa: T201 - the program's output
