"""Draws a plan's JSON Schema, and what is filled in so far, as a tree of fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from controlplane.catalog.plans import PlanFacts
from controlplane.console.fields.shapes import Schema, Shape, list_branch, nullable_branches, shape_of
from controlplane.console.fields.tree import Field, Group, Option

FEW = 3  # up to so many choices are radio buttons, more are a list
ROOT = "parameters"


class Drawing:
    """Draws fields for one plan; `locked` names top-level parameters that are shown but can't be changed."""

    def __init__(self, facts: PlanFacts, *, locked: tuple[str, ...] = ()) -> None:
        self.facts = facts
        self.locked = locked

    def groups(self, schema: Schema, data: Mapping[str, Any]) -> list[Group]:
        """The form's parts in the schema's order, filled with `data`."""
        properties = sorted(schema["properties"].items(), key=lambda entry: entry[1].get("x-order", 0))
        parts = [Group(part["key"], part["title"], part["description"], []) for part in schema["x-groups"]]
        by_key = {part.key: part for part in parts}
        for key, child in properties:
            drawn = self.field(
                f"{ROOT}.{key}",
                child,
                data.get(key),
                required=key in schema["required"],
                blank=key not in data,
            )
            if key in self.locked:
                _lock(drawn)
            group = by_key[child["x-group"]]
            drawn.echo = drawn.title == group.title
            group.fields.append(drawn)
        return parts

    def field(
        self, name: str, schema: Schema, value: Any, *, required: bool = False, blank: bool = True
    ) -> Field:
        """Draw one field; where nothing is filled in, the schema's default is."""
        if blank and value is None:
            value = schema.get("default")
        drawn = Field(
            kind=shape_of(schema).value,
            name=name,
            title=schema.get("title", name.rsplit(".", 1)[-1]),
            help=re.sub(r"`([^`]*)`", r"“\1”", schema.get("description", "")),
            unit=schema.get("x-unit", ""),
            required=required,
            advanced=schema.get("x-advanced", False),
            minimum=schema.get("minimum"),
            maximum=schema.get("maximum"),
        )
        fill = {
            Shape.SECTION: self._section,
            Shape.ROWS: self._rows,
            Shape.PICKS: self._picks,
            Shape.CHOICE: self._choice,
            Shape.ISSUERS: self._list_branch,
            Shape.SELECT: self._options,
            Shape.CHECKS: self._checks,
        }.get(shape_of(schema), _text)
        fill(drawn, schema, value)
        return drawn

    def _section(self, drawn: Field, schema: Schema, value: Any) -> None:
        given = value if isinstance(value, Mapping) else {}
        ordered = sorted(schema["properties"].items(), key=lambda entry: entry[1].get("x-order", 0))
        drawn.children = [
            self.field(
                f"{drawn.name}.{key}", child, given.get(key), required=key in schema.get("required", ())
            )
            for key, child in ordered
        ]

    def _rows(self, drawn: Field, schema: Schema, value: Any) -> None:
        items = schema["items"]
        drawn.item_title = items.get("title", "Entry")
        drawn.most = schema.get("maxItems")
        for index, entry in enumerate(value if isinstance(value, list) else []):
            row = self.field(f"{drawn.name}.{index}", items, entry)
            row.title = f"{drawn.item_title} {index + 1}"
            drawn.children.append(row)

    def _list_branch(self, drawn: Field, schema: Schema, value: Any) -> None:
        inner = list_branch(schema)
        given = value if isinstance(value, Mapping) else {}
        listed = given.get("list", [given] if given else [])
        drawn.kind = Shape.ROWS.value
        drawn.name = f"{drawn.name}.list"
        self._rows(drawn, inner, listed)

    def _picks(self, drawn: Field, schema: Schema, value: Any) -> None:
        properties = dict(schema["items"]["properties"])
        names = properties.pop("name")
        titles = names.get("x-enum-titles", {})
        given = {entry.get("name"): entry for entry in value if isinstance(entry, Mapping)} if value else {}
        for name in names["enum"]:
            entry = given.get(name)
            pick = Field("pick", f"{drawn.name}.{name}", titles.get(name, name), value=entry is not None)
            pick.help = next((m.description for m in self.facts.modules if m.key == name), "")
            pick.children = [
                self.field(f"{drawn.name}.{name}.{key}", child, (entry or {}).get(key))
                for key, child in sorted(properties.items(), key=lambda item: item[1].get("x-order", 0))
            ]
            drawn.children.append(pick)

    def _choice(self, drawn: Field, schema: Schema, value: Any) -> None:
        given = value if isinstance(value, Mapping) else {}
        for branch in nullable_branches(schema):
            drawn.options.append(Option(branch.key, branch.title, chosen=branch.holds(given)))
            if not branch.constant:
                inner = self.field(drawn.name, branch.schema, given)
                for child in inner.children:
                    child.branch = branch.key
                drawn.children += inner.children

    def _options(self, drawn: Field, schema: Schema, value: Any) -> None:
        drawn.value = "" if value is None else str(value)
        drawn.spread = len(schema["enum"]) > FEW
        titles = schema.get("x-enum-titles", {})
        known = [str(entry) for entry in schema["enum"]]
        if not drawn.required and "default" not in schema:
            drawn.options.append(Option("", "As the runtime's" if known else "None", chosen=not drawn.value))
        for entry in known:
            title, group = self._describe(schema, entry, titles.get(entry, entry))
            drawn.options.append(Option(entry, title, chosen=entry == drawn.value, group=group))
        if drawn.value and drawn.value not in known:
            drawn.options.append(Option(drawn.value, f"{drawn.value} (not offered)", chosen=True))
        if len(known) <= FEW and "x-machines" not in schema and "default" in schema:
            drawn.kind = "radios"

    def _describe(self, schema: Schema, entry: str, title: str) -> tuple[str, str]:
        region = self.facts.region(entry)
        if region is not None:
            zones = ", ".join(zone.removeprefix(region.name).lstrip("-") or zone for zone in region.zones)
            return f"{title}, zones {zones}" if len(region.zones) > 1 else f"{title}, one zone", ""
        machine = self.facts.machine_type(entry) if "x-machines" in schema else None
        if machine is None:
            return title, ""
        return title, f"With GPU ({machine.family})" if machine.gpus else machine.family

    def _checks(self, drawn: Field, schema: Schema, value: Any) -> None:
        chosen = value if isinstance(value, list) else []
        titles = schema["items"].get("x-enum-titles", {})
        drawn.options = [
            Option(entry, titles.get(entry, entry), chosen=entry in chosen)
            for entry in schema["items"]["enum"]
        ]


def _text(drawn: Field, _: Schema, value: Any) -> None:
    drawn.spread = drawn.kind in (Shape.LINES, Shape.PAIRS)
    if drawn.kind == Shape.LINES and isinstance(value, list):
        drawn.value = "\n".join(str(entry) for entry in value)
    elif drawn.kind == Shape.PAIRS and isinstance(value, Mapping):
        drawn.value = pairs_text(value)
    elif drawn.kind == Shape.SWITCH:
        drawn.value = value is True
    else:
        drawn.value = "" if value is None else value


def pairs_text(pairs: Mapping[str, Any]) -> str:
    """Write pairs as key=value, one a line."""
    return "\n".join(f"{key}={value}" for key, value in pairs.items())


def _lock(drawn: Field) -> None:
    for entry in drawn.walk():
        entry.locked = True
