"""The words of which the shapes of files are made."""

from __future__ import annotations

from typing import Any

Shape = dict[str, Any]

SLUG: Shape = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9-]{0,30}$",
    "x-pattern-text": "at most 31 lower-case letters, digits and '-', beginning with a letter",
}
TEXT: Shape = {"type": "string", "minLength": 1, "maxLength": 100}
PROSE: Shape = {"type": "string", "minLength": 1}
NAME: Shape = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
    "x-pattern-text": "at most 63 letters, digits, '_', '.' and '-'",
}
VERSION: Shape = {
    "type": "string",
    "pattern": r"^[0-9]+(\.[0-9]+){1,3}$",
    "x-pattern-text": "a version such as 1.34.2",
}
MODULE_VERSION: Shape = {
    "type": "string",
    "pattern": r"^([a-z][a-z0-9-]{0,30}@)?[0-9]+(\.[0-9]+){1,3}$",
    "x-pattern-text": "a version such as 1.46.0, or implementation@version such as vector@0.44.0",
}
DATE: Shape = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "x-pattern-text": "a date such as 2027-02-28",
}
UUID: Shape = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "x-pattern-text": "a UUID in lower case",
}
COUNT: Shape = {"type": "integer", "minimum": 0}
SIZE: Shape = {"type": "integer", "minimum": 1}


def record(required: Shape, optional: Shape | None = None) -> Shape:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def listing(items: Shape, *, least: int = 1) -> Shape:
    """A list without repetition."""
    return {"type": "array", "items": items, "minItems": least, "uniqueItems": True}
