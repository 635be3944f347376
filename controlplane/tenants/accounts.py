"""What can be done with an account that is there: call it something else."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Account
from controlplane.tenants.rights import require, seen_by

LONGEST_NAME = 120


@transaction.atomic
def rename_account(*, actor: Actor, account_id: UUID, name: str) -> Account:
    """Give an account another name; its slug stays, for addresses and scripts name it.

    Raises Refused: account_not_found 404, forbidden 403, name_invalid.
    """
    rows = Account.objects.select_for_update(of=("self",)).select_related("tenant")
    row: Account | None = seen_by(actor, rows).filter(pk=account_id).first()
    if row is None:
        raise Refused("account_not_found", "There is no such account in your tenant.", status=404)
    require(actor, Permission.ACCOUNT_CHANGE, tenant_id=row.tenant_id)
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        detail = f"name must have 1 to {LONGEST_NAME} printable characters."
        raise Refused("name_invalid", detail, field="name")
    if name == row.name:
        return row
    before, row.name = row.name, name
    row.save(update_fields=["name"])
    audit.record(
        "account.rename",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="account",
        target_id=row.id,
        changes={"name": {"before": before, "after": name}},
    )
    return row
