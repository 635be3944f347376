"""Usage and charges row by row, in the order of their keys: a page costs the same wherever it lies.

Reads within the scope of whoever asks; `tenant_id` None is everybody, for the platform's FinOps team.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from billing.exports import queries
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission

Key = Sequence[str | int]


@dataclass(frozen=True)
class Narrow:
    """What is asked for."""

    first: date
    last: date  # exclusive; of charges, months that begin before it
    tenant_id: UUID | None = None
    runtime: UUID | None = None
    meter: str = ""


def usage_rows(*, actor: Actor, narrow: Narrow, after: Key | None, limit: int) -> list[dict[str, Any]]:
    """Return days of usage behind a key: (day, source, tenant, account, plan, meter, dimension); raises Refused forbidden."""
    _require(actor, Permission.COST_READ, narrow)
    return _read(queries.USAGE_PAGE, narrow, after, limit, ("2000-01-01", 0, *(_ZERO,) * 2, "", "", ""))


def charge_rows(*, actor: Actor, narrow: Narrow, after: Key | None, limit: int) -> list[dict[str, Any]]:
    """Return charges behind a key: (statement, line); raises Refused forbidden."""
    _require(actor, Permission.STATEMENT_READ, narrow)
    return _read(queries.CHARGES_PAGE, narrow, after, limit, (_ZERO, ""))


_ZERO = str(UUID(int=0))


def _require(actor: Actor, permission: Permission, narrow: Narrow) -> None:
    everybody = narrow.tenant_id is None
    if (everybody and not actor.sees_every_tenant) or not actor.may(permission, tenant_id=narrow.tenant_id):
        raise Refused("forbidden", "Your role may not see this; ask an admin for one that may.", status=403)


def _read(statement: str, narrow: Narrow, after: Key | None, limit: int, first: Key) -> list[dict[str, Any]]:
    values = {
        "first": narrow.first, "last": narrow.last, "tenant": narrow.tenant_id, "runtime": narrow.runtime, "meter": narrow.meter,
        "limit": limit, **{f"k{number}": value for number, value in enumerate(after or first)},
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
