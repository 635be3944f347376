"""Tenants."""

from __future__ import annotations

from typing import Any

from controlplane.api.links import tenant_url
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    page_of,
    record,
    words,
)
from controlplane.api.shapes.team import EMAIL, request_of
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.models import State, Tenant

NAME = {"type": "string", "minLength": 1, "maxLength": 120}
TENANT = Shape(
    "Tenant",
    record(
        {
            "id": ID,
            "url": URL,
            "slug": TEXT,
            "name": TEXT,
            "state": words(State.values),
            "owners": {**COUNT, "description": "0 until the first owner accepts the invitation."},
            "created_at": MOMENT,
            "closed_at": {**MAYBE_MOMENT, "description": "It was deleted for good."},
        },
        description="A customer organisation: the boundary of isolation, quota and cost.",
    ),
)
TENANT_LIST = page_of(TENANT)
TENANT_CREATE = request_of(
    "TenantCreate",
    {
        "slug": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,38}[a-z0-9]$",
            "x-pattern-text": "2 to 40 lower-case letters, digits and dashes, beginning with a letter",
            "x-codes": {"pattern": "slug_invalid"},
        },
        "name": NAME,
        "owner_email": {**EMAIL, "description": "Its first owner gets an invitation there."},
    },
    required=["slug", "name", "owner_email"],
    example={"slug": "archipel", "name": "Archipel", "owner_email": "ada@example.org"},
)
TENANT_CHANGE = request_of("TenantChange", {"name": NAME}, required=["name"], example={"name": "Archipel AG"})
OWNER_INVITATION = request_of(
    "OwnerInvitation", {"email": EMAIL}, required=["email"], example={"email": "ada@example.org"}
)


def tenant_json(row: Tenant, *, owners: int, base: str) -> dict[str, Any]:
    """Return a tenant as read."""
    return {
        "id": str(row.id),
        "url": tenant_url(base, row.id),
        "slug": row.slug,
        "name": row.name,
        "state": row.state,
        "owners": owners,
        "created_at": rfc3339(row.created_at),
        "closed_at": rfc3339(row.closed_at),
    }
