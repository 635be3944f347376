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
# The workers are ours as a whole. Server-side apply merges them by name, so what others put beside ours outlives our next
# word; `pools.only_ours` takes it away. Of a worker's other fields the landscape fills in what we leave out.
_WORKERS = "spec.provider.workers"
WHOLLY_OURS = ("labels", "annotations", "taints")


def shape_of(spec: Mapping[str, Any]) -> str:
    """Return a short digest that changes whenever anything of a Shoot's spec does, and is the same in every process."""
    return blake2b(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def drift_of(cluster: ClusterSpec, garden: Garden, live: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a live spec that differ from the wish, as paths; raises Fatal as `shoot_of` does.

    What the wish does not name is somebody else's, worker pools excepted; a version that the landscape raised is no drift.
    """
    wanted = keep_versions(shoot_of(cluster, garden), {"spec": live})["spec"]
    found = _differences(wanted, live, "spec")
    return tuple(path for _, path in zip(range(MOST), dict.fromkeys(found), strict=False))


def _differences(wanted: Any, live: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping):
        here = live if isinstance(live, Mapping) else {}
        for key, value in wanted.items():
            yield from _differences(value, here.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and wanted and all(isinstance(each, Mapping) for each in wanted):
        yield from _entries(wanted, live if isinstance(live, list) else [], path)
        if path == _WORKERS:
            yield from beside(wanted, live if isinstance(live, list) else [])
    elif (wanted or None) != (live or None):  # false, nothing and absent say the same
        yield path


def _entries(wanted: list[Any], live: list[Any], path: str) -> Iterator[str]:
    """Compare lists of named things by their names; what we did not name may stand beside ours."""
    key = next((name for name in _NAMES if all(name in each for each in wanted)), "")
    if not key:
        if _content(wanted) - _content(live):
            yield path
        return
    there = {each.get(key): each for each in live if isinstance(each, Mapping)}
    for each in wanted:
        yield from _differences(each, there.get(each[key]), f"{path}[{each[key]}]")


def beside(wanted: list[Any], live: list[Any]) -> Iterator[str]:
    """Name worker pools that are not ours, and what somebody added to ours."""
    ours = {each["name"]: each for each in wanted}
    for worker in (each for each in live if isinstance(each, Mapping)):
        name = worker.get("name")
        if name not in ours:
            yield f"{_WORKERS}[{name}]"
            continue
        for field in WHOLLY_OURS:
            if _content(worker.get(field)) - _content(ours[name].get(field)):
                yield f"{_WORKERS}[{name}].{field}"


def _content(value: Any) -> set[str]:
    """Return a map's keys, or a list's maps in a form that can be compared: an empty value and none at all are the same."""
    if isinstance(value, Mapping):
        return {str(key) for key in value}
    found = ({key: each for key, each in entry.items() if each} for entry in value or ())
    return {orjson.dumps(entry, option=orjson.OPT_SORT_KEYS).decode() for entry in found}
