"""Which kind of field a piece of JSON Schema is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = Mapping[str, Any]


class Shape(StrEnum):
    """A field's kind, as `tree.Field.kind` names it; `issuers` is drawn as rows."""

    TEXT = "text"
    NUMBER = "number"
    SWITCH = "switch"
    SELECT = "select"
    CHECKS = "checks"
    LINES = "lines"
    PAIRS = "pairs"
    SECTION = "section"
    ROWS = "rows"
    PICKS = "picks"
    CHOICE = "choice"
    ISSUERS = "issuers"  # one object, or {"list": [such objects]}


def shape_of(schema: Schema) -> Shape:
    """Return how the schema is asked for."""
    if "oneOf" in schema:
        return Shape.ISSUERS if _is_one_or_list(schema) else Shape.CHOICE
    if "enum" in schema:
        return Shape.SELECT
    if schema.get("type") == "object":
        return Shape.SECTION if "properties" in schema else Shape.PAIRS
    if schema.get("type") == "array":
        return _shape_of_list(schema["items"])
    plain = {"integer": Shape.NUMBER, "number": Shape.NUMBER, "boolean": Shape.SWITCH}
    return plain.get(schema.get("type", ""), Shape.TEXT)


def _shape_of_list(items: Schema) -> Shape:
    if items.get("type") == "object":
        name = items.get("properties", {}).get("name", {})
        return Shape.PICKS if "enum" in name and items.get("required") == ["name"] else Shape.ROWS
    return Shape.CHECKS if "enum" in items else Shape.LINES


def _is_one_or_list(schema: Schema) -> bool:
    inner = [branch["properties"]["list"] for branch in schema["oneOf"] if "list" in branch["properties"]]
    others = [branch for branch in schema["oneOf"] if "list" not in branch["properties"]]
    return (
        len(inner) == 1 == len(others)
        and inner[0]["items"].get("properties", {}).keys() == others[0]["properties"].keys()
    )


def list_branch(schema: Schema) -> Schema:
    """The array of the branch that takes a list."""
    branch: Schema = next(branch for branch in schema["oneOf"] if "list" in branch["properties"])
    inner: Schema = branch["properties"]["list"]
    return inner


@dataclass(frozen=True)
class Branch:
    """One way to fill in a `oneOf`; a constant one needs no fields of its own."""

    key: str
    title: str
    schema: Schema
    constant: Mapping[str, Any] | None = None

    def holds(self, given: Mapping[str, Any]) -> bool:
        """Whether `given` was filled in this way."""
        if self.constant is not None:
            return dict(given) == dict(self.constant)
        return bool(set(given) & set(self.schema["properties"]))


def nullable_branches(schema: Schema) -> list[Branch]:
    """The ways to fill in a `oneOf`; a branch of a single yes-or-no is two constants."""
    found: list[Branch] = []
    for index, branch in enumerate(schema["oneOf"]):
        properties = branch["properties"]
        if len(properties) == 1 and next(iter(properties.values())).get("type") == "boolean":
            key = next(iter(properties))
            found.append(Branch(f"{index}-yes", branch["title"], branch, {key: True}))
            found.append(Branch(f"{index}-no", "None", branch, {key: False}))
        else:
            found.append(Branch(str(index), branch["title"], branch))
    return found
