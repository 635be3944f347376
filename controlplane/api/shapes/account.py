"""Accounts, and who asks."""

from __future__ import annotations

from typing import Any

from controlplane.api.links import account_url
from controlplane.api.shapes.base import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.access import Actor, Permission, TokenScope
from controlplane.tenants.models import Account, ApiToken, State, Tenant

STATE = words(State.values)
ACCOUNT = Shape(
    "Account",
    record(
        {
            "id": ID,
            "url": URL,
            "slug": TEXT,
            "name": TEXT,
            "tenant": TEXT,
            "state": STATE,
            "created_at": MOMENT,
        },
        description="A unit inside a tenant; its runtimes are its own.",
    ),
)
ACCOUNT_LIST = page_of(ACCOUNT)
ACCOUNT_CREATE = Shape(
    "AccountCreate",
    {
        "type": "object",
        "required": ["slug", "name"],
        "additionalProperties": False,
        "properties": {
            "slug": {
                "type": "string",
                "pattern": "^[a-z][a-z0-9-]{0,38}[a-z0-9]$",
                "x-pattern-text": "2 to 40 lower-case letters, digits and dashes, beginning with a letter",
                "x-codes": {"pattern": "slug_invalid"},
            },
            "name": {"type": "string", "minLength": 1, "maxLength": 120},
            "tenant": {
                "type": "string",
                "maxLength": 64,
                "description": "Slug; for tokens of the platform's team, which belong to no tenant.",
            },
        },
    },
    example={"slug": "shop", "name": "Shop"},
)
ACCOUNT_CHANGE = Shape(
    "AccountChange",
    {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 120}},
    },
    example={"name": "Online shop"},
)
_SLUG = {"type": "string", "maxLength": 64, "description": "Slug."}
ACCOUNT_MOVE = Shape(
    "AccountMove",
    {
        "type": "object",
        "required": ["from", "to", "reason"],
        "additionalProperties": False,
        "properties": {
            "from": {**_SLUG, "description": "Slug of the tenant that has it now."},
            "to": {**_SLUG, "description": "Slug of the tenant that gets it."},
            "reason": {"type": "string", "minLength": 1, "maxLength": 300},
        },
    },
    example={"from": "archipel", "to": "basalt", "reason": "The team was sold, ticket 4711."},
)
ME = Shape(
    "Me",
    record(
        {
            "name": TEXT,
            "role": {**MAYBE_TEXT, "description": "Inside the tenant."},
            "platform_role": {**MAYBE_TEXT, "description": "In the platform's team."},
            "permissions": several(words([permission.value for permission in Permission])),
            "scopes": several(words([scope.value for scope in TokenScope])),
            "tenant": maybe(record({"id": ID, "slug": TEXT, "name": TEXT, "state": STATE})),
            "token": record({"name": TEXT, "prefix": TEXT, "created_at": MOMENT, "expires_at": MAYBE_MOMENT}),
        },
        description="Who the token speaks for, and what it may do.",
    ),
)


def account_json(account: Account, *, base: str) -> dict[str, Any]:
    """Return an account as read; reads `tenant` of the row."""
    return {
        "id": str(account.id),
        "url": account_url(base, account.id),
        "slug": account.slug,
        "name": account.name,
        "tenant": account.tenant.slug,
        "state": account.state,
        "created_at": rfc3339(account.created_at),
    }


def me_json(actor: Actor, tenant: Tenant | None, token: ApiToken) -> dict[str, Any]:
    """Return who asks."""
    return {
        "name": actor.name,
        "role": actor.role.value if actor.role else None,
        "platform_role": actor.platform_role.value or None,
        "permissions": [permission.value for permission in Permission if actor.may(permission)],
        "scopes": [scope.value for scope in TokenScope if scope in (actor.scopes or ())],
        "tenant": tenant
        and {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name, "state": tenant.state},
        "token": {
            "name": token.name,
            "prefix": token.prefix,
            "created_at": rfc3339(token.created_at),
            "expires_at": rfc3339(token.expires_at),
        },
    }
