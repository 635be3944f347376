"""What suspension means: the one rule that every door of every room asks.

Nothing that starts or continues work, or grants access, is done for a suspended tenant or account, whoever asks. Reading,
deleting (and whatever moves a delete on), pausing and cancelling stay: nobody is kept from spending less.
"""

from __future__ import annotations

from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Account, State, Tenant


def refuse_suspended(tenant: Tenant, account: Account | None = None) -> None:
    """Raise Refused 403 when the tenant, or the account, is suspended: tenant_suspended, account_suspended."""
    if tenant.state == State.SUSPENDED:
        detail = (
            "The tenant is suspended: it can be read, and what it has can be paused, cancelled and deleted. "
            "Contact support to resume it."
        )
        raise Refused("tenant_suspended", detail, status=403)
    if account is not None and account.state == State.SUSPENDED:
        detail = (
            f"Account {account.slug} is suspended: what it has can be read, paused, cancelled and deleted. "
            "Use another account, or contact support to resume it."
        )
        raise Refused("account_suspended", detail, field="account", status=403)
