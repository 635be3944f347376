"""Who looks at a page: a signed-in person, in one tenant or (the platform's team) over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import ALLOWED, Actor, Permission
from controlplane.tenants.isolation.scopes import (
    one_transaction,
    person_scope,
    platform_scope,
    scope_of,
    scoped,
)
from controlplane.tenants.models import Member, Tenant, User
from controlplane.tenants.opening import STAYS_OPEN, must_open
from controlplane.tenants.services import actor_of_user

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

TENANT_IN_SESSION = "tenant"
EVERY_TENANT = "*"  # no slug; only the platform's team may choose it
OPENED_IN_SESSION = "opened"
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Opened:
    """Why, and until when, support looks into a tenant."""

    reason: str
    until: datetime


@dataclass(frozen=True)
class Visitor:
    """A signed-in person as pages and services know them."""

    user: User
    actor: Actor
    tenant: Tenant | None  # None: one of the platform's team, who sees every tenant and changes none
    tenants: tuple[Tenant, ...]
    opened: Opened | None = None  # set where support looks into a tenant

    @property
    def role(self) -> str:
        """The role in words."""
        return str(self.actor.role or self.actor.platform_role)

    @property
    def may_create(self) -> bool:
        """Whether a button that requests or writes is shown at all."""
        return self.tenant is not None and self.actor.may(Permission.CREATE)

    @property
    def may_see_tokens(self) -> bool:
        """Whether tokens are shown at all."""
        return self.actor.may(Permission.TOKEN_READ)

    @property
    def may_see_all(self) -> bool:
        """Whether this person, who works in a tenant now, may also look over all of them."""
        return bool(self.user.platform_role) and bool(self.tenants)

    @property
    def must_open(self) -> bool:
        """Whether this person must say which tenant to look into, and why, before seeing any."""
        return must_open(self.actor)

    @property
    def may_see_costs(self) -> bool:
        """Whether costs are shown at all."""
        return self.actor.may(Permission.COST_READ)

    @property
    def may_audit(self) -> bool:
        """Whether the audit trail is shown at all."""
        return self.actor.may(Permission.AUDIT_READ)

    @property
    def may_manage_identity(self) -> bool:
        """Whether the tenant's identity providers are shown at all."""
        return self.tenant is not None and self.actor.may(Permission.IDENTITY_MANAGE)

    @property
    def may_change_tenant(self) -> bool:
        """Whether this person may delete the tenant."""
        return self.tenant is not None and self.actor.may(Permission.TENANT_CHANGE)

    @property
    def may_see_tenants(self) -> bool:
        """Whether the list of every tenant is shown at all."""
        return not self.must_open and (
            self.actor.sees_every_tenant or self.actor.may(Permission.TENANT_CREATE)
        )

    @property
    def sees_fleet(self) -> bool:
        """Whether this person looks over all tenants now, and the fleet's own pages are shown at all."""
        return self.actor.sees_every_tenant and not self.must_open

    @property
    def may_see_rollouts(self) -> bool:
        """Whether rollouts and who is left behind are shown at all."""
        return self.sees_fleet and self.actor.may(Permission.ROLLOUT_READ)

    @property
    def may_manage_rollouts(self) -> bool:
        """Whether buttons that steer rollouts, and the emergency stop, are shown at all."""
        return self.sees_fleet and self.actor.may(Permission.ROLLOUT_MANAGE)

    @property
    def may_publish(self) -> bool:
        """Whether buttons that publish and withdraw releases and point channels are shown at all."""
        return self.sees_fleet and self.actor.may(Permission.RELEASE_MANAGE)

    @property
    def may_see_margin(self) -> bool:
        """Whether what is left of a month, and the exports, are shown at all."""
        return self.actor.may(Permission.COST_EXPORT)

    @property
    def may_see_quarantine(self) -> bool:
        """Whether samples that were put aside are shown at all."""
        return self.sees_fleet and (self.actor.may(Permission.METER) or self.may_see_margin)

    @property
    def may_see_prices(self) -> bool:
        """Whether every price book and agreement is shown at all."""
        return self.actor.may(Permission.PRICE_READ)

    @property
    def may_see_fleet_footprint(self) -> bool:
        """Whether what the platform's components take up is shown at all."""
        return self.actor.may(Permission.FLEET_FOOTPRINT)

    @property
    def may_see_statements(self) -> bool:
        """Whether what was billed is shown at all."""
        return self.actor.may(Permission.STATEMENT_READ)

    @property
    def may_answer_quota(self) -> bool:
        """Whether the queue of requests for quota is shown at all."""
        return self.actor.may(Permission.QUOTA_ANSWER)

    @property
    def may_manage_broker(self) -> bool:
        """Whether credentials of the service broker are shown at all."""
        return self.tenant is not None and self.actor.may(Permission.BROKER_MANAGE)

    def may(self, permission: Permission, tenant: Tenant) -> bool:
        """Whether this person may do that to what the tenant owns."""
        return self.actor.may(permission, tenant_id=tenant.id)


class ConsoleRequest(HttpRequest):
    """What a console view is given."""

    visitor: Visitor
    htmx: HtmxDetails
    request_id: str


@contextmanager
def entered(request: HttpRequest) -> Iterator[Visitor | None]:
    """Find who is signed in, and let everything inside see what that person may; a page that only reads is one transaction."""
    with ExitStack() as held:
        held.enter_context(person_scope(cast("User", request.user).id))
        if request.method in SAFE:
            held.enter_context(one_transaction())
        with one_transaction():
            visitor = visitor_of(request)
        if visitor is not None:
            held.enter_context(scoped(scope_of(visitor.actor)))
        yield visitor


def visitor_of(request: HttpRequest) -> Visitor | None:
    """Return who is signed in, or None for a person without a tenant or a platform role."""
    user = cast("User", request.user)
    rows = Member.objects.filter(user=user).select_related("tenant").order_by("tenant__slug")
    members = {member.tenant.slug: member for member in rows}
    chosen = request.session.get(TENANT_IN_SESSION, "")
    actor = actor_of_user(user, members.get(chosen) or next(iter(members.values()), None))
    if chosen == EVERY_TENANT and actor.platform_role:
        actor = replace(actor, role=None, tenant_id=None)
    if actor.tenant_id is None and not actor.platform_role:
        return None
    actor = replace(
        actor,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    tenants = tuple(member.tenant for member in members.values())
    if must_open(actor) and (visitor := _as_opened(request, user, actor, tenants)):
        return visitor
    tenant = next((entry for entry in tenants if entry.id == actor.tenant_id), None)
    return Visitor(user, actor, tenant, tenants)


def remember_opening(request: HttpRequest, tenant: Tenant, reason: str) -> None:
    """Keep in the session what support opened, for half an hour."""
    until = utcnow() + STAYS_OPEN
    request.session[OPENED_IN_SESSION] = {
        "tenant": str(tenant.id),
        "reason": reason,
        "until": until.isoformat(),
    }


def forget_opening(request: HttpRequest) -> None:
    """Close what support opened."""
    request.session.pop(OPENED_IN_SESSION, None)


def _as_opened(request: HttpRequest, user: User, actor: Actor, tenants: tuple[Tenant, ...]) -> Visitor | None:
    kept = request.session.get(OPENED_IN_SESSION)
    if not kept or datetime.fromisoformat(kept["until"]) <= utcnow():
        return None
    with platform_scope():
        tenant = Tenant.objects.filter(pk=kept["tenant"]).first()
    if tenant is None:
        return None
    opened = Opened(kept["reason"], datetime.fromisoformat(kept["until"]))
    return Visitor(user, replace(actor, tenant_id=tenant.id), tenant, tenants, opened)


def require(visitor: Visitor, permission: Permission, tenant: Tenant | None = None) -> Tenant:
    """Return the tenant that is written to; raises Refused (403) where this person may not."""
    owner = tenant or visitor.tenant
    if owner is None or not visitor.may(permission, owner):
        if any(permission in allowed for allowed in ALLOWED.values()):
            ask = (
                f"Your role here is {visitor.role}, which may look but not do this. "
                "Ask an admin of the tenant for a role that may."
            )
        else:
            ask = "Only the platform's team may do this; ask it, and say why."
        raise Refused("forbidden", ask, status=403)
    return owner
