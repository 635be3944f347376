"""Whose a row of a bill is: by the tag of our driver, else by the cluster's name in tags and resource ids. Pure.

A cluster is called shoot--<project>--<name> at the provider. Tag keys come as the provider spells them: AWS writes `user_` before
and `_` for what is neither letter nor digit, so all are compared in that spelling.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

_OTHER = re.compile(r"[^a-z0-9]")
_CLUSTER = re.compile(r"shoot--[a-z0-9-]+")
_RUNTIME_TAG = "nesoi_dev_runtime"
_CLUSTER_TAG = "kubernetes_io_cluster_"


class Life(NamedTuple):
    """A runtime, its cluster's name at the provider, and the days that it lived."""

    runtime: UUID
    cluster: str  # shoot--nesoi--abc
    landscape: str
    born: date
    gone: date | None


@dataclass(frozen=True)
class Owner:
    """A runtime and where it runs."""

    runtime: UUID
    landscape: str


class Owners:
    """Every runtime that may stand on a bill."""

    def __init__(self, lives: Iterable[Life]) -> None:
        self._by_id: dict[UUID, Owner] = {}
        self._by_cluster: dict[str, list[Life]] = defaultdict(list)
        for life in lives:
            self._by_id[life.runtime] = Owner(life.runtime, life.landscape)
            self._by_cluster[spelt(life.cluster)].append(life)

    def of(self, tags: Mapping[str, str], resource: str, on: date) -> Owner | None:
        """Return the owner on a day, or None."""
        for key, value in tags.items():
            if spelt(key).removeprefix("user_") == _RUNTIME_TAG and (owner := self._tagged(value)):
                return owner
        for name in _clusters(tags, resource):
            if owner := self._named(name, on):
                return owner
        return None

    def _tagged(self, value: str) -> Owner | None:
        try:
            return self._by_id.get(UUID(value.strip()))
        except ValueError:
            return None

    def _named(self, name: str, on: date) -> Owner | None:
        """Take words off the end until a cluster is found: machines and disks carry its name and more."""
        words = name.split("_")
        while len(words) > 4:  # noqa: PLR2004 - shoot, "", project, "", and at least one of the name
            for life in self._by_cluster.get("_".join(words), ()):
                if life.born <= on and (life.gone is None or on <= life.gone):
                    return Owner(life.runtime, life.landscape)
            words.pop()
        return None


def _clusters(tags: Mapping[str, str], resource: str) -> Iterator[str]:
    for key, value in tags.items():
        found = spelt(key).partition(_CLUSTER_TAG)[2]
        if found:
            yield found
        yield from (spelt(name) for name in _CLUSTER.findall(value))
    yield from (spelt(name) for name in _CLUSTER.findall(resource))


@lru_cache(maxsize=65536)
def spelt(text: str) -> str:
    """Return a name as AWS spells tag keys."""
    return _OTHER.sub("_", text.lower())
