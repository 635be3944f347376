"""Takes away what others put among the worker pools: server-side apply merges those by name and leaves it standing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from provisioner.drivers.kube.client import MERGE
from provisioner.drivers.shoots.drift import WHOLLY_OURS, beside
from provisioner.drivers.shoots.ownership import MANAGER

Json = dict[str, Any]


class Api(Protocol):
    """What of a client is needed here."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = ...,
    ) -> Json:
        """Return the answer's JSON."""
        ...


def clear_pools(api: Api, path: str, wanted: Json, applied: Json) -> Json:
    """Return the Shoot at `path` without others' pools and marks, told once more if the apply left any; raises ApiRefused.

    A list can only be written as a whole, so the server refuses if anybody changed the Shoot since it was applied.
    """
    ours, live = wanted["spec"]["provider"]["workers"], applied["spec"]["provider"]["workers"]
    if not any(beside(ours, live)):
        return applied
    body = {
        "metadata": {key: applied["metadata"][key] for key in ("uid", "resourceVersion")},
        "spec": {"provider": {"workers": only_ours(ours, live)}},
    }
    query = {"fieldManager": f"{MANAGER}-requests"}
    return api.call("PATCH", path, query=query, body=body, content_type=MERGE)


def only_ours(wanted: list[Json], live: list[Json]) -> list[Json]:
    """Return our pools as they stand applied, with what the landscape filled in, but with no marks except ours. Pure."""
    there = {each["name"]: each for each in live}
    return [_cleared(each, there.get(each["name"], each)) for each in wanted]


def _cleared(worker: Json, live: Json) -> Json:
    filled_in = {key: value for key, value in live.items() if key not in WHOLLY_OURS}
    return {**filled_in, **{key: worker[key] for key in WHOLLY_OURS if key in worker}}
