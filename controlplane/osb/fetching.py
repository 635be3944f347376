"""Fetch an instance, once it is finished and while nobody changes it."""

from __future__ import annotations

from controlplane.osb.callers import Caller
from controlplane.osb.instances import present, under_way, was_ready
from controlplane.osb.models import OsbInstance
from controlplane.osb.refusals import busy, not_found


def fetch(*, caller: Caller, instance_id: str) -> OsbInstance:
    """Return the instance; raises Refused: not_found 404 when it is missing or not finished, concurrency_error 422."""
    row = present(caller, instance_id)
    if row is None or not was_ready(row.runtime):
        raise not_found("service instance")
    if under_way(row) is not None:
        raise busy()
    return row
