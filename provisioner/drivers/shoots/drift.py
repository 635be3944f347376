"""What of a Shoot is no longer as we said: every field that the wish names, and only those. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from provisioner.drivers.shoots.garden import Garden
from provisioner.drivers.shoots.keeping import keep_versions
from provisioner.drivers.shoots.shoot import shoot_of
from provisioner.runtimes.spec import ClusterSpec

MOST = 10  # fields named; a person does not read more
_NAMES = ("name", "type")  # what tells the entries of a list apart: workers, extensions


def shape_of(spec: Mapping[str, Any]) -> str:
    """Return a short digest that changes whenever anything of a Shoot's spec does, and is the same in every process."""
    return blake2b(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def drift_of(cluster: ClusterSpec, garden: Garden, live: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a live spec that differ from the wish, as paths; raises Fatal as `shoot_of` does.

    What the wish does not name is somebody else's, and a version that the landscape has raised is no drift.
    """
    wanted = keep_versions(shoot_of(cluster, garden), {"spec": live})["spec"]
    found = _differences(wanted, live, "spec")
    return tuple(path for _, path in zip(range(MOST), found, strict=False))


def _differences(wanted: Any, live: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping):
        here = live if isinstance(live, Mapping) else {}
        for key, value in wanted.items():
            yield from _differences(value, here.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and wanted and all(isinstance(each, Mapping) for each in wanted):
        yield from _entries(wanted, live if isinstance(live, list) else [], path)
    elif (wanted or None) != (live or None):  # false, nothing and absent say the same
        yield path


def _entries(wanted: list[Any], live: list[Any], path: str) -> Iterator[str]:
    """Compare lists of named things by their names; what we did not name may stand beside ours."""
    key = next((name for name in _NAMES if all(name in each for each in wanted)), "")
    if not key:
        if wanted != live:
            yield path
        return
    there = {each.get(key): each for each in live if isinstance(each, Mapping)}
    for each in wanted:
        yield from _differences(each, there.get(each[key]), f"{path}[{each[key]}]")
