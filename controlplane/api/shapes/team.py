"""Members, invitations, service accounts, and which role may do what."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    Shape,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.tenants.access import Permission, PlatformRole, Role, TokenScope
from controlplane.tenants.access_models import Invitation, ServiceAccount
from controlplane.tenants.models import Member
from controlplane.tenants.rights import Right

ROLE = words([role.value for role in Role])
TENANT_SLUG = {
    "type": "string",
    "maxLength": 64,
    "description": "Slug; your own tenant's, or left out.",
}
EMAIL = {"type": "string", "minLength": 3, "maxLength": 254}
NAME = {"type": "string", "minLength": 1, "maxLength": 80}
INVITATION_STATES = ("live", "expired", "accepted", "revoked")


def request_of(name: str, properties: dict[str, Any], *, required: list[str], example: Any) -> Shape:
    """Return the shape of a request's body: what it does not name is refused."""
    schema = {"type": "object", "required": required, "additionalProperties": False, "properties": properties}
    return Shape(name, schema, example=example)


MEMBER = Shape(
    "Member",
    record(
        {"id": ID, "name": TEXT, "email": TEXT, "role": ROLE, "tenant": TEXT, "since": MOMENT},
        description="A person's role inside a tenant; `id` is the person's.",
    ),
)
MEMBER_LIST = page_of(MEMBER)
MEMBER_CHANGE = request_of("MemberChange", {"role": ROLE}, required=["role"], example={"role": "developer"})

INVITATION = Shape(
    "Invitation",
    record(
        {
            "id": ID,
            "email": TEXT,
            "role": ROLE,
            "any_address": {"type": "boolean", "description": "Whoever holds the link may accept it."},
            "tenant": TEXT,
            "state": words(INVITATION_STATES),
            "invited_by": TEXT,
            "created_at": MOMENT,
            "sent_at": MOMENT,
            "expires_at": MOMENT,
            "accepted_at": MAYBE_MOMENT,
            "revoked_at": MAYBE_MOMENT,
        },
        description="A role that waits for a person; its link is in the message only.",
    ),
)
INVITATION_LIST = page_of(INVITATION)
INVITATION_CREATE = request_of(
    "InvitationCreate",
    {"email": EMAIL, "role": ROLE, "any_address": {"type": "boolean"}, "tenant": TENANT_SLUG},
    required=["email", "role"],
    example={"email": "ada@example.org", "role": "developer"},
)

SERVICE_ACCOUNT = Shape(
    "ServiceAccount",
    record(
        {
            "id": ID,
            "name": TEXT,
            "role": ROLE,
            "tenant": TEXT,
            "created_by": TEXT,
            "created_at": MOMENT,
            "removed_at": MAYBE_MOMENT,
        },
        description="A program with a role in a tenant; its tokens have that role.",
    ),
)
SERVICE_ACCOUNT_LIST = page_of(SERVICE_ACCOUNT)
SERVICE_ACCOUNT_CREATE = request_of(
    "ServiceAccountCreate",
    {"name": NAME, "role": ROLE, "tenant": TENANT_SLUG},
    required=["name", "role"],
    example={"name": "ci", "role": "developer"},
)
SERVICE_ACCOUNT_CHANGE = request_of(
    "ServiceAccountChange", {"role": ROLE}, required=["role"], example={"role": "viewer"}
)

NOTHING = Shape("Nothing", {"type": "object", "additionalProperties": False}, example={})
ROLES = Shape(
    "RoleTable",
    record(
        {
            "permissions": several(
                record(
                    {
                        "permission": words([permission.value for permission in Permission]),
                        "meaning": TEXT,
                        "roles": several(ROLE),
                        "platform_roles": several(words([r.value for r in PlatformRole if r])),
                        "scopes": several(words([s.value for s in TokenScope])),
                    }
                )
            ),
        },
        description="Which role may do what, and which scope a token needs for it.",
    ),
)


def member_json(row: Member) -> dict[str, Any]:
    """Return a member as read; reads `user` and `tenant` of the row."""
    return {
        "id": str(row.user_id),
        "name": row.user.get_username(),
        "email": row.user.email,
        "role": row.role,
        "tenant": row.tenant.slug,
        "since": rfc3339(row.created_at),
    }


def invitation_state(row: Invitation) -> str:
    """Return one of INVITATION_STATES."""
    if row.accepted_at:
        return "accepted"
    if row.revoked_at:
        return "revoked"
    return "live" if row.expires_at > utcnow() else "expired"


def invitation_json(row: Invitation) -> dict[str, Any]:
    """Return an invitation as read, without its link; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "email": row.email,
        "role": row.role,
        "any_address": row.any_address,
        "tenant": row.tenant.slug,
        "state": invitation_state(row),
        "invited_by": row.invited_by,
        "created_at": rfc3339(row.created_at),
        "sent_at": rfc3339(row.sent_at),
        "expires_at": rfc3339(row.expires_at),
        "accepted_at": rfc3339(row.accepted_at),
        "revoked_at": rfc3339(row.revoked_at),
    }


def service_account_json(row: ServiceAccount) -> dict[str, Any]:
    """Return a service account as read; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "name": row.name,
        "role": row.role,
        "tenant": row.tenant.slug,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "removed_at": rfc3339(row.removed_at),
    }


def right_json(right: Right) -> dict[str, Any]:
    """Return one row of the permission table."""
    return {
        "permission": right.permission.value,
        "meaning": right.meaning,
        "roles": [role.value for role in right.roles],
        "platform_roles": [role.value for role in right.platform_roles],
        "scopes": [scope.value for scope in right.scopes],
    }
