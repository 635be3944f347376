"""Finds what is no longer as wanted among what a landscape told, and has it mended, ever less often where it does not last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection, transaction

from controlplane.kernel.errors import Fatal, Refused
from provisioner.drivers.base import Driver, Observed
from provisioner.lifecycle.repair import mend_drift
from provisioner.observer import queries
from provisioner.runtimes.spec import cluster_from_json

log = structlog.get_logger(__name__)

OLDER_WISH = "an older wish"


def note_drift(*, landscape_id: UUID, driver: Driver, sights: Mapping[UUID, Observed]) -> bool:
    """Compare these sights with their runtimes' wishes and keep what differs; say whether anything does."""
    if not sights:
        return False
    found: dict[UUID, Sequence[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(queries.WISHES, {"runtimes": list(sights)})
        for row in cursor.fetchall():
            fields = _drift(driver, sights[row[0]], row[1:4])
            if fields is not None and (fields or row[4]):
                found[row[0]] = fields
        if found:
            rows = [{"id": str(key), "fields": list(fields)} for key, fields in found.items()]
            cursor.execute(
                queries.KEEP_DRIFT, {"landscape": landscape_id, "rows": orjson.dumps(rows).decode()}
            )
    return any(found.values())


def _drift(driver: Driver, seen: Observed, wish: Sequence[Any]) -> Sequence[str] | None:
    """Return what differs; None while a newer wish is on its way, or where the driver can't say."""
    cluster_spec, generation, fulfilled = wish
    if seen.generation < fulfilled:
        return (OLDER_WISH,)
    if seen.generation != generation:
        return None
    try:
        return driver.drift(cluster_from_json(orjson.loads(cluster_spec)), seen)
    except (Fatal, KeyError, TypeError) as error:
        log.warning("observer.wish_unreadable", cluster=seen.name, error=str(error))
        return None


def mend_due(*, landscape_id: UUID) -> int:
    """Open the repairs whose time has come; return how many. A cluster's next one is due after twice the time, up to a day."""
    with connection.cursor() as cursor:
        cursor.execute(queries.DUE_DRIFT, {"landscape": landscape_id})
        due = [(row[0], orjson.loads(row[1])) for row in cursor.fetchall()]
    return sum(_mend(runtime_id, fields) for runtime_id, fields in due)


def _mend(runtime_id: UUID, fields: Sequence[str]) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                queries.BEGIN_REPAIR, {"runtime": runtime_id, "seconds": settings.DRIFT_REPAIR_SECONDS}
            )
            if cursor.rowcount != 1:
                return False
            operation = mend_drift(runtime_id=runtime_id, fields=fields)
            if operation is None:
                transaction.set_rollback(True)
                return False
    except Refused as refused:
        log.warning("observer.drift_stays", runtime=str(runtime_id), reason=str(refused))
        return False
    log.warning("observer.drift_mended", runtime=str(runtime_id), operation=str(operation.pk), fields=fields)
    return True
