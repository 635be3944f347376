"""What can be done to tenants, accounts, people and tokens; each leaves an audit row."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models.functions import Now

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit, queries
from controlplane.tenants.access import Actor, PlatformRole, Role, TokenScope
from controlplane.tenants.isolation import prepared
from controlplane.tenants.isolation.scopes import Scope, scoped
from controlplane.tenants.models import SLUG, Account, ApiToken, Member, Tenant, User
from controlplane.tenants.suspension import refuse_suspended

if TYPE_CHECKING:
    from controlplane.tenants.access_models import ServiceAccount

TOKEN_PREFIX = "nesoi_"  # noqa: S105 - it marks a token for secret scanners
LAST_USED_GRAIN = timedelta(minutes=5)  # one write per token and grain, not one per request


def new_secret() -> tuple[str, str]:
    """Return a new token's plain text and the prefix that is shown of it."""
    plain = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return plain, plain[: len(TOKEN_PREFIX) + 5]


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def _check_slug(slug: str, field: str) -> None:
    if not re.fullmatch(SLUG, slug):
        raise Refused(
            "slug_invalid",
            f"“{slug}” can't be a slug: use 2 to 40 lower-case letters, digits and dashes, beginning with a letter.",
            field=field,
        )


@transaction.atomic
def create_tenant(*, actor: Actor, slug: str, name: str) -> Tenant:
    """Create a tenant; raises Refused when the slug is malformed or taken."""
    _check_slug(slug, "slug")
    tenant, created = Tenant.objects.get_or_create(slug=slug, defaults={"name": name})
    if not created:
        raise Refused(
            "slug_taken",
            f"There is a tenant “{slug}” already; choose another slug.",
            field="slug",
            status=409,
        )
    audit.record("tenant.create", actor=actor, tenant_id=tenant.id, target_type="tenant", target_id=tenant.id)
    return tenant


@transaction.atomic
def create_account(*, actor: Actor, tenant: Tenant, slug: str, name: str) -> Account:
    """Create an account in a tenant; raises Refused when the slug is malformed or taken, or the tenant suspended."""
    refuse_suspended(tenant)
    _check_slug(slug, "slug")
    account: Account
    account, created = Account.objects.get_or_create(tenant=tenant, slug=slug, defaults={"name": name})
    if not created:
        raise Refused(
            "slug_taken", f"“{slug}” is an account already; choose another slug.", field="slug", status=409
        )
    audit.record(
        "account.create", actor=actor, tenant_id=tenant.id, target_type="account", target_id=account.id
    )
    return account


@transaction.atomic
def create_user(
    *,
    actor: Actor,
    username: str,
    password: str,
    email: str = "",
    platform_role: PlatformRole = PlatformRole.NONE,
) -> User:
    """Create a person who can sign in with a password."""
    user = User.objects.create_user(
        username=username, email=email, password=password, platform_role=platform_role.value
    )
    audit.record("user.create", actor=actor, tenant_id=None, target_type="user", target_id=user.id)
    return user


@transaction.atomic
def add_member(*, actor: Actor, tenant: Tenant, user: User, role: Role) -> Member:
    """Give a person a role in a tenant, or change the role they have."""
    member: Member
    member, _ = Member.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role.value})
    audit.record(
        "member.set",
        actor=actor,
        tenant_id=tenant.id,
        target_type="user",
        target_id=user.id,
        changes={"role": role.value},
    )
    return member


@transaction.atomic
def issue_token(
    *,
    actor: Actor,
    name: str,
    tenant: Tenant | None = None,
    role: Role | None = None,
    platform_role: PlatformRole = PlatformRole.NONE,
    scopes: Iterable[TokenScope] = TokenScope,
    expires_at: datetime | None = None,
    service_account: ServiceAccount | None = None,
) -> tuple[ApiToken, str]:
    """Return a new token's row and its only plain copy."""
    plain, prefix = new_secret()
    row = ApiToken.objects.create(
        tenant=tenant,
        name=name,
        prefix=prefix,
        digest=digest_of(plain),
        role=role.value if role else "",
        platform_role=platform_role.value,
        scopes=",".join(scopes),
        service_account=service_account,
        created_by=actor.name[:160],
        created_by_user_id=actor.user_id,
        expires_at=expires_at,
    )
    audit.record(
        "token.issue",
        actor=actor,
        tenant_id=tenant.id if tenant else None,
        target_type="token",
        target_id=row.id,
        changes={"name": name, "role": row.role or row.platform_role, "scopes": row.scopes.split(",")},
    )
    return row, plain


@dataclass(frozen=True)
class Bearer:
    """What a token that we issued and did not revoke stands for; an expired one lets nobody in."""

    actor: Actor
    tenant: Tenant | None
    expired: bool


def find_bearer(plain: str) -> Bearer | None:
    """Return what a bearer token stands for, or None when it is unknown or revoked."""
    found = prepared.rows(queries.WHO_ASKS, [digest_of(plain)])
    if not found:
        return None
    token_id, name, role, platform_role, scopes, expires_at, last_used_at, tenant_id, *rest = found[
        0
    ].values()
    now = utcnow()
    expired = expires_at is not None and expires_at <= now
    if not expired and (last_used_at is None or now - last_used_at > LAST_USED_GRAIN):
        with scoped(Scope(tenant_id=tenant_id, platform=tenant_id is None)):
            ApiToken.objects.filter(pk=token_id).update(last_used_at=Now())
    actor = Actor(
        name=f"token:{name}",
        role=Role(role) if role else None,
        tenant_id=tenant_id,
        platform_role=PlatformRole(platform_role),
        token_id=token_id,
        scopes=frozenset(map(TokenScope, scopes.split(","))),
    )
    columns = ["id", "slug", "name", "state", "runtime_quota", "created_at"]
    tenant = Tenant.from_db("default", columns, [tenant_id, *rest]) if tenant_id else None
    return Bearer(actor, tenant, expired)


def bearer_that_was(plain: str) -> Actor | None:
    """Return whose a revoked or expired token was, without any role: who is refused by it stands in its tenant's trail."""
    with connection.cursor() as cursor:
        cursor.execute(queries.WHO_ASKED, [digest_of(plain), utcnow()])
        row = cursor.fetchone()
    return Actor(name=f"token:{row[1]}", tenant_id=row[2], token_id=row[0]) if row else None


def actor_of_token(plain: str) -> Actor | None:
    """Return who a bearer token speaks for, or None when it is unknown, expired or revoked."""
    bearer = find_bearer(plain)
    return None if bearer is None or bearer.expired else bearer.actor


def actor_of_user(user: User, member: Member | None) -> Actor:
    """Return who a signed-in person acts as: by this membership of theirs, or by the platform role alone."""
    return Actor(
        name=user.get_username(),
        role=Role(member.role) if member else None,
        tenant_id=member.tenant_id if member else None,
        platform_role=PlatformRole(user.platform_role),
        user_id=user.id,
    )
