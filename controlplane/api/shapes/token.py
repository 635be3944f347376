"""API tokens."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.api.shapes.team import NAME, ROLE, TENANT_SLUG, request_of
from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.tenants.access import TokenScope
from controlplane.tenants.models import ApiToken
from controlplane.tenants.tokens import LONGEST_OVERLAP_HOURS

SCOPE = words([scope.value for scope in TokenScope])
STATES = ("valid", "expired", "revoked")
DAYS = {"type": "integer", "minimum": 1, "maximum": 36500}
SECRET = {"type": "string", "description": "The token itself: told here and never again."}
_ROW = {
    "id": ID,
    "name": TEXT,
    "prefix": {**TEXT, "description": "How it begins, to know it by."},
    "role": ROLE,
    "scopes": several(SCOPE),
    "state": words(STATES),
    "tenant": TEXT,
    "service_account": {**MAYBE_TEXT, "description": "Whose it is, by id; else its maker's."},
    "created_by": TEXT,
    "created_at": MOMENT,
    "expires_at": MAYBE_MOMENT,
    "last_used_at": {**MAYBE_MOMENT, "description": "To five minutes."},
    "revoked_at": MAYBE_MOMENT,
    "previous": maybe(record({"prefix": TEXT, "until": MOMENT})),
}
TOLD = "A bearer token; `previous` is the secret from before its rotation, while that still works."
TOKEN = Shape("Token", record(_ROW, description=TOLD))
TOKEN_LIST = page_of(TOKEN)
TOKEN_MADE = Shape("TokenMade", record({**_ROW, "token": SECRET}, description="A token with its secret."))
TOKEN_CREATE = request_of(
    "TokenCreate",
    {
        "name": NAME,
        "role": {**ROLE, "description": "At most your own, which is the default."},
        "scopes": {"type": "array", "items": SCOPE, "minItems": 1, "maxItems": 4},
        "expires_in_days": DAYS,
        "service_account": {"type": "string", "maxLength": 64, "description": "Id; its role is the token's."},
        "tenant": TENANT_SLUG,
    },
    required=["name"],
    example={"name": "terraform", "scopes": ["runtimes"], "expires_in_days": 90},
)
TOKEN_ROTATE = request_of(
    "TokenRotate",
    {
        "overlap_hours": {
            "type": "integer",
            "minimum": 0,
            "maximum": LONGEST_OVERLAP_HOURS,
            "description": "How long the present secret works on. While an earlier overlap lasts only 0 is taken "
            "(`rotation_under_way`); it ends both older secrets at once. So who rotates daily asks for less than 24.",
        },
        "expires_in_days": DAYS,
    },
    required=[],
    example={"overlap_hours": 24},
)


def token_state(row: ApiToken) -> str:
    """Return one of STATES."""
    if row.revoked_at:
        return "revoked"
    return "expired" if row.expires_at and row.expires_at <= utcnow() else "valid"


def token_json(row: ApiToken, secret: str = "") -> dict[str, Any]:
    """Return a token as read, with its secret when it is new; reads `tenant` of the row."""
    overlaps = row.previous_until is not None and row.previous_until > utcnow()
    told = {
        "id": str(row.id),
        "name": row.name,
        "prefix": row.prefix,
        "role": row.role,
        "scopes": row.scopes.split(","),
        "state": token_state(row),
        "tenant": row.tenant.slug if row.tenant else "",
        "service_account": str(row.service_account_id) if row.service_account_id else None,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "last_used_at": rfc3339(row.last_used_at),
        "revoked_at": rfc3339(row.revoked_at),
        "previous": {"prefix": row.previous_prefix, "until": rfc3339(row.previous_until)}
        if overlaps
        else None,
    }
    return {**told, "token": secret} if secret else told
