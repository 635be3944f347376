"""Who asks, and for whom: the platform, the tenant its organisation is, and the account that stands for the organisation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from controlplane.kernel.errors import Refused
from controlplane.osb.credentials import Platform
from controlplane.osb.models import BrokerOrganization, OsbInstance
from controlplane.osb.wishes import ProvisionWish
from controlplane.tenants.access import Actor, Role
from controlplane.tenants.models import Account, Tenant
from controlplane.tenants.services import create_account

LONGEST_ACCOUNT_NAME = 120


@dataclass(frozen=True)
class Caller:
    """One request's asker; `tenant` is None until it is known, which for an unmapped platform is never."""

    platform: Platform
    tenant: Tenant | None
    on_behalf_of: str
    request_identity: str  # as the platform calls its request
    request_id: str
    address: str
    region: str  # that the address fixes, or empty
    base: str  # scheme and host that people use

    @property
    def realm(self) -> UUID:
        """Within which instance ids are unique: a tenant's, or one platform's."""
        return self.platform.tenant.id if self.platform.tenant else self.platform.credential_id

    @property
    def actor(self) -> Actor:
        """Who does it, as every door of the provisioner knows people: a developer of the tenant."""
        return Actor(
            name=f"broker:{self.platform.username}",
            role=Role.DEVELOPER if self.tenant else None,
            tenant_id=self.tenant.id if self.tenant else None,
            on_behalf_of=self.on_behalf_of,
            request_id=self.request_id,
            address=self.address,
        )

    def owner(self) -> Tenant:
        """Return the tenant; raises Refused 403 without."""
        if self.tenant is None:
            raise Refused("organization_not_mapped", "This organisation is no tenant's here.", status=403)
        return self.tenant


def of_instance(caller: Caller, instance_id: str) -> Caller:
    """Return the caller with the tenant of an instance it ordered before, if there is one."""
    if caller.tenant is not None:
        return caller
    rows = OsbInstance.objects.filter(realm=caller.realm, instance_id=instance_id).select_related("tenant")
    row = rows.order_by("-id").first()
    return replace(caller, tenant=row.tenant) if row else caller


def of_organization(caller: Caller, wish: ProvisionWish) -> Caller:
    """Return the caller with the tenant that the order's organisation is mapped to; raises Refused 403 when it is not."""
    if caller.tenant is not None:
        return caller
    names = {organization_of(wish), wish.organization, str(wish.context.get("clusterid", ""))}
    rows = BrokerOrganization.objects.filter(credential=caller.platform.credential_id, organization__in=names)
    # The longest name is the narrowest: a namespace may be another tenant's than the rest of its cluster.
    found = max(rows.select_related("tenant"), key=lambda row: len(row.organization), default=None)
    if found is None:
        detail = (
            f"Organisation {organization_of(wish)} is no tenant's here; ask the platform's team to map it."
        )
        raise Refused("organization_not_mapped", detail, field="organization_guid", status=403)
    return replace(caller, tenant=found.tenant)


def platform_of(context: Mapping[str, Any]) -> str:
    """Return the platform's name as its context gives it, or empty."""
    platform = context.get("platform")
    return platform if isinstance(platform, str) else ""


def organization_of(wish: ProvisionWish) -> str:
    """Return what an account stands for: an organisation of Cloud Foundry, a namespace of Kubernetes, or what is sent as one."""
    context = wish.context
    if platform_of(context) == "kubernetes" and isinstance(context.get("namespace"), str):
        return f"{context.get('clusterid', '')}/{context['namespace']}"[:255]
    guid = context.get("organization_guid")
    return guid[:255] if isinstance(guid, str) and guid else wish.organization


def account_for(caller: Caller, wish: ProvisionWish) -> Account:
    """Return the account of the order's organisation, made when it is not there; its slug comes from the id and never changes."""
    tenant, organization = caller.owner(), organization_of(wish)
    platform = platform_of(wish.context)
    digest = hashlib.sha256(f"{caller.realm}:{platform}:{organization}".encode()).hexdigest()[:12]
    slug = f"{ {'cloudfoundry': 'cf', 'kubernetes': 'k8s'}.get(platform, 'osb') }-{digest}"
    account: Account | None = Account.objects.filter(tenant=tenant, slug=slug).first()
    if account is not None:
        return account
    name = next(
        (
            text
            for key in ("organization_name", "namespace")
            if isinstance(text := wish.context.get(key), str) and text
        ),
        organization,
    )
    name = re.sub(r"[^\w .,:/()&-]", "?", name)[:LONGEST_ACCOUNT_NAME]
    try:
        # Opening an account takes an admin; here the tenant's admin who made the credential allowed it.
        return create_account(
            actor=replace(caller.actor, role=Role.ADMIN), tenant=tenant, slug=slug, name=name
        )
    except Refused as refusal:
        if refusal.code != "slug_taken":
            raise
        made: Account = Account.objects.get(tenant=tenant, slug=slug)  # by another request, a moment ago
        return made
