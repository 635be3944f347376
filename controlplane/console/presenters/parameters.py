"""Parameters as a list to read, and the difference between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
NONE = "None"


@dataclass(frozen=True)
class Line:
    """One value with its name for people."""

    path: str
    title: str
    text: str
    group: str = ""


@dataclass(frozen=True)
class Change:
    """One value before and after; empty text means that it is not there."""

    title: str
    before: str
    after: str


def lines(schema: Schema, parameters: Mapping[str, Any]) -> list[Line]:
    """Every parameter that the schema knows, flat and in its order."""
    found: list[Line] = []
    for key, child in sorted(schema["properties"].items(), key=lambda entry: entry[1].get("x-order", 0)):
        if key in parameters:
            group = next((g["title"] for g in schema["x-groups"] if g["key"] == child.get("x-group")), "")
            found += [
                Line(path, title, _noted(text, child), group)
                for path, title, text in _flat(key, child.get("title", key), child, parameters[key])
            ]
    return found


def changes(schema: Schema, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs, in the order of the form."""
    old = {line.path: line for line in lines(schema, before)}
    new = {line.path: line for line in lines(schema, after)}
    found = [
        Change((new.get(path) or old[path]).title, _text(old.get(path)), _text(new.get(path)))
        for path in dict.fromkeys([*new, *old])
    ]
    # What was empty and is not there, or the other way round, is no change to a person.
    return [
        change
        for change in found
        if change.before != change.after and {change.before, change.after} != {"", NONE}
    ]


def _noted(text: str, schema: Schema) -> str:
    return f"{text} ({schema['x-note']})" if "x-note" in schema and text != NONE else text


def _text(line: Line | None) -> str:
    return line.text if line else ""


def _flat(path: str, title: str, schema: Schema, value: Any) -> Iterator[tuple[str, str, str]]:
    branch = _branch(schema, value)
    if isinstance(value, Mapping) and "properties" in branch:
        if set(value) == {"list"}:
            yield from _flat(path, title, branch["properties"]["list"], value["list"])
        elif set(value) == {"default"}:
            yield path, title, "The plan's own set" if value["default"] else NONE
        else:
            for key, entry in value.items():
                child = branch["properties"].get(key, {})
                yield from _flat(f"{path}.{key}", f"{title} · {child.get('title', key)}", child, entry)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from _entries(path, title, branch.get("items", {}), value)
    else:
        yield path, title, plain(value, branch)


def _entries(path: str, title: str, items: Schema, value: list[Any]) -> Iterator[tuple[str, str, str]]:
    if set(items.get("required", ())) == {"name"}:  # a list of chosen things reads best as one line
        yield path, title, ", ".join(str(entry.get("name")) for entry in value)
        return
    for index, entry in enumerate(value):
        name = str(entry.get("name") or entry.get("key") or entry.get("issuerURL") or index + 1)
        yield from _flat(f"{path}.{name}", f"{items.get('title', title)} {name}", items, entry)


def _branch(schema: Schema, value: Any) -> Schema:
    branches = schema.get("oneOf")
    if not branches:
        return schema
    keys = set(value) if isinstance(value, Mapping) else set()
    found: Schema = max(branches, key=lambda branch: len(keys & set(branch.get("properties", {}))))
    return found


def plain(value: Any, schema: Schema) -> str:
    """A single value in words."""
    if value is True or value is False:
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value) or str(schema.get("x-empty", NONE))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={entry}" for key, entry in value.items()) or NONE
    title = schema.get("x-enum-titles", {}).get(value)
    if title:
        return str(title)
    return f"{value} {schema['x-unit']}" if "x-unit" in schema else str(value)
