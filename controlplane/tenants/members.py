"""What can be done to members: change a role, remove, leave. A tenant keeps an owner, whatever happens at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import IntegrityError, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit, ports
from controlplane.tenants.access import Actor, Permission, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.models import ApiToken, Member, Tenant
from controlplane.tenants.rights import require, require_grant
from controlplane.tenants.suspension import refuse_suspended

GUARD = "member_last_owner_stays"


@transaction.atomic
def change_role(*, actor: Actor, tenant_id: UUID, user_id: UUID, role: Role) -> Member:
    """Give a member another role, and take back what their former role handed out and the new one could not.

    Raises Refused: member_not_found 404, forbidden 403, role_above_own 403, tenant_suspended 403, last_owner 409.
    """
    tenant, member = _locked(tenant_id, user_id)
    before = Role(member.role)
    _require_over(actor, before, tenant_id)
    require_grant(actor, role, tenant_id=tenant_id)
    refuse_suspended(tenant)
    if role == before:
        return member
    _keep_an_owner(member)
    with _guarded():
        Member.objects.filter(pk=member.pk).update(role=role.value)
    member.role = role.value
    _take_back(actor, member, role)
    audit.record(
        "member.change_role",
        actor=actor,
        tenant_id=tenant_id,
        target_type="user",
        target_id=user_id,
        changes={"role": {"before": before.value, "after": role.value}},
    )
    return member


@transaction.atomic
def remove_member(*, actor: Actor, tenant_id: UUID, user_id: UUID) -> Member:
    """End a membership with the person's sessions, their tokens here and their open invitations.

    Tokens of service accounts stay: they are the tenant's. Raises Refused: member_not_found 404, forbidden 403, last_owner 409.
    """
    _, member = _locked(tenant_id, user_id)
    _require_over(actor, Role(member.role), tenant_id)
    _keep_an_owner(member)
    ports.end_sessions(actor=actor, tenant_id=tenant_id, user_id=user_id)
    _end(actor, member, "member.remove")
    return member


@transaction.atomic
def leave(*, actor: Actor, tenant_id: UUID) -> None:
    """End the actor's own membership; raises Refused: member_not_found 404, last_owner 409."""
    if actor.user_id is None:
        raise Refused("not_a_person", "A token is no member and can't leave; revoke it instead.", status=409)
    _, member = _locked(tenant_id, actor.user_id)
    _keep_an_owner(member)
    _end(actor, member, "member.leave")


def _end(actor: Actor, member: Member, action: str) -> None:
    _take_back(actor, member, None)
    key = member.pk
    with _guarded():
        Member.objects.filter(pk=key).delete()
    audit.record(
        action,
        actor=actor,
        tenant_id=member.tenant_id,
        target_type="user",
        target_id=member.user_id,
        changes={"role": {"before": member.role, "after": None}},
    )


def _locked(tenant_id: UUID, user_id: UUID) -> tuple[Tenant, Member]:
    """Return the tenant, locked so that owners go one after the other, and its member."""
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    member = Member.objects.filter(tenant=tenant_id, user=user_id).select_related("user").first()
    if tenant is None or member is None:
        raise Refused("member_not_found", "There is no such member in this tenant.", status=404)
    return tenant, member


def _require_over(actor: Actor, role: Role, tenant_id: UUID) -> None:
    require(actor, Permission.MEMBER_MANAGE, tenant_id=tenant_id)
    if role == Role.OWNER and not actor.may(Permission.OWNER_MANAGE, tenant_id=tenant_id):
        detail = "Only an owner changes or removes an owner; ask one."
        raise Refused("forbidden", detail, status=403)


def _keep_an_owner(member: Member) -> None:
    others = Member.objects.filter(tenant=member.tenant_id, role=Role.OWNER.value).exclude(pk=member.pk)
    if member.role == Role.OWNER and not others.exists():
        raise _last_owner()


@contextmanager
def _guarded() -> Iterator[None]:
    """Tell the database's own refusal in words; the lock should have come first."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if GUARD in str(error):
            raise _last_owner() from error
        raise


def _last_owner() -> Refused:
    detail = "This is the tenant's last owner; make somebody else an owner first."
    return Refused("last_owner", detail, status=409)


def _take_back(actor: Actor, member: Member, role: Role | None) -> None:
    """Revoke the person's tokens and open invitations that hold more than `role` (None: all of them)."""
    holder = Actor(name="", role=role, tenant_id=member.tenant_id)
    too_high = [r.value for r in Role if role is None or not holder.may_grant(r, tenant_id=member.tenant_id)]
    theirs = {"tenant": member.tenant_id, "role__in": too_high, "revoked_at": None}
    tokens = ApiToken.objects.filter(**theirs, created_by_user=member.user_id, service_account=None)
    open_ones = Invitation.objects.filter(**theirs, invited_by_user=member.user_id, accepted_at=None)
    for noun, rows in (("token", tokens), ("invitation", open_ones)):
        for row_id in list(rows.values_list("pk", flat=True)):
            rows.filter(pk=row_id).update(revoked_at=utcnow())
            audit.record(
                f"{noun}.revoke",
                actor=actor,
                tenant_id=member.tenant_id,
                target_type=noun,
                target_id=row_id,
                changes={"because": "its maker lost the role"},
            )
