"""With what platforms sign in: made once, rotated with an overlap, revoked; only a digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import short_name
from controlplane.osb import queries
from controlplane.osb.models import BrokerCredential, BrokerOrganization
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import Scope, scoped
from controlplane.tenants.models import Tenant

SECRET_PREFIX = "nesoi_osb_"  # noqa: S105 - it marks a secret for scanners and for our own redaction
SHOWN = len(SECRET_PREFIX) + 5
LAST_USED_GRAIN = timedelta(minutes=5)
LONGEST_OVERLAP = timedelta(days=30)
LONGEST_NAME = 80


@dataclass(frozen=True)
class Platform:
    """Who signed in: one platform's credential, and its tenant if it has one."""

    credential_id: UUID
    name: str
    username: str
    tenant: Tenant | None


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def issue_credential(*, actor: Actor, tenant: Tenant | None, name: str) -> tuple[BrokerCredential, str]:
    """Return a new credential and the only plain copy of its secret; raises Refused: name_invalid, name_taken 409."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused("name_invalid", f"A name has 1 to {LONGEST_NAME} printable characters.", field="name")
    if BrokerCredential.objects.filter(tenant=tenant, name=name, revoked_at=None).exists():
        raise Refused(
            "name_taken",
            f"There is a credential “{name}” already; choose another name.",
            field="name",
            status=409,
        )
    secret = _new_secret()
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "platform"
    row = BrokerCredential.objects.create(
        tenant=tenant,
        name=name,
        username=f"{slug}-{short_name(8)}",
        prefix=secret[:SHOWN],
        digest=digest_of(secret),
        created_by=actor.name[:160],
    )
    _recorded("broker.credential.issue", actor, row, {"name": name, "username": row.username})
    return row, secret


@transaction.atomic
def rotate_credential(
    *, actor: Actor, tenant: Tenant | None, credential_id: UUID, overlap: timedelta
) -> tuple[BrokerCredential, str]:
    """Return the credential and its new secret; the present one is good for `overlap` more (0 to 30 days).

    While an earlier overlap lasts only 0 is taken: another would end the secret that the platform may still use.
    Raises Refused: credential_not_found 404, rotation_under_way 409, overlap_out_of_range.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        detail = f"The old secret may stay good for 0 to {LONGEST_OVERLAP.days} days."
        raise Refused("overlap_out_of_range", detail, field="overlap")
    row = _live(tenant, credential_id)
    secret = _new_secret()
    now = utcnow()
    if overlap and row.previous_until and row.previous_until > now:
        detail = (
            f"It was rotated already: the secret from before is good until {rfc3339(row.previous_until)}, and one more "
            "rotation would end it now. Wait until then; or rotate without an overlap, which ends both older ones at once."
        )
        raise Refused("rotation_under_way", detail, field="overlap", status=409)
    BrokerCredential.objects.filter(pk=row.pk).update(
        previous_digest=F("digest") if overlap else None,
        previous_until=now + overlap if overlap else None,
        digest=digest_of(secret),
        prefix=secret[:SHOWN],
        rotated_at=now,
    )
    row.refresh_from_db()
    _recorded("broker.credential.rotate", actor, row, {"previous_until": rfc3339(row.previous_until)})
    return row, secret


@transaction.atomic
def revoke_credential(*, actor: Actor, tenant: Tenant | None, credential_id: UUID) -> BrokerCredential:
    """End a credential at once; what was ordered with it stays. Raises Refused: credential_not_found 404."""
    row = _live(tenant, credential_id)
    BrokerCredential.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=utcnow())
    row.refresh_from_db()
    _recorded("broker.credential.revoke", actor, row, {"name": row.name})
    return row


def revoke_all(tenant_id: UUID) -> dict[str, int]:
    """End every credential of a tenant that is closed; in the caller's transaction."""
    mine = BrokerCredential.objects.filter(tenant=tenant_id, revoked_at=None)
    return {"broker_credentials": mine.update(revoked_at=utcnow())}


@transaction.atomic
def map_organization(*, actor: Actor, username: str, organization: str, tenant: Tenant) -> BrokerOrganization:
    """Say which tenant an organisation of a platform is; raises Refused: credential_not_found 404, organization_mapped 409."""
    credential = BrokerCredential.objects.filter(username=username, tenant=None, revoked_at=None).first()
    if credential is None:
        raise _not_found()
    row: BrokerOrganization
    row, made = BrokerOrganization.objects.get_or_create(
        credential=credential, organization=organization, defaults={"tenant": tenant}
    )
    if row.tenant_id != tenant.id:
        detail = f"Organisation {organization} is another tenant's already; its instances could not follow."
        raise Refused("organization_mapped", detail, field="organization", status=409)
    if made:
        changes = {"organization": organization, "tenant": tenant.slug}
        _recorded("broker.organization.map", actor, credential, changes, tenant_id=tenant.id)
    return row


def find_platform(*, secret: str, username: str | None) -> Platform | None:
    """Return whose secret this is, or None when it is unknown, revoked or another user's; a bearer names no user."""
    with connection.cursor() as cursor:
        cursor.execute(queries.WHO_ASKS, [digest_of(secret)])
        row = cursor.fetchone()
    if row is None or (username is not None and not hmac.compare_digest(username.encode(), row[2].encode())):
        return None
    credential_id, name, known, last_used_at, tenant_id, *rest = row
    now = utcnow()
    if last_used_at is None or now - last_used_at > LAST_USED_GRAIN:
        with scoped(Scope(tenant_id=tenant_id, platform=tenant_id is None)):
            BrokerCredential.objects.filter(pk=credential_id).update(last_used_at=now)
    tenant = (
        Tenant.from_db("default", ["id", "slug", "name", "state"], [tenant_id, *rest]) if tenant_id else None
    )
    return Platform(credential_id, name, known, tenant)


def platform_that_was(*, secret: str) -> Actor | None:
    """Return whose a revoked secret was, without any role: who is refused by it stands in its tenant's trail."""
    with connection.cursor() as cursor:
        cursor.execute(queries.WHO_ASKED, [digest_of(secret)])
        row = cursor.fetchone()
    return Actor(name=f"broker:{row[0]}", tenant_id=row[1]) if row else None


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def _live(tenant: Tenant | None, credential_id: UUID) -> BrokerCredential:
    rows = BrokerCredential.objects.select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=credential_id, tenant=tenant, revoked_at=None).first()
    if row is None:
        raise _not_found()
    return row


def _not_found() -> Refused:
    return Refused("credential_not_found", "There is no such credential, or it was revoked.", status=404)


def _recorded(
    action: str,
    actor: Actor,
    row: BrokerCredential,
    changes: Mapping[str, object],
    *,
    tenant_id: UUID | None = None,
) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=tenant_id or row.tenant_id,
        target_type="broker-credential",
        target_id=row.id,
        changes=changes,
    )
