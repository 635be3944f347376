"""Who looks at a page: a signed-in person, in one tenant or (the platform's team) over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import ALLOWED, Actor, Permission
from controlplane.tenants.isolation.scopes import one_transaction, person_scope, scope_of, scoped
from controlplane.tenants.models import Member, Tenant, User
from controlplane.tenants.services import actor_of_user

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

TENANT_IN_SESSION = "tenant"
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Visitor:
    """A signed-in person as pages and services know them."""

    user: User
    actor: Actor
    tenant: Tenant | None  # None: one of the platform's team, who sees every tenant and changes none
    tenants: tuple[Tenant, ...]

    @property
    def role(self) -> str:
        """The role in words."""
        return str(self.actor.role or self.actor.platform_role)

    @property
    def may_create(self) -> bool:
        """Whether a button that requests or writes is shown at all."""
        return self.tenant is not None and self.actor.may(Permission.CREATE)

    @property
    def may_audit(self) -> bool:
        """Whether the audit trail is shown at all."""
        return self.actor.may(Permission.AUDIT_READ)

    @property
    def may_manage_identity(self) -> bool:
        """Whether the tenant's identity providers are shown at all."""
        return self.tenant is not None and self.actor.may(Permission.IDENTITY_MANAGE)

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
    memberships = Member.objects.filter(user=user).select_related("tenant").order_by("tenant__slug")
    tenants = {member.tenant.slug: member.tenant for member in memberships}
    chosen = request.session.get(TENANT_IN_SESSION, "")
    actor = actor_of_user(user, tenant_slug=chosen if chosen in tenants else "")
    if actor.tenant_id is None and not actor.platform_role:
        return None
    actor = replace(
        actor,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    tenant = next((entry for entry in tenants.values() if entry.id == actor.tenant_id), None)
    return Visitor(user, actor, tenant, tuple(tenants.values()))


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
