"""What can be done with a tenant's tokens: make one, rotate it, revoke it. A secret is told once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, Role, TokenScope
from controlplane.tenants.access_models import ServiceAccount
from controlplane.tenants.models import ApiToken, Tenant
from controlplane.tenants.rights import require, seen_by
from controlplane.tenants.services import digest_of, issue_token, new_secret
from controlplane.tenants.suspension import refuse_suspended

DEFAULT_DAYS = 90
LONGEST_OVERLAP_HOURS = 24


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    tenant: Tenant,
    name: str,
    role: Role | None = None,
    scopes: Iterable[TokenScope] = TokenScope,
    days: int | None = None,
    service_account: ServiceAccount | None = None,
) -> tuple[ApiToken, str]:
    """Return a new token and its only plain copy; its role is its service account's, or else the given, or else the actor's.

    Raises Refused: forbidden 403, role_above_own 403, tenant_suspended 403, name_invalid, name_taken 409, expiry_invalid,
    scopes_invalid.
    """
    require(actor, Permission.TOKEN_MANAGE, tenant_id=tenant.id)
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.id)
    refuse_suspended(tenant)
    wanted = [scope for scope in TokenScope if scope in set(scopes)]
    if not wanted:
        raise Refused("scopes_invalid", "scopes needs at least one; choose from the list.", field="scopes")
    role = Role(service_account.role) if service_account else role or actor.role
    if role is None or not actor.may_grant(role, tenant_id=tenant.id, scopes=wanted):
        detail = f"You can't make a token with the role {role}: it could do more than you may."
        raise Refused("role_above_own", detail, field="role", status=403)
    expires_at = _expiry(days or min(DEFAULT_DAYS, settings.TOKEN_MAX_DAYS))
    return issue_token(
        actor=actor,
        name=_free_name(tenant, name),
        tenant=tenant,
        role=role,
        scopes=wanted,
        expires_at=expires_at,
        service_account=service_account,
    )


@transaction.atomic
def rotate_token(
    *, actor: Actor, token_id: UUID, overlap_hours: int = LONGEST_OVERLAP_HOURS, days: int | None = None
) -> tuple[ApiToken, str]:
    """Return the token with a new secret; the present one works for `overlap_hours` more, or ends now with 0.

    While an earlier overlap lasts only 0 is taken: another would end the secret that programs still change over from.
    With `days` it also expires later. A token may rotate itself, without living longer.
    Raises Refused: token_not_found 404, forbidden 403, role_above_own 403, tenant_suspended 403, token_ended 409,
    rotation_under_way 409, overlap_invalid, expiry_invalid.
    """
    row, tenant = _locked(actor, token_id)
    if actor.token_id != row.id or days is not None:
        _require_as_much(actor, row, tenant)
    refuse_suspended(tenant)
    now = utcnow()
    if row.revoked_at or (row.expires_at and row.expires_at <= now):
        detail = "This token is revoked or expired; make a new one."
        raise Refused("token_ended", detail, status=409)
    if not 0 <= overlap_hours <= LONGEST_OVERLAP_HOURS:
        detail = f"overlap_hours must be 0 to {LONGEST_OVERLAP_HOURS}."
        raise Refused("overlap_invalid", detail, field="overlap_hours")
    keeps = overlap_hours > 0
    if keeps and row.previous_until and row.previous_until > now:
        raise _under_way(row.previous_prefix, row.previous_until)
    if days is not None:
        row.expires_at = _expiry(days)
    row.previous_digest = bytes(row.digest) if keeps else None
    row.previous_prefix = row.prefix if keeps else ""
    row.previous_until = now + timedelta(hours=overlap_hours) if keeps else None
    plain, row.prefix = new_secret()
    row.digest = digest_of(plain)
    row.save(
        update_fields=[
            "prefix", "digest", "previous_prefix", "previous_digest", "previous_until", "expires_at",
        ]
    )  # fmt: skip
    _note(actor, row, "rotate", {"overlap_hours": overlap_hours, "expires_at": row.expires_at})
    return row, plain


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: UUID) -> ApiToken:
    """End a token with both of its secrets; doing it again changes nothing.

    Raises Refused: token_not_found 404, forbidden 403.
    """
    row, tenant = _locked(actor, token_id)
    require(actor, Permission.TOKEN_MANAGE, tenant_id=tenant.id)
    if row.revoked_at is None:
        row.revoked_at = utcnow()
        row.save(update_fields=["revoked_at"])
        _note(actor, row, "revoke", {"name": row.name})
    return row


def scopes_of(row: ApiToken) -> frozenset[TokenScope]:
    """Return a token's scopes."""
    return frozenset(TokenScope(word) for word in row.scopes.split(","))


def _locked(actor: Actor, token_id: UUID) -> tuple[ApiToken, Tenant]:
    rows = ApiToken.objects.select_for_update(of=("self",)).select_related("tenant", "service_account")
    row: ApiToken | None = seen_by(actor, rows).filter(pk=token_id, tenant__isnull=False).first()
    if row is None or row.tenant is None:
        raise Refused("token_not_found", "There is no such token in your tenant.", status=404)
    return row, row.tenant


def _require_as_much(actor: Actor, row: ApiToken, tenant: Tenant) -> None:
    require(actor, Permission.TOKEN_MANAGE, tenant_id=tenant.id)
    if not actor.may_grant(Role(row.role), tenant_id=tenant.id, scopes=scopes_of(row)):
        detail = f"You can't rotate this token: it may do more than you, as {row.role}. Ask one of its role."
        raise Refused("role_above_own", detail, status=403)


def _under_way(prefix: str, until: datetime) -> Refused:
    detail = (
        f"This token was rotated already: {prefix}… works until {rfc3339(until)}, and one more rotation would end it now. "
        "Wait until then; or rotate with an overlap of 0 hours, which ends that one and the present one at once."
    )
    return Refused("rotation_under_way", detail, field="overlap_hours", status=409)


def _expiry(days: int) -> datetime:
    if not 1 <= days <= settings.TOKEN_MAX_DAYS:
        detail = f"expires_in_days must be 1 to {settings.TOKEN_MAX_DAYS}."
        raise Refused("expiry_invalid", detail, field="expires_in_days")
    return utcnow() + timedelta(days=days)


def _free_name(tenant: Tenant, name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():  # noqa: PLR2004 - the column's length
        raise Refused("name_invalid", "name must have 1 to 80 printable characters.", field="name")
    valid = Q(expires_at=None) | Q(expires_at__gt=utcnow())
    if ApiToken.objects.filter(valid, tenant=tenant, name=name, revoked_at=None).exists():
        detail = f"There is a valid token “{name}” already; choose another name."
        raise Refused("name_taken", detail, field="name", status=409)
    return name


def _note(actor: Actor, row: ApiToken, verb: str, changes: dict[str, object]) -> None:
    audit.record(
        f"token.{verb}",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="token",
        target_id=row.id,
        changes=changes,
    )
