"""Turns a person's groups into the role they give: added, changed and taken back at each sign-in.

A membership that somebody gave by hand is never touched; which one came from groups is noted at the identity.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from django.db import transaction

from controlplane.identity.models import GroupRole, Identity, IdentityProvider
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, PlatformRole, Role
from controlplane.tenants.members import change_role, remove_member
from controlplane.tenants.models import Member, User
from controlplane.tenants.services import add_member

# Of several roles the last one here wins.
_TENANT_RANK = [Role.VIEWER, Role.FINANCE, Role.DEVELOPER, Role.ADMIN, Role.OWNER]
_PLATFORM_RANK = [PlatformRole.SUPPORT, PlatformRole.FINOPS, PlatformRole.SRE, PlatformRole.ADMIN]
_RANK = [str(role) for role in (*_TENANT_RANK, *_PLATFORM_RANK)]


def role_of(provider: IdentityProvider, groups: AbstractSet[str]) -> str:
    """Return the highest role that the groups give at this provider, or an empty text."""
    rows = GroupRole.objects.filter(provider=provider, group__in=groups).values_list("role", flat=True)
    return max(rows, key=_RANK.index, default="")


def actor_of(provider: IdentityProvider) -> Actor:
    """Return who acts when groups change a role: the provider, with the right that its owners gave it."""
    role = Role.OWNER if provider.tenant_id else None
    platform = PlatformRole.NONE if provider.tenant_id else PlatformRole.ADMIN
    return Actor(
        name=f"provider:{provider.name}", role=role, tenant_id=provider.tenant_id, platform_role=platform
    )


@transaction.atomic
def apply_groups(*, provider: IdentityProvider, identity: Identity, groups: AbstractSet[str]) -> None:
    """Give the person the role of their groups, and take back what groups no longer give."""
    role = role_of(provider, groups)
    if provider.tenant_id is None:
        _set_platform_role(provider, identity, role)
    else:
        _set_member(provider, identity, role)


def _set_member(provider: IdentityProvider, identity: Identity, role: str) -> None:
    """Change the membership that groups gave, by the services that every change of a member goes through."""
    if provider.tenant is None:
        return
    tenant_id, user_id, actor = provider.tenant.id, identity.user_id, actor_of(provider)
    member = Member.objects.filter(tenant=tenant_id, user=user_id).first()
    if member is None:
        given = None
        if role:
            given = add_member(actor=actor, tenant=provider.tenant, user=identity.user, role=Role(role))
        _remember(identity, given)
    elif member.pk != identity.granted_member_id:
        _remember(identity, None)  # somebody gave it by hand
    elif role != member.role:
        try:
            if role:
                change_role(actor=actor, tenant_id=tenant_id, user_id=user_id, role=Role(role))
            else:
                remove_member(actor=actor, tenant_id=tenant_id, user_id=user_id)
                _remember(identity, None)
        except Refused as refusal:  # the last owner stays, and a suspended tenant's members keep their roles
            _note(provider, "member.keep", user_id, {"groups_give": role, "code": refusal.code})


def _set_platform_role(provider: IdentityProvider, identity: Identity, role: str) -> None:
    user = User.objects.select_for_update().get(pk=identity.user_id)
    if user.platform_role not in ("", identity.granted_platform_role):
        role_given = ""  # somebody gave another one by hand
    else:
        role_given = role
        if user.platform_role != role:
            before, user.platform_role = user.platform_role, role
            user.save(update_fields=["platform_role"])
            identity.user.platform_role = role
            _note(
                provider,
                "user.platform_role",
                identity.user_id,
                {"platform_role": {"before": before, "after": role}},
            )
    identity.granted_platform_role = role_given
    identity.save(update_fields=["granted_platform_role"])


def _remember(identity: Identity, member: Member | None) -> None:
    if identity.granted_member_id != (member.pk if member else None):
        identity.granted_member = member
        identity.save(update_fields=["granted_member"])


def _note(provider: IdentityProvider, action: str, user_id: object, changes: dict[str, object]) -> None:
    audit.record(
        action,
        actor=actor_of(provider),
        tenant_id=provider.tenant_id,
        target_type="user",
        target_id=user_id,
        changes=changes,
    )
