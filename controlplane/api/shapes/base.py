"""Named JSON Schemas, and the few forms that recur in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
ID: Schema = {"type": "string", "format": "uuid"}
URL: Schema = {"type": "string", "format": "uri"}
MOMENT: Schema = {"type": "string", "format": "date-time", "description": "UTC, RFC 3339."}
MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time", "description": "UTC, RFC 3339."}
COUNT: Schema = {"type": "integer", "minimum": 0}
PERCENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
FREE: Schema = {"type": "object", "additionalProperties": True}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


@dataclass(frozen=True)
class Shape:
    """A named JSON Schema, a component of the OpenAPI document; it may hold other shapes in place of schemas."""

    name: str
    schema: Schema
    example: Any = None


def record(properties: Mapping[str, Any], *, description: str = "", optional: Sequence[str] = ()) -> Schema:
    """Return the schema of an object that has all of these properties."""
    required = [name for name in properties if name not in optional]
    told = {"description": description} if description else {}
    return {"type": "object", **told, "required": required, "properties": dict(properties)}


def words(values: Sequence[str], description: str = "") -> Schema:
    """Return the schema of one of these words."""
    told = {"description": description} if description else {}
    return {"type": "string", "enum": [str(value) for value in values], **told}


def several(item: Any) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def maybe(item: Any) -> Schema:
    """Return the schema of this or null."""
    return {"oneOf": [item, {"type": "null"}]}


def page_of(item: Shape) -> Shape:
    """Return the shape of one page of a list."""
    told = "One page, newest first; `next` is the address of the following one, or null."
    return Shape(f"{item.name}List", record({"results": several(item), "next": maybe(URL)}, description=told))


def inlined(value: Any) -> Any:
    """Return the schema with every shape in it written out, for validators that know no components."""
    if isinstance(value, Shape):
        return inlined(value.schema)
    if isinstance(value, Mapping):
        return {key: inlined(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [inlined(entry) for entry in value]
    return value
