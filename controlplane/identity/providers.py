"""What can be done to identity providers; each leaves an audit row. The secret never leaves this room in plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from controlplane.identity import mapping
from controlplane.identity.models import GroupRole, Identity, IdentityProvider, ProviderDomain, UserSession
from controlplane.identity.oidc.flow import Client
from controlplane.identity.wishes import check_issuer, check_wish
from controlplane.kernel.errors import Refused
from controlplane.sealing import seal, unseal
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, Role
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require


@dataclass(frozen=True)
class Wish:
    """What somebody wants a provider to be; `client_secret` None keeps the one that is there."""

    name: str
    client_id: str
    client_secret: str | None = None
    scopes: str = "openid email profile"
    groups_claim: str = "groups"
    contact: str = ""
    enabled: bool = True
    group_roles: Mapping[str, str] | None = None  # None: as they are
    domains: Sequence[str] | None = None

    def __repr__(self) -> str:
        return f"Wish({self.name})"  # without the secret


def client_of(provider: IdentityProvider, redirect_uri: str) -> Client:
    """Return who we are at a provider, with its secret; raises KeyUnavailable or Tampered."""
    sealed = bytes(provider.client_secret)
    secret = unseal(sealed, context=provider.secret_context).decode() if sealed else ""
    return Client(provider.issuer, provider.client_id, secret, provider.scopes, redirect_uri)


@transaction.atomic
def add_provider(*, actor: Actor, tenant: Tenant | None, issuer: str, wish: Wish) -> IdentityProvider:
    """Register a provider for a tenant, or for the platform; raises Refused with the field that is wrong."""
    check_issuer(issuer)
    check_wish(wish, platform=tenant is None)
    provider = IdentityProvider(tenant=tenant, issuer=issuer)
    _may_set(actor, provider, wish)
    _fill(provider, wish)
    try:
        with transaction.atomic():
            provider.save(force_insert=True)
    except IntegrityError as fault:
        detail = "This issuer is registered already; change that registration instead."
        raise Refused("issuer_taken", detail, field="issuer", status=409) from fault
    _set_mapping(provider, wish)
    _note("identity.provider.add", actor, provider, _described(provider, wish))
    return provider


@transaction.atomic
def change_provider(*, actor: Actor, provider_id: UUID, wish: Wish) -> IdentityProvider:
    """Make a provider what is wished; its issuer stays. Disabling it ends the sessions that began there."""
    provider = find_provider(actor, provider_id, lock=True)
    check_wish(wish, platform=provider.tenant_id is None)
    _may_set(actor, provider, wish)
    _fill(provider, wish)
    provider.save()
    _set_mapping(provider, wish)
    if not provider.enabled:
        UserSession.objects.filter(provider=provider).delete()
    _note("identity.provider.change", actor, provider, _described(provider, wish))
    return provider


@transaction.atomic
def switch_provider(*, actor: Actor, provider_id: UUID, enabled: bool) -> None:
    """Switch a provider on or off; off ends the sessions that began there."""
    provider = find_provider(actor, provider_id, lock=True)
    _may_set(actor, provider, None)
    provider.enabled = enabled
    provider.save(update_fields=["enabled"])
    if not enabled:
        UserSession.objects.filter(provider=provider).delete()
    _note("identity.provider.change", actor, provider, {"enabled": enabled})


@transaction.atomic
def remove_provider(*, actor: Actor, provider_id: UUID) -> int:
    """Forget a provider, end its sessions, take back what its groups gave; return how many people came from it."""
    provider = find_provider(actor, provider_id, lock=True)
    _may_set(actor, provider, None)
    identities = list(Identity.objects.filter(provider=provider).select_related("user"))
    for identity in identities:
        mapping.apply_groups(provider=provider, identity=identity, groups=frozenset())
    _note("identity.provider.remove", actor, provider, {"people": len(identities)})
    provider.delete()
    return len(identities)


@transaction.atomic
def confirm_domain(*, actor: Actor, provider_id: UUID, domain: str) -> ProviderDomain:
    """Say, for the platform, whose a domain is; raises Refused (domain_unknown, domain_taken)."""
    row = (
        ProviderDomain.objects.select_related("provider").filter(provider=provider_id, domain=domain).first()
    )
    if row is None:
        detail = f"“{domain}” is not among this provider's domains; its admins add it first."
        raise Refused("domain_unknown", detail, field="domain", status=404)
    try:
        with transaction.atomic():
            ProviderDomain.objects.filter(pk=row.pk, confirmed_at=None).update(confirmed_at=Now())
    except IntegrityError as fault:
        detail = f"“{domain}” leads to another provider already."
        raise Refused("domain_taken", detail, field="domain", status=409) from fault
    _note("identity.domain.confirm", actor, row.provider, {"domain": domain})
    row.refresh_from_db()
    return row


def find_provider(actor: Actor, provider_id: UUID, *, lock: bool = False) -> IdentityProvider:
    """Return a provider of the actor's tenant, or any for an operator; raises Refused (provider_not_found)."""
    rows: Any = IdentityProvider.objects.select_for_update() if lock else IdentityProvider.objects.all()
    rows = rows.filter(pk=provider_id)
    if not _is_operator(actor):
        rows = rows.filter(tenant_id=actor.tenant_id, tenant__isnull=False)
    provider: IdentityProvider | None = rows.first()
    if provider is None:
        detail = "There is no such identity provider, or it belongs to another tenant."
        raise Refused("provider_not_found", detail, status=404)
    return provider


def providers_of(tenant_id: UUID) -> list[IdentityProvider]:
    """Return a tenant's providers, oldest first, with their domains."""
    rows = IdentityProvider.objects.filter(tenant=tenant_id).prefetch_related("domains", "group_roles")
    return list(rows.order_by("pk"))


def people_of(provider: IdentityProvider) -> int:
    """Return how many people have come from a provider."""
    return Identity.objects.filter(provider=provider).count()


def _is_operator(actor: Actor) -> bool:
    return actor.tenant_id is None and actor.user_id is None and actor.token_id is None


def _may_set(actor: Actor, provider: IdentityProvider, wish: Wish | None) -> None:
    """Raise Refused forbidden, or owner_mapping where somebody who may not make owners would let a provider make them."""
    if _is_operator(actor):
        return
    if provider.tenant_id is None:
        raise Refused("forbidden", "Only an operator sets the platform's own providers.", status=403)
    require(actor, Permission.IDENTITY_MANAGE, tenant_id=provider.tenant_id)
    if actor.may(Permission.OWNER_MANAGE, tenant_id=provider.tenant_id):
        return
    wanted = set((wish.group_roles or {}).values()) if wish else set()
    stands = GroupRole.objects.filter(provider=provider, role=Role.OWNER.value).exists()
    if Role.OWNER.value in wanted or stands:
        detail = "Only an owner may let a group's people become owners, or change a provider that does."
        raise Refused("owner_mapping", detail, field="group_roles", status=403)


def _fill(provider: IdentityProvider, wish: Wish) -> None:
    for name in ("name", "client_id", "scopes", "groups_claim", "contact", "enabled"):
        setattr(provider, name, getattr(wish, name))
    if wish.client_secret is not None:
        secret = wish.client_secret.encode()
        provider.client_secret = seal(secret, context=provider.secret_context) if secret else b""


def _set_mapping(provider: IdentityProvider, wish: Wish) -> None:
    if wish.group_roles is not None:
        provider.group_roles.all().delete()
        rows = [
            GroupRole(provider=provider, group=group, role=role) for group, role in wish.group_roles.items()
        ]
        GroupRole.objects.bulk_create(rows)
    if wish.domains is not None:
        provider.domains.exclude(domain__in=wish.domains).delete()
        ProviderDomain.objects.bulk_create(
            [ProviderDomain(provider=provider, domain=domain) for domain in wish.domains],
            ignore_conflicts=True,  # what is confirmed stays so
        )


def _described(provider: IdentityProvider, wish: Wish) -> dict[str, Any]:
    return {
        "name": provider.name,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "enabled": provider.enabled,
        "secret_replaced": wish.client_secret is not None,
        "group_roles": dict(wish.group_roles or {}),
        "domains": list(wish.domains or ()),
    }


def _note(action: str, actor: Actor, provider: IdentityProvider, changes: Mapping[str, Any]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=provider.tenant_id,
        target_type="identity_provider",
        target_id=provider.id,
        changes=changes,
    )


def disable_all(tenant_id: UUID) -> dict[str, int]:
    """Let nobody sign in with the providers of a tenant that is closed; in the caller's transaction."""
    mine = IdentityProvider.objects.filter(tenant=tenant_id, enabled=True)
    return {"identity_providers": mine.update(enabled=False)}
