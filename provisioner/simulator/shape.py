"""Which lists are lists of named things: what merging and field ownership must know of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

BY_NAME = (
    "containers initContainers ephemeralContainers volumes env imagePullSecrets workers "
    "webhooks secrets validations matchConditions"
)
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BY_NAME.split(), ("name",)),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "conditions": ("type",),
    "addresses": ("type",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
DEFAULTS = {"protocol": "TCP"}


def builtin_keys(field: str, items: list[Any]) -> tuple[str, ...] | None:
    """Return the merge keys of a built-in kind's list, None when the list is replaced whole."""
    if not all(isinstance(item, dict) for item in items):
        return None
    if field == "ports":
        if all("containerPort" in item for item in items):
            return ("containerPort", "protocol")
        return ("port", "protocol") if all("port" in item for item in items) else None
    keys = MERGE_KEYS.get(field)
    if keys is None:
        return None
    return keys if all(key in item for item in items for key in keys) else None


class Shape:
    """Merge keys of one kind: by name of the field when built in, by schema when custom."""

    def __init__(self, custom: Mapping[tuple[str, ...], tuple[str, ...]] | None = None) -> None:
        self.custom = custom

    def keys(self, path: tuple[str, ...], items: list[Any]) -> tuple[str, ...] | None:
        """Return the merge keys of the list at a path of field names."""
        if path and path[0] == "metadata":
            return MERGE_KEYS.get(path[-1])
        if self.custom is None:
            return builtin_keys(path[-1], items) if path else None
        keys = self.custom.get(path)
        if keys is None or not all(isinstance(item, dict) for item in items):
            return None
        return keys if all(key in item or key in DEFAULTS for item in items for key in keys) else None

    def is_set(self, path: tuple[str, ...]) -> bool:
        """Say whether the list at a path is a set of plain values."""
        if self.custom is not None and self.custom.get(path) == ():
            return True
        return path == ("metadata", "finalizers")


def identity(item: Any, keys: tuple[str, ...]) -> str:
    """Return the `k:` element that names an item of a list."""
    chosen = {key: item.get(key, DEFAULTS.get(key)) for key in keys}
    return "k:" + orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS).decode()


def list_maps(
    schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the merge keys of a custom kind's lists; an empty tuple marks a set."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    kind = schema.get("x-kubernetes-list-type")
    if kind == "map":
        found[path] = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    elif kind == "set":
        found[path] = ()
    for name, child in (schema.get("properties") or {}).items():
        found.update(list_maps(child, (*path, name)))
    items = schema.get("items")
    if isinstance(items, dict):
        found.update({where: keys for where, keys in list_maps(items, path).items() if where != path})
    return found
