"""Moves a bundle out of the namespace that it was made for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.modules.sources.kinds import is_delegation
from provisioner.runtimes.inside import Json


def moved(documents: Iterable[Mapping[str, Any]], was: str, now: str) -> list[Json]:
    """Return the objects with every field `namespace` that named the one naming the other: their own, and those of accounts and
    services that they refer to. What a command line or a text says of it stays.
    """
    return [
        # What lets it read the API server's settings is where these are.
        _moved(document, was, now) | ({"metadata": document["metadata"]} if is_delegation(document) else {})
        for document in documents
        if (document["kind"], document["metadata"]["name"]) != ("Namespace", was)
    ]


def _moved(value: Any, was: str, now: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: now if key == "namespace" and one == was else _moved(one, was, now)
            for key, one in value.items()
        }
    return [_moved(one, was, now) for one in value] if isinstance(value, list) else value
