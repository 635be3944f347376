"""What a tenant's owners and admins are told of upgrades, before and after: one message for many runtimes, never one for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.notices.services import notify
from controlplane.notices.webhooks import emit
from controlplane.tenants.access import Role
from controlplane.tenants.models import Member
from provisioner.lifecycle import queries
from provisioner.operations.models import Operation

PLANNED, ENDING, DONE = "upgrade-planned", "release-ending", "upgrade-done"
EVENT = "runtime.upgraded"
MOST_NAMED = 20  # in a message; the rest is counted
MOST = 500  # operations of one round


def tell_planned(*, tenant_id: UUID, release: str, runtimes: Sequence[Mapping[str, str]], key: str) -> int:
    """Tell that runtimes will be upgraded; return to how many people. `runtimes` holds {"id", "name", "when"}: words for people.

    `key` names the occasion, so that telling twice is harmless.
    """
    words = {"release": release, "maintenance": f"{settings.PUBLIC_URL}/maintenance/", **_listed(runtimes)}
    return _tell(PLANNED, tenant_id, words, key)


def tell_ending(
    *, tenant_id: UUID, release: str, day: str, runtimes: Sequence[Mapping[str, str]], key: str
) -> int:
    """Tell that a release ends on a day, and that these runtimes will be upgraded then if nobody does before."""
    return _tell(ENDING, tenant_id, {"release": release, "day": day, **_listed(runtimes)}, key)


@transaction.atomic
def tell_ended() -> int:
    """Tell of upgrades that have ended since the last round, and return of how many; two rounds at once share the work."""
    with connection.cursor() as cursor:
        cursor.execute(queries.UNTOLD_UPGRADES, {"most": MOST})
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return 0
    by_tenant: dict[tuple[UUID, str, str], list[Operation]] = defaultdict(list)
    for operation in Operation.objects.filter(pk__in=ids).select_related("runtime").order_by("id"):
        by_tenant[operation.tenant_id, str(operation.input.get("release")), operation.state].append(operation)
        _emit(operation)
    for (tenant_id, release, state), operations in by_tenant.items():
        rows = [{"id": str(one.runtime_id), "name": one.runtime.name, "when": ""} for one in operations]
        words = {"release": release, "succeeded": state == "succeeded", **_listed(rows)}
        _tell(DONE, tenant_id, words, f"{operations[0].pk}:{operations[0].finished_at}")
    Operation.objects.filter(pk__in=ids).update(upgrade_told_at=Now())
    return len(ids)


def _emit(operation: Operation) -> None:
    report = operation.kept.get("report") or {}
    data = {
        "runtime": {"id": str(operation.runtime_id), "name": operation.runtime.name},
        "operation": str(operation.pk),
        "state": operation.state,
        "release": {"before": operation.input["before"]["key"], "after": operation.input["release"]},
        "changes": report.get("changes", []),
        "reasons": report.get("reasons", []),
        "finished_at": rfc3339(operation.finished_at or utcnow()),
    }
    key = f"{EVENT}:{operation.pk}:{operation.finished_at}"
    subject = str(operation.runtime_id)
    emit(tenant_id=operation.tenant_id, kind=EVENT, subject=subject, data=data, dedupe_key=key)


def _listed(runtimes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    base = f"{settings.PUBLIC_URL}/runtimes"
    named = [
        {"name": one["name"], "when": one.get("when", ""), "link": f"{base}/{one['id']}"}
        for one in runtimes[:MOST_NAMED]
    ]
    return {"count": len(runtimes), "runtimes": named, "more": max(len(runtimes) - MOST_NAMED, 0)}


def _tell(kind: str, tenant_id: UUID, context: Mapping[str, Any], key: str) -> int:
    people = Member.objects.filter(tenant_id=tenant_id, role__in=[Role.OWNER, Role.ADMIN])
    addresses = list(people.exclude(user__email="").values_list("user__email", flat=True))
    for address in addresses:
        notify(
            to=address,
            kind=kind,
            context=context,
            tenant_id=tenant_id,
            dedupe_key=f"{kind}:{key}:{address}"[:200],
        )
    return len(addresses)
