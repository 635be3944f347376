"""Who may see everybody's prices and agreements, and who may change them."""

from __future__ import annotations

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission

_WHOSE = "Prices and agreements of everybody are for the platform's FinOps people; ask one."


def require_read(actor: Actor) -> None:
    """Raise Refused 403 unless the actor may see every price book and agreement."""
    if not (actor.sees_every_tenant and actor.may(Permission.PRICE_READ)):
        raise Refused("forbidden", _WHOSE, status=403)


def require_manage(actor: Actor) -> None:
    """Raise Refused 403 unless the actor may change prices and agree on them with tenants."""
    if not actor.may(Permission.PRICE_MANAGE):
        raise Refused("forbidden", _WHOSE, status=403)
