"""The observer's SQL.

Every statement that writes asks for the landscape's advisory lock once more (it is reentrant within a session): a connection
that was silently replaced cannot write beside another copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from provisioner.drivers.base import Observed, Situation
from provisioner.observer.changes import Change, content_of

_TAKE = "SELECT pg_try_advisory_lock(%s)"
_GIVE = "SELECT pg_advisory_unlock(%s)"

# One statement per batch. Rides on the primary key. Writes only rows whose content differs, and never an older sight over a
# newer one; `reset` says that the landscape's history began anew, so versions do not compare.
_WRITE = r"""
WITH held AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%(lock)s) AS ours),
seen AS (SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS s(id uuid, name text, status jsonb, version text))
UPDATE runtimes_runtime r
SET status = s.status, status_at = now(), landscape_version = s.version
FROM seen s, held
WHERE held.ours AND r.id = s.id AND r.landscape_id = %(landscape)s AND r.cluster_name = s.name AND r.deleted_at IS NULL
  AND (%(reset)s OR (r.status IS DISTINCT FROM s.status AND CASE
        WHEN r.landscape_version ~ '^\d+$' AND s.version ~ '^\d+$' THEN r.landscape_version::numeric <= s.version::numeric
        ELSE true END))
RETURNING r.id, s.status ->> 'situation' <> 'changing'
"""

# After a full list: whoever had a cluster and was not seen has none now. A runtime that was never seen is left alone, for its
# cluster may be younger than the list. Rides on runtime_by_cluster.
_VANISHED = """
WITH held AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%(lock)s) AS ours)
UPDATE runtimes_runtime r
SET status = %(absent)s::jsonb || jsonb_build_object('name', r.cluster_name), status_at = now(), landscape_version = %(version)s
FROM held
WHERE held.ours AND r.landscape_id = %(landscape)s AND r.deleted_at IS NULL
  AND r.status ->> 'situation' <> 'absent' AND r.id <> ALL(%(seen)s::uuid[])
RETURNING r.id
"""

# Which clusters no living runtime owns. Rides on the primary key.
_UNOWNED = """
SELECT s.name FROM jsonb_to_recordset(%(seen)s::jsonb) AS s(id uuid, name text)
LEFT JOIN runtimes_runtime r
  ON r.id = s.id AND r.landscape_id = %(landscape)s AND r.cluster_name = s.name AND r.deleted_at IS NULL
WHERE r.id IS NULL ORDER BY s.name
"""

# The place in the landscape's history; a restart goes on from here.
_PLACE = """
UPDATE landscapes_landscape
SET cursor = %(cursor)s, observed_at = now(), relisted_at = CASE WHEN %(relisted)s THEN now() ELSE relisted_at END
WHERE id = %(landscape)s AND pg_try_advisory_xact_lock(%(lock)s)
"""


def lock_of(landscape_id: UUID) -> int:
    """Return the advisory lock's number: 64 bits that only this purpose and landscape share."""
    return int.from_bytes(sha256(b"observer:" + landscape_id.bytes).digest()[:8], signed=True)


def take_lock(landscape_id: UUID) -> bool:
    """Try to become the one that writes for this landscape, for as long as this thread's connection lives."""
    return bool(_rows(_TAKE, [lock_of(landscape_id)])[0][0])


def give_lock(landscape_id: UUID) -> None:
    """Let another copy take over."""
    _rows(_GIVE, [lock_of(landscape_id)])


def write_statuses(landscape_id: UUID, changes: Iterable[Change], *, reset: bool) -> list[tuple[UUID, bool]]:
    """Return (runtime, settled) for every row that changed."""
    batch = orjson.dumps([change.as_json() for change in changes]).decode()
    parameters: dict[str, Any] = {
        "lock": lock_of(landscape_id),
        "landscape": landscape_id,
        "batch": batch,
        "reset": reset,
    }
    return [(row[0], row[1]) for row in _rows(_WRITE, parameters)]


def mark_vanished(landscape_id: UUID, seen: Iterable[UUID], version: str) -> list[UUID]:
    """Return the runtimes that are marked absent now."""
    parameters: dict[str, Any] = {
        "lock": lock_of(landscape_id),
        "landscape": landscape_id,
        "absent": orjson.dumps(content_of(Observed(name="", situation=Situation.ABSENT))).decode(),
        "seen": list(seen),
        "version": version,
    }
    return [row[0] for row in _rows(_VANISHED, parameters)]


def unowned(landscape_id: UUID, seen: Iterable[tuple[UUID | None, str]]) -> list[str]:
    """Return the names of those clusters, given as (owner, name), that belong to no living runtime."""
    clusters = orjson.dumps([{"id": owner and str(owner), "name": name} for owner, name in seen]).decode()
    return [row[0] for row in _rows(_UNOWNED, {"landscape": landscape_id, "seen": clusters})]


def keep_place(landscape_id: UUID, cursor: str, *, relisted: bool) -> bool:
    """Return whether the place was written; False when the lock, or the landscape, is gone."""
    parameters: dict[str, Any] = {
        "lock": lock_of(landscape_id),
        "landscape": landscape_id,
        "cursor": cursor,
        "relisted": relisted,
    }
    with connection.cursor() as cursor_:
        cursor_.execute(_PLACE, parameters)
        return bool(cursor_.rowcount == 1)


def _rows(sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
