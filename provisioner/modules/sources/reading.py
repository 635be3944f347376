"""Reads what an object says where nobody has asked for its shape: something else than expected counts as nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.runtimes.inside import Json


def inner(value: Any, *path: str) -> Json:
    """Return the mapping at a path."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else {}


def entries(value: Any, *path: str) -> list[Json]:
    """Return the mappings of the list at a path."""
    return [dict(one) for one in listed(value, *path) if isinstance(one, Mapping)]


def texts(value: Any, *path: str) -> list[str]:
    """Return the list at a path as texts."""
    return [str(one) for one in listed(value, *path)]


def listed(value: Any, *path: str) -> list[Any]:
    """Return the list at a path."""
    found = inner(value, *path[:-1]).get(path[-1]) if path else value
    return found if isinstance(found, list) else []
