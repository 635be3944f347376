"""What an actor can see: the only place of this room that asks for rows. Another tenant's rows are not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from controlplane.api.parameters import Query
from controlplane.identity.models import IdentityProvider
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from controlplane.tenants.access_models import Invitation, ServiceAccount
from controlplane.tenants.models import Account, ApiToken, Member, Tenant, TenantQuerySet
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot
from provisioner.runtimes.models import Runtime

Rows = TypeVar("Rows", bound=TenantQuerySet)
LONGEST_NUMBER = 19  # digits of a bigint


def runtimes(actor: Actor, query: Query | None = None) -> QuerySet[Runtime]:
    """Return the runtimes that the actor can see, with what their JSON needs; `query` may name one tenant."""
    rows = Runtime.objects.select_related("account", "tenant").defer("cluster_spec")
    seen: QuerySet[Runtime] = _seen(actor, rows, query)
    return seen


def operations(actor: Actor, query: Query | None = None) -> QuerySet[Operation]:
    """Return the operations that the actor can see, with what their JSON needs."""
    rows = Operation.objects.select_related("runtime", "tenant", "landscape")
    slim = rows.defer("runtime__cluster_spec", "runtime__spec", "runtime__status")
    seen: QuerySet[Operation] = _seen(actor, slim, query)
    return seen


def tenants(actor: Actor) -> QuerySet[Tenant]:
    """Return the tenants that the actor can see: the own one, or all."""
    if actor.tenant_id is not None:
        return Tenant.objects.filter(pk=actor.tenant_id)
    return Tenant.objects.all() if actor.sees_every_tenant else Tenant.objects.none()


def the_tenant(actor: Actor, text: str) -> Tenant:
    """Return the tenant by id or slug; raises Refused 404 alike for another one's and for none."""
    known = parse_uuid(text)
    rows = tenants(actor)
    tenant = (rows.filter(pk=known) if known else rows.filter(slug=text)).first()
    if tenant is None:
        raise missing("tenant", text)
    return tenant


def accounts(actor: Actor, query: Query | None = None) -> QuerySet[Account]:
    """Return the accounts that the actor can see."""
    seen: QuerySet[Account] = _seen(actor, Account.objects.select_related("tenant"), query)
    return seen


def members(actor: Actor, query: Query | None = None) -> QuerySet[Member]:
    """Return the members that the actor can see."""
    seen: QuerySet[Member] = _seen(actor, Member.objects.select_related("user", "tenant"), query)
    return seen


def invitations(actor: Actor, query: Query | None = None) -> QuerySet[Invitation]:
    """Return the invitations that the actor can see."""
    seen: QuerySet[Invitation] = _seen(actor, Invitation.objects.select_related("tenant"), query)
    return seen


def tokens(actor: Actor, query: Query | None = None) -> QuerySet[ApiToken]:
    """Return the tokens of tenants that the actor can see; those of the platform's team are nobody's."""
    rows = ApiToken.objects.filter(tenant__isnull=False).select_related("tenant", "service_account")
    seen: QuerySet[ApiToken] = _seen(actor, rows, query)
    return seen


def service_accounts(actor: Actor, query: Query | None = None) -> QuerySet[ServiceAccount]:
    """Return the service accounts that the actor can see, removed ones excluded."""
    rows = ServiceAccount.objects.filter(removed_at=None).select_related("tenant")
    seen: QuerySet[ServiceAccount] = _seen(actor, rows, query)
    return seen


def providers(actor: Actor) -> QuerySet[IdentityProvider]:
    """Return the identity providers of the actor's tenant; the platform's own are nobody's here."""
    rows = IdentityProvider.objects.filter(tenant=actor.tenant_id, tenant__isnull=False)
    return rows.select_related("tenant").prefetch_related("group_roles", "domains")


def the_account(actor: Actor, text: str, query: Query | None = None) -> Account:
    """Return the account by id or slug; a slug that several tenants use needs `tenant` from the platform's team.

    Raises Refused: account_not_found 404, tenant_required 400.
    """
    rows = accounts(actor, query)
    known = parse_uuid(text)
    found = list(rows.filter(pk=known) if known else rows.filter(slug=text)[:2])
    if not found:
        raise missing("account", text)
    if len(found) > 1:
        detail = f"Several tenants have an account “{text}”; add ?tenant= with the slug of one."
        raise Refused("tenant_required", detail, status=400)
    return found[0]


def tenant_for_write(own: Tenant | None, named: str) -> Tenant:
    """Return the tenant in which something is to be made: the token's own, or the one a platform token names.

    Raises Refused 403: tenant_required, forbidden.
    """
    if own is None:
        if not named:
            detail = "Your token belongs to no tenant; name the one this is for: “tenant”: its slug."
            raise Refused("tenant_required", detail, field="tenant", status=403)
        own = Tenant.objects.filter(slug=named).first()
    if own is None or (named and named != own.slug):
        detail = f"Your token can't act in a tenant “{named}”; name your own, or leave “tenant” out."
        raise Refused("forbidden", detail, field="tenant", status=403)
    return own


def token_of(actor: Actor) -> ApiToken:
    """Return the token that the actor came with."""
    return ApiToken.objects.get(pk=str(actor.token_id))


def id_of(noun: str, text: str) -> UUID:
    """Return the id that a path names; raises Refused 404 for what can't be one."""
    known = parse_uuid(text)
    if known is None:
        raise missing(noun, text)
    return known


def number_of(noun: str, text: str) -> int:
    """Return the number that a path names; raises Refused 404 for what can't be one."""
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER):
        raise missing(noun, text)
    return int(text)


def found(noun: str, text: str, rows: QuerySet[Any]) -> Any:
    """Return the row whose id a path names; raises Refused 404 alike for another tenant's and for none."""
    row = rows.filter(pk=id_of(noun, text)).first()
    if row is None:
        raise missing(noun, text)
    return row


def missing(noun: str, text: str) -> Refused:
    """Return the refusal for what is not there."""
    return Refused(f"{noun}_not_found", f"There is no {noun.replace('_', ' ')} {text[:64]}.", status=404)


def under_way(ids: Iterable[UUID]) -> dict[UUID, Operation]:
    """Return the active operation by runtime, in one query (rides on operation_one_per_slot)."""
    active = Operation.objects.filter(runtime_id__in=list(ids), slot=Slot.ACTIVE)
    return {operation.runtime_id: operation for operation in active}


def _seen(actor: Actor, rows: Any, query: Query | None) -> Any:
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    if query is not None and (slug := query.text("tenant")):
        rows = rows.filter(tenant__slug=slug)
    return rows
