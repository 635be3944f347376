"""What a new wish must leave as it is: versions that Gardener has moved on, because it never moves back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def keep_versions(wanted: Json, live: Mapping[str, Any]) -> Json:
    """Return the Shoot to apply with no version lower, or less exact, than the live one's.

    Gardener raises versions by force when they expire, and refuses every downgrade: without this, a wish made before would
    be refused for ever. Workers are merged by name; an image that we do not name is said as it is, so that it stays.
    """
    spec, before = wanted["spec"], live.get("spec") or {}
    old_version = (before.get("kubernetes") or {}).get("version") or ""
    there = {worker.get("name"): worker for worker in (before.get("provider") or {}).get("workers") or ()}
    version = _later(spec["kubernetes"]["version"], old_version)
    workers = [_kept(worker, there.get(worker["name"]) or {}) for worker in spec["provider"]["workers"]]
    return {
        **wanted,
        "spec": {
            **spec,
            "kubernetes": {**spec["kubernetes"], "version": version},
            "provider": {**spec["provider"], "workers": workers},
        },
    }


def _kept(worker: Json, live: Mapping[str, Any]) -> Json:
    worker = _with_image(worker, (live.get("machine") or {}).get("image"))
    if held := (worker.get("kubernetes") or {}).get("version"):
        old = (live.get("kubernetes") or {}).get("version") or ""
        worker = {**worker, "kubernetes": {**worker["kubernetes"], "version": _later(held, old)}}
    return worker


def _with_image(worker: Json, old: Mapping[str, Any] | None) -> Json:
    if not old:
        return worker
    machine = worker["machine"]
    image = machine.get("image") or dict(old)
    if image.get("name") == old.get("name"):
        image = {**image, "version": _later(image.get("version") or "", old.get("version") or "")}
    return {**worker, "machine": {**machine, "image": image}}


def _later(wanted: str, old: str) -> str:
    """Return the later version; of 1.34 and 1.34.5 the exact one, for "1.34" asks for no particular patch."""
    if not old or not wanted:
        return wanted or old
    new_parts, old_parts = _parts(wanted), _parts(old)
    if old_parts[: len(new_parts)] == new_parts:
        return old
    return max((new_parts, wanted), (old_parts, old))[1]


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
