"""The first tenant of an installation, with an account and an owner; and tokens that an operator hands out."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, PlatformRole, Role
from controlplane.tenants.models import Account, ApiToken, Member, Tenant, User
from controlplane.tenants.services import add_member, create_account, create_tenant, create_user, issue_token

LONGEST_TTL = timedelta(days=366)
_PASSWORD_BYTES = 18  # 144 bits: nobody types it more than once


def operator() -> Actor:
    """Return who runs a command on the machine itself."""
    try:
        return Actor(name=f"operator:{getpass.getuser()}")
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return Actor(name="operator")


@dataclass(frozen=True)
class Founding:
    """What an operator asks for: `slug` and `account` are slugs, `owner` is a user name."""

    slug: str
    name: str
    account: str
    owner: str
    email: str = ""


@transaction.atomic
def found_tenant(*, actor: Actor, founding: Founding) -> str | None:
    """Make a tenant, its account and its owner; return the owner's password, or None when all of it was there before.

    Raises Refused: slug_invalid, slug_taken, name_invalid, username_invalid, username_taken.
    """
    if _is_there(founding):
        return None
    _check_person(founding)
    tenant = create_tenant(actor=actor, slug=founding.slug, name=_name(founding.name))
    create_account(actor=actor, tenant=tenant, slug=founding.account, name=founding.account)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    owner = create_user(actor=actor, username=founding.owner, password=password, email=founding.email)
    add_member(actor=actor, tenant=tenant, user=owner, role=Role.OWNER)
    return password


@transaction.atomic
def hand_out_token(*, actor: Actor, tenant_slug: str, name: str, role: Role, ttl: timedelta) -> str:
    """Return the only plain copy of a new token; raises Refused: tenant_not_found, name_invalid, name_taken, ttl_invalid."""
    tenant = Tenant.objects.filter(slug=tenant_slug).select_for_update(no_key=True).first()
    if tenant is None:
        detail = f"There is no tenant “{tenant_slug}”; make it with “manage.py tenant create”."
        raise Refused("tenant_not_found", detail, field="tenant", status=404)
    if not timedelta(0) < ttl <= LONGEST_TTL:
        raise Refused("ttl_invalid", f"A token lives 1 to {LONGEST_TTL.days} days.", field="ttl")
    now = utcnow()
    valid = Q(expires_at=None) | Q(expires_at__gt=now)
    if ApiToken.objects.filter(valid, tenant=tenant, name=_name(name, 80), revoked_at=None).exists():
        detail = f"“{tenant_slug}” has a valid token “{name}” already; choose another name."
        raise Refused("name_taken", detail, field="name", status=409)
    _, plain = issue_token(actor=actor, name=name, tenant=tenant, role=role, expires_at=now + ttl)
    return plain


@transaction.atomic
def hand_out_platform_token(*, actor: Actor, name: str, role: PlatformRole, expires_at: datetime) -> str:
    """Return the only plain copy of a token of the platform's team; raises Refused: name_invalid, name_taken, expires_invalid."""
    now = utcnow()
    if not now < expires_at <= now + LONGEST_TTL:
        detail = f"A token lives until some day of the next {LONGEST_TTL.days}."
        raise Refused("expires_invalid", detail, field="expires")
    if _valid(_name(name, 80)).exists():
        detail = f"The platform has a valid token “{name}” already; revoke it, or choose another name."
        raise Refused("name_taken", detail, field="name", status=409)
    _, plain = issue_token(actor=actor, name=name, platform_role=role, expires_at=expires_at)
    return plain


@transaction.atomic
def revoke_platform_token(*, actor: Actor, name: str) -> None:
    """Make a token of the platform's team worthless; raises Refused token_not_found 404."""
    row = _valid(name).select_for_update().first()
    if row is None:
        raise Refused("token_not_found", f"The platform has no valid token “{name}”.", status=404)
    row.revoked_at = utcnow()
    row.save(update_fields=["revoked_at"])
    audit.record("token.revoke", actor=actor, tenant_id=None, target_type="token", target_id=row.id)


def platform_tokens() -> Sequence[ApiToken]:
    """Return the valid tokens of the platform's team, oldest first; their secrets are nowhere."""
    return list(_valid().order_by("pk"))


def _valid(name: str | None = None) -> QuerySet[ApiToken]:
    rows = ApiToken.objects.filter(tenant=None, revoked_at=None).exclude(expires_at__lte=utcnow())
    return rows if name is None else rows.filter(name=name)


def _is_there(founding: Founding) -> bool:
    tenant = Tenant.objects.filter(slug=founding.slug, name=founding.name).first()
    return (
        tenant is not None
        and Account.objects.filter(tenant=tenant, slug=founding.account).exists()
        and Member.objects.filter(tenant=tenant, user__username=founding.owner, role=Role.OWNER).exists()
    )


def _check_person(founding: Founding) -> None:
    person = User(username=founding.owner, email=founding.email)
    try:
        person.clean_fields(exclude=["password"])
    except ValidationError as error:
        said = " ".join(error.messages)
        raise Refused(
            "username_invalid", f"“{founding.owner}” can't be a person: {said}", field="owner"
        ) from error
    if User.objects.filter(username__iexact=founding.owner).exists():
        detail = f"There is a person “{founding.owner}” already; choose another user name."
        raise Refused("username_taken", detail, field="owner", status=409)


def _name(text: str, longest: int = 120) -> str:
    if not text.strip() or len(text) > longest or not text.isprintable():
        raise Refused("name_invalid", f"A name has 1 to {longest} printable characters.", field="name")
    return text
