"""The JSON schema of the configuration, for editors and for programs that check it."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from exporter.config.patterns import Pattern
from exporter.config.settings import Document
from exporter.config.values import format_duration


class _Generator(GenerateJsonSchema):
    """Describes keys as they are written: absent for null, durations with their unit, without titles."""

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
