"""Chains what was written: after the fact and in batches, so that no writer waits for another."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import connection, transaction

from controlplane.tenants.audit import queries
from controlplane.tenants.audit.chain import BEGINNING, START, Row, links_of, seal_hash
from controlplane.tenants.models import AuditSeal

log = structlog.get_logger(__name__)

BATCH = 1000


@dataclass(frozen=True)
class Head:
    """The end of a chain: keep it elsewhere, and nobody can shorten the trail unnoticed."""

    chain: str  # a tenant's id, or "platform"
    position: int
    hash: str


def seal_new_rows(*, batch: int = BATCH) -> list[Head]:
    """Seal every settled row that no seal holds yet; return the new heads. Another sealer at work: nothing to do."""
    heads: dict[str, Head] = {}
    while True:
        found, count = _seal_batch(batch)
        heads |= {head.chain: head for head in found}
        if count < batch:
            break
    for head in heads.values():
        log.info("audit sealed", chain=head.chain, position=head.position, hash=head.hash)
    return list(heads.values())


@transaction.atomic
def _seal_batch(batch: int) -> tuple[list[Head], int]:
    with connection.cursor() as cursor:
        cursor.execute(queries.LOCK)
        if not cursor.fetchone()[0]:
            return [], 0
        cursor.execute(queries.CURSOR)
        tx, row_id = cursor.fetchone() or START
        cursor.execute(queries.SETTLED, {"tx": tx, "id": row_id, "limit": batch})
        rows = [Row.read(values) for values in cursor.fetchall()]
        if not rows:
            _complain_when_behind(tx)
            return [], 0
    chains: dict[UUID | None, list[Row]] = {}
    for row in rows:
        chains.setdefault(row.tenant_id, []).append(row)
    until = rows[-1].place
    return [_add(chain, stretch, until) for chain, stretch in chains.items()], len(rows)


def _add(chain: UUID | None, rows: list[Row], until: tuple[int, UUID]) -> Head:
    with connection.cursor() as cursor:
        cursor.execute(queries.HEAD, {"tenant": chain})
        position, previous = cursor.fetchone() or (0, BEGINNING)
    links = links_of(rows)
    digest = seal_hash(chain, position + 1, bytes(previous), links)
    AuditSeal.objects.create(
        tenant_id=chain,
        first_position=position + 1,
        last_position=position + len(rows),
        until_tx=until[0],
        until_id=until[1],
        links=links,
        previous_hash=bytes(previous),
        hash=digest,
    )
    return Head(str(chain or "platform"), position + len(rows), digest.hex())


def _complain_when_behind(tx: int) -> None:
    """A server that counts from lower numbers than the trail knows would never be sealed again: say it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants_audit_horizon()")
        horizon = cursor.fetchone()[0]
    if tx >= horizon:
        log.error("audit clock is behind the trail: run manage.py audit rebase", trail=tx, clock=horizon)


def heads() -> list[Head]:
    """Return where every chain ends now."""
    return heads_since(0)[0]


def heads_since(seal_id: int) -> tuple[list[Head], int]:
    """Return where every chain ends that grew since this seal, and the id of the newest: sealers take turns, and so do ids."""
    newer = AuditSeal.objects.filter(pk__gt=seal_id)
    newest = list(newer.order_by("tenant_id", "-first_position").distinct("tenant_id"))
    found = [
        Head(str(one.tenant_id or "platform"), one.last_position, bytes(one.hash).hex()) for one in newest
    ]
    return found, max((one.pk for one in newest), default=seal_id)


@transaction.atomic
def rebase_clock() -> int:
    """Make transaction numbers go on behind the trail's, after a dump was restored into another server.

    Needs the owner of the tables. Returns what is added from now on; 0 where nothing was wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE tenants_auditevent IN SHARE MODE")
        cursor.execute(
            "SELECT coalesce(max(tx), 0) - tenants_audit_horizon(), "
            "tenants_audit_horizon() - pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM tenants_auditevent"
        )
        behind, added = cursor.fetchone()
        if behind <= 0:
            return 0
        added += behind + 1
        for name, counted in (
            ("tx", "pg_current_xact_id()"),
            ("horizon", "pg_snapshot_xmin(pg_current_snapshot())"),
        ):
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION tenants_audit_{name}() RETURNS bigint LANGUAGE sql VOLATILE "
                f"AS $$ SELECT {counted}::text::bigint + {int(added)} $$"
            )
    return int(added)
