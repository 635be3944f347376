"""What can be done with invitations: send, send again, revoke, accept. The link is the only copy of its secret."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit, ports
from controlplane.tenants.access import Actor, Permission, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.isolation.scopes import platform_scope, tenant_scope
from controlplane.tenants.letters import count_letter
from controlplane.tenants.models import Member, Tenant, User
from controlplane.tenants.rights import require, require_grant, seen_by
from controlplane.tenants.suspension import refuse_suspended

SECRET_PREFIX = "nesoi_inv_"  # noqa: S105 - so that logs mask it like any token
LONGEST_EMAIL = 254  # RFC 5321 §4.5.3.1.3
AddressOf = Callable[[str], str]


@transaction.atomic
def invite(
    *,
    actor: Actor,
    tenant: Tenant,
    email: str,
    role: Role,
    address_of: AddressOf,
    any_address: bool = False,
) -> Invitation:
    """Send a one-time link that makes whoever opens it a member; `address_of` turns its secret into an address.

    Raises Refused: forbidden 403, role_above_own 403, tenant_suspended 403, email_invalid, already_member 409,
    already_invited 409, too_many_invitations 429. Whether the address belongs to somebody elsewhere is never told.
    """
    require(actor, Permission.MEMBER_MANAGE, tenant_id=tenant.id)
    require_grant(actor, role, tenant_id=tenant.id)
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.id)
    refuse_suspended(tenant)
    email = clean_email(email)
    _refuse_known(tenant, email)
    count_letter(tenant, email)
    return issue(
        actor=actor, tenant=tenant, email=email, role=role, address_of=address_of, any_address=any_address
    )


def issue(
    *,
    actor: Actor,
    tenant: Tenant,
    email: str,
    role: Role,
    address_of: AddressOf,
    any_address: bool = False,
) -> Invitation:
    """Write an invitation and its message, in the transaction of a caller who has looked whether that may be."""
    secret, sent, expires = _new_secret()
    row: Invitation = Invitation.objects.create(
        tenant=tenant,
        email=email,
        role=role.value,
        any_address=any_address,
        digest=_digest(secret),
        invited_by=actor.name[:160],
        invited_by_user_id=actor.user_id,
        sent_at=sent,
        expires_at=expires,
    )
    _send(row, secret, address_of)
    _note(actor, row, "invite", {"email": email, "role": role.value, "any_address": any_address})
    return row


def _refuse_known(tenant: Tenant, email: str) -> None:
    """Raise Refused 409 when this tenant has the address already; an expired invitation gives its place to a new one."""
    if Member.objects.filter(tenant=tenant, user__email__iexact=email).exists():
        detail = f"{email} is a member already; change their role instead."
        raise Refused("already_member", detail, field="email", status=409)
    live = Invitation.objects.filter(tenant=tenant, email=email, accepted_at=None, revoked_at=None)
    live.filter(expires_at__lte=utcnow()).update(revoked_at=utcnow())
    if live.exists():
        detail = f"{email} is invited already; send that invitation again, or revoke it."
        raise Refused("already_invited", detail, field="email", status=409)


@transaction.atomic
def send_again(*, actor: Actor, invitation_id: UUID, address_of: AddressOf) -> Invitation:
    """Send a new link for an invitation that nobody took; the former link is dead.

    Raises Refused: invitation_not_found 404, forbidden 403, role_above_own 403, tenant_suspended 403, invitation_ended 409,
    too_many_invitations 429.
    """
    Tenant.objects.select_for_update(no_key=True).filter(pk=_seen(actor, invitation_id).tenant_id).get()
    row = _locked(actor, invitation_id)
    require(actor, Permission.MEMBER_MANAGE, tenant_id=row.tenant_id)
    require_grant(actor, Role(row.role), tenant_id=row.tenant_id)
    refuse_suspended(row.tenant)
    _refuse_ended(row)
    count_letter(row.tenant, row.email)
    secret, row.sent_at, row.expires_at = _new_secret()
    row.digest = _digest(secret)
    row.save(update_fields=["digest", "sent_at", "expires_at"])
    _send(row, secret, address_of)
    _note(actor, row, "send_again", {})
    return row


@transaction.atomic
def revoke_invitation(*, actor: Actor, invitation_id: UUID) -> Invitation:
    """Make the link worthless; raises Refused: invitation_not_found 404, forbidden 403, invitation_ended 409."""
    row = _locked(actor, invitation_id)
    require(actor, Permission.MEMBER_MANAGE, tenant_id=row.tenant_id)
    _refuse_ended(row)
    row.revoked_at = utcnow()
    row.save(update_fields=["revoked_at"])
    _note(actor, row, "revoke", {"email": row.email})
    return row


@dataclass(frozen=True)
class Offer:
    """What the page of a link may show: nothing that its holder could not know from the message."""

    invitation_id: UUID
    tenant_id: UUID
    tenant_name: str
    email: str
    role: Role
    any_address: bool


def find_offer(secret: str) -> Offer:
    """Return what a link offers; raises Refused invitation_invalid 410, the same for unknown, used, revoked and expired."""
    with platform_scope(), transaction.atomic():
        row = Invitation.objects.filter(digest=_digest(secret)).select_related("tenant").first()
    if row is None or row.accepted_at or row.revoked_at or row.expires_at <= utcnow():
        raise _invalid()
    return Offer(row.id, row.tenant_id, row.tenant.name, row.email, Role(row.role), row.any_address)


def accept_invitation(*, secret: str, user: User, actor: Actor) -> Offer:
    """Make a person a member by their link, once.

    Raises Refused: invitation_invalid 410, email_differs 403, already_member 409, tenant_suspended 403.
    """
    offer = find_offer(secret)
    if not offer.any_address and user.email.lower() != offer.email:
        detail = (
            f"This invitation is for {offer.email}, and you are signed in with another address. "
            "Sign in with that one, or ask for an invitation to yours."
        )
        raise Refused("email_differs", detail, status=403)
    with tenant_scope(offer.tenant_id, user_id=user.id), transaction.atomic():
        _become_member(offer, user, actor)
    return offer


def _become_member(offer: Offer, user: User, actor: Actor) -> None:
    refuse_suspended(Tenant.objects.select_for_update(no_key=True).get(pk=offer.tenant_id))
    now = utcnow()
    open_one = Invitation.objects.filter(
        pk=offer.invitation_id, accepted_at=None, revoked_at=None, expires_at__gt=now
    )
    if open_one.update(accepted_at=now, accepted_by=user) != 1:
        raise _invalid()
    try:
        with transaction.atomic():
            Member.objects.create(tenant_id=offer.tenant_id, user=user, role=offer.role.value)
    except IntegrityError as error:
        detail = f"You belong to {offer.tenant_name} already; there is nothing to accept."
        raise Refused("already_member", detail, status=409) from error
    audit.record(
        "member.join",
        actor=actor,
        tenant_id=offer.tenant_id,
        target_type="user",
        target_id=user.id,
        changes={"role": {"before": None, "after": offer.role.value}, "invitation": str(offer.invitation_id)},
    )


def clean_email(text: str) -> str:
    """Return an address in lower case; raises Refused email_invalid."""
    email = text.strip().lower()
    try:
        if len(email) > LONGEST_EMAIL:
            raise ValidationError("")
        validate_email(email)
    except ValidationError as error:
        detail = "email must be an e-mail address, for example ada@example.org."
        raise Refused("email_invalid", detail, field="email") from error
    return email


def _locked(actor: Actor, invitation_id: UUID) -> Invitation:
    return _seen(actor, invitation_id, Invitation.objects.select_for_update(of=("self",)))


def _seen(actor: Actor, invitation_id: UUID, rows: Any = None) -> Invitation:
    rows = Invitation.objects.all() if rows is None else rows
    row: Invitation | None = seen_by(actor, rows).select_related("tenant").filter(pk=invitation_id).first()
    if row is None:
        raise Refused("invitation_not_found", "There is no such invitation in your tenant.", status=404)
    return row


def _refuse_ended(row: Invitation) -> None:
    if row.accepted_at or row.revoked_at:
        detail = "This invitation was accepted or revoked; invite the person anew."
        raise Refused("invitation_ended", detail, status=409)


def _invalid() -> Refused:
    detail = "This invitation is not valid any more, or never was. Ask whoever invited you for a new one."
    return Refused("invitation_invalid", detail, status=410)


def _new_secret() -> tuple[str, datetime, datetime]:
    now = utcnow()
    return SECRET_PREFIX + secrets.token_urlsafe(32), now, now + timedelta(days=settings.INVITATION_DAYS)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _send(row: Invitation, secret: str, address_of: AddressOf) -> None:
    context = {
        "tenant": row.tenant.name,
        "role": row.role,
        "by": row.invited_by.removeprefix("token:"),
        "link": address_of(secret),
        "days": settings.INVITATION_DAYS,
    }
    ports.notify(to=row.email, kind="invitation", context=context, tenant_id=row.tenant_id)


def _note(actor: Actor, row: Invitation, verb: str, changes: dict[str, object]) -> None:
    audit.record(
        f"invitation.{verb}",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="invitation",
        target_id=row.id,
        changes=changes,
    )
