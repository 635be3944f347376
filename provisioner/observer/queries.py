"""The observer's SQL.

Every statement that writes asks for the landscape's advisory lock once more (it is reentrant within a session): a connection
that was silently replaced cannot write beside another copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from controlplane.kernel.clock import utcnow
from provisioner.drivers.base import Observed, Situation
from provisioner.observer.changes import Change, content_of
from provisioner.runtimes.phases import STANDING

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
RETURNING r.id, s.status ->> 'situation' <> 'changing', s.status ->> 'situation' = 'absent',
    coalesce(old.status ->> 'shape', '') <> coalesce(s.status ->> 'shape', '')
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

# Which clusters no runtime owned that lived when the list began. Rides on the primary key.
_UNOWNED = """
SELECT s.name FROM jsonb_to_recordset(%(seen)s::jsonb) AS s(id uuid, name text)
LEFT JOIN runtimes_runtime r
  ON r.id = s.id AND r.landscape_id = %(landscape)s AND r.cluster_name = s.name
  AND (r.deleted_at IS NULL OR r.deleted_at > %(began)s)
WHERE r.id IS NULL ORDER BY s.name
"""

# Which settled runtimes a full list lacks; one that was touched since the list began may be younger than it.
# Rides on runtime_by_cluster and operation_one_per_slot.
_WITHOUT_CLUSTER = """
SELECT r.id FROM runtimes_runtime r
LEFT JOIN jsonb_to_recordset(%(seen)s::jsonb) AS s(id uuid, name text) ON s.id = r.id AND s.name = r.cluster_name
WHERE r.landscape_id = %(landscape)s AND r.deleted_at IS NULL AND r.phase = ANY(%(settled)s) AND r.updated_at < %(began)s
  AND s.id IS NULL AND coalesce(r.cluster_spec ->> 'destroyed', 'false') <> 'true'
  AND NOT EXISTS (SELECT FROM operations_operation o WHERE o.runtime_id = r.id AND o.slot IS NOT NULL)
ORDER BY r.id
"""

# What the runtimes of a batch want, and whether drift is noted. Rides on primary keys.
WISHES = """
SELECT r.id, r.cluster_spec, r.generation, r.observed_generation, coalesce(d.fields <> '[]'::jsonb, false)
FROM runtimes_runtime r LEFT JOIN observer_drift d ON d.runtime_id = r.id
WHERE r.id = ANY(%(runtimes)s) AND r.deleted_at IS NULL
"""

# Notes drift, or that it is gone. Rides on the primary key.
KEEP_DRIFT = """
INSERT INTO observer_drift AS d (runtime_id, landscape_id, fields, seen_at, repairs, due_at)
SELECT n.id, %(landscape)s, n.fields, now(), 0, now() FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(id uuid, fields jsonb)
ON CONFLICT (runtime_id) DO UPDATE
SET fields = excluded.fields, seen_at = CASE WHEN d.fields = '[]'::jsonb THEN now() ELSE d.seen_at END
"""

# Drift that may be mended now; that of the suspended would take the others' places. The table holds the last day's drift only;
# the rest rides on primary keys.
DUE_DRIFT = """
SELECT d.runtime_id, d.fields FROM observer_drift d JOIN runtimes_runtime r ON r.id = d.runtime_id
JOIN tenants_tenant t ON t.id = r.tenant_id JOIN tenants_account a ON a.id = r.account_id
WHERE d.landscape_id = %(landscape)s AND d.fields <> '[]'::jsonb AND d.due_at <= now() AND r.phase = 'ready'
  AND t.state <> 'suspended' AND a.state <> 'suspended'
  AND NOT EXISTS (SELECT FROM operations_operation o WHERE o.runtime_id = r.id AND o.slot IS NOT NULL)
ORDER BY d.due_at LIMIT 100
"""

# Two copies do not both repair: the second finds that it is not due any more. Rides on the primary key.
BEGIN_REPAIR = """
UPDATE observer_drift
SET repairs = repairs + 1,
    due_at = now() + least(make_interval(secs => %(seconds)s * power(2, least(repairs, 20))), interval '1 day')
WHERE runtime_id = %(runtime)s AND due_at <= now() AND fields <> '[]'::jsonb
"""

# What has been as wanted for a day may be mended at once again.
FORGET_DRIFT = "DELETE FROM observer_drift WHERE fields = '[]'::jsonb AND due_at < now() - interval '1 day'"

# For /metrics: landscapes are few, and the drift of the last day, too.
LANDSCAPES_NOW = """
SELECT key, breaker,
    least(burst, tokens + calls_per_second * greatest(extract(epoch FROM now() - tokens_at), 0))::float,
    extract(epoch FROM observed_at)::float, extract(epoch FROM now() - coalesce(observed_at, created_at))::float,
    observer_lag_seconds,
    CASE WHEN audited_at IS NOT NULL THEN orphans_count END, CASE WHEN audited_at IS NOT NULL THEN missing_count END,
    extract(epoch FROM audited_at)::float,
    (SELECT count(*) FROM observer_drift d WHERE d.landscape_id = l.id AND d.fields <> '[]'::jsonb)
FROM landscapes_landscape l ORDER BY key
"""

# Rides on runtime_by_cluster.
_NAMED = """
SELECT id FROM runtimes_runtime
WHERE landscape_id = %(landscape)s AND cluster_name = %(name)s AND deleted_at IS NULL
"""

# One observer's turn at a landscape's audit: the last one is long enough ago, and nobody else began one lately. A landscape that
# does not answer has its next turn after ten minutes. Landscapes are few.
_DUE_AUDITS = """
SELECT id FROM landscapes_landscape
WHERE coalesce(audited_at <= now() - make_interval(secs => %(seconds)s), true)
  AND coalesce(audit_begun_at <= now() - make_interval(secs => least(%(seconds)s, 600)), true)
ORDER BY key
"""
_BEGIN_AUDIT = """
UPDATE landscapes_landscape SET audit_begun_at = now()
WHERE id = %(landscape)s
  AND coalesce(audited_at <= now() - make_interval(secs => %(seconds)s), true)
  AND coalesce(audit_begun_at <= now() - make_interval(secs => least(%(seconds)s, 600)), true)
"""

# The place in the landscape's history; a restart goes on from here.
_PLACE = """
UPDATE landscapes_landscape
SET cursor = %(cursor)s, observed_at = now(), observer_lag_seconds = %(lag)s,
    relisted_at = CASE WHEN %(relisted)s THEN now() ELSE relisted_at END
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


@dataclass(frozen=True)
class Written:
    """A row that changed."""

    runtime_id: UUID
    settled: bool
    absent: bool
    reshaped: bool  # what its landscape is told to build changed, too


def write_statuses(landscape_id: UUID, changes: Iterable[Change], *, reset: bool) -> list[Written]:
    """Write what differs and return every row that changed."""
    batch = orjson.dumps([change.as_json() for change in changes]).decode()
    parameters: dict[str, Any] = {
        "lock": lock_of(landscape_id),
        "landscape": landscape_id,
        "batch": batch,
        "reset": reset,
    }
    return [Written(*row) for row in _rows(_WRITE, parameters)]


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


def unowned(
    landscape_id: UUID, seen: Iterable[tuple[UUID | None, str]], *, began: datetime | None = None
) -> list[str]:
    """Return the names of those clusters, given as (owner, name), that belong to no runtime alive since the list `began`."""
    parameters = {"landscape": landscape_id, "seen": _clusters(seen), "began": began or utcnow()}
    return [row[0] for row in _rows(_UNOWNED, parameters)]


def without_cluster(
    landscape_id: UUID, seen: Iterable[tuple[UUID | None, str]], *, began: datetime
) -> list[UUID]:
    """Return the runtimes that were settled when the list began and are not in it."""
    parameters = {
        "landscape": landscape_id,
        "seen": _clusters(seen),
        "began": began,
        "settled": sorted(STANDING),
    }
    return [row[0] for row in _rows(_WITHOUT_CLUSTER, parameters)]


def _clusters(seen: Iterable[tuple[UUID | None, str]]) -> str:
    return orjson.dumps([{"id": owner and str(owner), "name": name} for owner, name in seen]).decode()


def runtime_named(landscape_id: UUID, cluster_name: str) -> UUID | None:
    """Return the living runtime whose cluster bears this name."""
    rows = _rows(_NAMED, {"landscape": landscape_id, "name": cluster_name})
    return rows[0][0] if rows else None


def due_audits(seconds: float) -> list[UUID]:
    """Return the landscapes whose last audit is longer ago than this, or never was."""
    return [row[0] for row in _rows(_DUE_AUDITS, {"seconds": seconds})]


def begin_audit(landscape_id: UUID, seconds: float) -> bool:
    """Return whether it is ours to audit it now."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN_AUDIT, {"landscape": landscape_id, "seconds": seconds})
        return bool(cursor.rowcount == 1)


def keep_place(landscape_id: UUID, cursor: str, *, relisted: bool, lag: float = 0.0) -> bool:
    """Return whether the place was written; False when the lock, or the landscape, is gone."""
    parameters: dict[str, Any] = {
        "lock": lock_of(landscape_id),
        "landscape": landscape_id,
        "cursor": cursor,
        "relisted": relisted,
        "lag": lag,
    }
    with connection.cursor() as cursor_:
        cursor_.execute(_PLACE, parameters)
        return bool(cursor_.rowcount == 1)


def _rows(sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
