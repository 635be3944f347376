"""Sets of fields as paths, and their fieldsV1 form: the arithmetic under server-side apply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from provisioner.simulator.errors import Json
from provisioner.simulator.shape import Shape, identity

Path = tuple[str, ...]
SERVER_OWNED = frozenset(
    [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "selfLink",
        "deletionGracePeriodSeconds",
        "managedFields",
        "generateName",
    ]
)


def ownable(document: Json) -> Json:
    """Return the part of an object that somebody can own.

    An empty `metadata` owns nothing: as an owned field it would clash with every other applier.
    """
    kept = {key: value for key, value in document.items() if key not in ("apiVersion", "kind", "metadata")}
    metadata = {
        key: value
        for key, value in (document.get("metadata") or {}).items()
        if key not in SERVER_OWNED and value not in (None, {}, [])
    }
    if metadata:
        kept["metadata"] = metadata
    return {key: value for key, value in kept.items() if value is not None}


def leaves(value: Any, shape: Shape, fields: Path = (), path: Path = ()) -> dict[Path, Any]:
    """Return every owned path of a value with what stands there; `.` stands for a list item itself."""
    found: dict[Path, Any] = {}
    _walk(value, shape, fields, path, found)
    return found


def _walk(value: Any, shape: Shape, fields: Path, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and (value or not path):
        for key, child in value.items():
            if child is None:
                continue
            _walk(child, shape, (*fields, key), (*path, f"f:{key}"), found)
        return
    if isinstance(value, list) and value:
        if shape.is_set(fields):
            for child in value:
                found[(*path, "v:" + orjson.dumps(child).decode())] = child
            return
        keys = shape.keys(fields, value)
        if keys:
            for child in value:
                item = (*path, identity(child, keys))
                found[(*item, ".")] = None
                _walk(child, shape, fields, item, found)
            return
    found[path] = value


def to_fields(paths: Iterable[Path]) -> Json:
    """Return the fieldsV1 tree of a set of paths."""
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
    return tree


def from_fields(tree: Json, path: Path = ()) -> set[Path]:
    """Return the set of paths of a fieldsV1 tree."""
    if not tree:
        return {path} if path else set()
    found: set[Path] = set()
    for element, child in tree.items():
        found |= from_fields(child, (*path, element))
    return found


def overlay(live: Any, applied: Any, shape: Shape, fields: Path = ()) -> Any:
    """Return `live` with every applied field set on it; unnamed items and fields stay."""
    if isinstance(applied, dict):
        base = dict(live) if isinstance(live, dict) else {}
        for key, value in applied.items():
            if value is not None:
                base[key] = overlay(base.get(key), value, shape, (*fields, key))
        return base
    if isinstance(applied, list) and isinstance(live, list):
        if shape.is_set(fields):
            return live + [each for each in applied if each not in live]
        keys = shape.keys(fields, applied)
        if keys and shape.keys(fields, live):
            return _overlay_items(live, applied, keys, shape, fields)
    return applied


def _overlay_items(live: list[Any], applied: list[Any], keys: Path, shape: Shape, fields: Path) -> list[Any]:
    known = {identity(item, keys): item for item in live}
    named = [identity(item, keys) for item in applied]
    merged = {
        name: overlay(known.get(name), item, shape, fields) for name, item in zip(named, applied, strict=True)
    }
    kept = [merged.pop(name) if name in merged else item for name, item in known.items()]
    return kept + list(merged.values())


def prune(document: Json, gone: set[Path], held: set[Path], shape: Shape) -> Json:
    """Remove the paths in `gone`, but nothing that `held` still names."""
    for path in sorted(gone, key=lambda each: (each[-1] != ".", each)):
        _remove(document, path, held, shape, ())
    return document


def _remove(node: Any, path: Path, held: set[Path], shape: Shape, walked: Path) -> None:
    element, rest = path[0], path[1:]
    here = (*walked, element)
    if isinstance(node, dict) and element.startswith("f:"):
        key = element[2:]
        if key not in node:
            return
        if not rest:
            node.pop(key)
            return
        had = bool(node[key])
        _remove(node[key], rest, held, shape, here)
        if had and node[key] in ({}, []) and here not in held:
            node.pop(key)
    elif isinstance(node, list):
        _remove_item(node, here, rest, held, shape)


def _remove_item(node: list[Any], here: Path, rest: Path, held: set[Path], shape: Shape) -> None:
    element = here[-1]
    if element.startswith("v:"):
        value = orjson.loads(element[2:])
        if value in node:
            node.remove(value)
        return
    wanted = orjson.loads(element[2:])
    keys = tuple(wanted)
    for index, item in enumerate(node):
        if isinstance(item, dict) and identity(item, keys) == element:
            if rest == (".",):
                if not any(other[: len(here)] == here for other in held):
                    del node[index]
            elif rest[0][2:] not in keys:
                _remove(item, rest, held, shape, here)
            return
