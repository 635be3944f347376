"""Turns what was posted into the JSON that the schema describes; what does not fit is kept as typed, for the schema to refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.http import QueryDict

from controlplane.console.fields.draw import ROOT
from controlplane.console.fields.shapes import Schema, Shape, list_branch, nullable_branches, shape_of

MOST_ROWS = 200  # a crafted form must not make us draw a million
_WHOLE = re.compile(r"[+-]?\d{1,18}")
Reader = Callable[[QueryDict, str, Schema], Any]


class Absent:
    """Nothing was filled in, so the parameter is left out."""


ABSENT = Absent()


def read_parameters(schema: Schema, post: QueryDict, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The parameters of a form drawn from this schema, leaving out `without`."""
    found: dict[str, Any] = {}
    for key, child in schema["properties"].items():
        value = ABSENT if key in without else read_value(post, f"{ROOT}.{key}", child)
        if not isinstance(value, Absent):
            found[key] = value
    return found


def read_removals(schema: Schema, post: QueryDict) -> dict[str, None]:
    """What a person takes back: the parameters that need not be there, whose fields were sent and are empty."""
    return {
        key: None
        for key, child in schema["properties"].items()
        if child.get("x-removable")
        and any(name.startswith(f"{ROOT}.{key}.") for name in post)
        and isinstance(read_value(post, f"{ROOT}.{key}", child), Absent)
    }


def read_value(post: QueryDict, name: str, schema: Schema) -> Any:
    """One value, or ABSENT."""
    return _READERS[shape_of(schema)](post, name, schema)


def clean(text: str) -> str:
    """A typed text without the blanks around it and without what PostgreSQL can't store."""
    return text.replace("\0", "").replace("\r\n", "\n").strip()


def _text(post: QueryDict, name: str, _: Schema) -> Any:
    return clean(post.get(name, "")) or ABSENT


def _number(post: QueryDict, name: str, _: Schema) -> Any:
    typed = clean(post.get(name, ""))
    return int(typed) if _WHOLE.fullmatch(typed) else typed or ABSENT


def _switch(post: QueryDict, name: str, _: Schema) -> Any:
    return name in post


def _checks(post: QueryDict, name: str, _: Schema) -> Any:
    return post.getlist(name)


def _lines(post: QueryDict, name: str, _: Schema) -> Any:
    return [line.strip() for line in clean(post.get(name, "")).splitlines() if line.strip()]


def read_pairs(post: QueryDict, name: str, _: Schema | None = None) -> dict[str, str]:
    """Lines of key=value."""
    lines = [line.partition("=") for line in clean(post.get(name, "")).splitlines() if line.strip()]
    return {key.strip(): value.strip() for key, _, value in lines}


def _section(post: QueryDict, name: str, schema: Schema) -> Any:
    found = {key: read_value(post, f"{name}.{key}", child) for key, child in schema["properties"].items()}
    given = {key: value for key, value in found.items() if not isinstance(value, Absent)}
    needed = schema.get("required", ())
    # A window without begin and end, whatever its defaults say, is no window.
    nothing = bool(needed) and "default" not in schema and not any(key in given for key in needed)
    return ABSENT if nothing and not _is_row(name) else given


def _is_row(name: str) -> bool:
    return name.rsplit(".", 1)[-1].isdigit()


def _rows(post: QueryDict, name: str, schema: Schema) -> Any:
    pattern = re.compile(re.escape(name) + r"\.(\d{1,6})\.")
    indexes = sorted({int(hit.group(1)) for key in post if (hit := pattern.match(key))})
    return [read_value(post, f"{name}.{index}", schema["items"]) for index in indexes[:MOST_ROWS]]


def _issuers(post: QueryDict, name: str, schema: Schema) -> Any:
    return {"list": _rows(post, f"{name}.list", list_branch(schema))}


def _picks(post: QueryDict, name: str, schema: Schema) -> Any:
    properties: Mapping[str, Schema] = schema["items"]["properties"]
    picked = []
    for choice in post.getlist(name):
        details = {
            key: read_value(post, f"{name}.{choice}.{key}", child)
            for key, child in properties.items()
            if key != "name"
        }
        given = {key: value for key, value in details.items() if not isinstance(value, Absent)}
        picked.append({"name": clean(choice), **given})
    return picked


def _choice(post: QueryDict, name: str, schema: Schema) -> Any:
    chosen = post.get(f"{name}._branch", "")
    branch = next((entry for entry in nullable_branches(schema) if entry.key == chosen), None)
    if branch is None:
        return ABSENT
    return dict(branch.constant) if branch.constant is not None else _section(post, name, branch.schema)


_READERS: dict[Shape, Reader] = {
    Shape.TEXT: _text,
    Shape.SELECT: _text,
    Shape.NUMBER: _number,
    Shape.SWITCH: _switch,
    Shape.CHECKS: _checks,
    Shape.LINES: _lines,
    Shape.PAIRS: read_pairs,
    Shape.SECTION: _section,
    Shape.ROWS: _rows,
    Shape.ISSUERS: _issuers,
    Shape.PICKS: _picks,
    Shape.CHOICE: _choice,
}
