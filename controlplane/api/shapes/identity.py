"""Identity providers; a secret is written and never read."""

from __future__ import annotations

from typing import Any

from controlplane.api.links import provider_url, sign_in_callback
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
)
from controlplane.api.shapes.team import TENANT_SLUG, request_of
from controlplane.identity.models import IdentityProvider
from controlplane.identity.probing import Finding
from controlplane.identity.wishes import (
    LONGEST_GROUP,
    LONGEST_ISSUER,
    LONGEST_SECRET,
    MOST_DOMAINS,
    MOST_GROUPS,
)
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.access import Role

FLAG = {"type": "boolean"}
ROLE_OF_GROUP = {"type": "string", "enum": [role.value for role in Role]}
PROVIDER = Shape(
    "IdentityProvider",
    record(
        {
            "id": ID,
            "url": URL,
            "tenant": TEXT,
            "name": TEXT,
            "issuer": TEXT,
            "client_id": TEXT,
            "has_secret": {**FLAG, "description": "The secret itself is never told."},
            "scopes": TEXT,
            "groups_claim": TEXT,
            "contact": TEXT,
            "enabled": FLAG,
            "group_roles": {"type": "object", "additionalProperties": ROLE_OF_GROUP},
            "domains": several(
                record(
                    {
                        "domain": TEXT,
                        "confirmed": {**FLAG, "description": "By whoever runs this installation."},
                    }
                )
            ),
            "redirect_uri": {**URL, "description": "Register it at the provider."},
            "created_at": MOMENT,
        },
        description="An OpenID Connect provider that lets people of a tenant in.",
    ),
)
PROVIDER_LIST = page_of(PROVIDER)
_CHANGEABLE: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "client_id": {"type": "string", "minLength": 1, "maxLength": 200},
    "client_secret": {
        "type": "string",
        "maxLength": LONGEST_SECRET,
        "writeOnly": True,
        "description": "Kept sealed. Left out: the one that is stored stays; empty: a public client.",
    },
    "scopes": {"type": "string", "minLength": 1, "maxLength": 200},
    "groups_claim": {"type": "string", "minLength": 1, "maxLength": 100},
    "contact": {
        "type": "string",
        "maxLength": 200,
        "description": "Told to people who have no mapped group.",
    },
    "enabled": {**FLAG, "description": "Switching it off ends the sessions that began there."},
    "group_roles": {
        "type": "object",
        "maxProperties": MOST_GROUPS,
        "propertyNames": {"maxLength": LONGEST_GROUP},
        "additionalProperties": ROLE_OF_GROUP,
        "description": "Replaces them all.",
    },
    "domains": {
        "type": "array",
        "maxItems": MOST_DOMAINS,
        "items": {"type": "string", "maxLength": 253},
        "description": "Replaces them all; what was confirmed stays so.",
    },
}
PROVIDER_CREATE = request_of(
    "IdentityProviderCreate",
    {
        "issuer": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_ISSUER,
            "description": "It never changes.",
        },
        **_CHANGEABLE,
        "tenant": TENANT_SLUG,
    },
    required=["name", "issuer", "client_id"],
    example={
        "name": "Acme SSO",
        "issuer": "https://login.acme.example",
        "client_id": "nesoi",
        "client_secret": "…",
        "group_roles": {"platform-ops": "developer"},
        "domains": ["acme.example"],
    },
)
PROVIDER_CHANGE = request_of("IdentityProviderChange", _CHANGEABLE, required=[], example={"enabled": False})
FINDING = Shape(
    "IdentityProviderFinding",
    record(
        {
            "usable": {
                **FLAG,
                "description": "People can sign in with it, as far as it tells without one of them.",
            },
            "problem": maybe(record({"code": TEXT, "detail": TEXT})),
            "signing_keys": COUNT,
            "authorization_endpoint": MAYBE_TEXT,
            "token_endpoint": MAYBE_TEXT,
            "jwks_uri": MAYBE_TEXT,
            "userinfo_endpoint": MAYBE_TEXT,
            "end_session_endpoint": MAYBE_TEXT,
        },
        description="What the provider says of itself at this moment.",
    ),
)
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)


def provider_json(row: IdentityProvider, *, base: str) -> dict[str, Any]:
    """Return a provider as read; reads `tenant`, `group_roles` and `domains` of the row."""
    return {
        "id": str(row.id),
        "url": provider_url(base, row.id),
        "tenant": row.tenant.slug if row.tenant else "",
        "name": row.name,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "has_secret": bool(row.client_secret),
        "scopes": row.scopes,
        "groups_claim": row.groups_claim,
        "contact": row.contact,
        "enabled": row.enabled,
        "group_roles": {one.group: one.role for one in row.group_roles.all()},
        "domains": [
            {"domain": one.domain, "confirmed": one.confirmed_at is not None} for one in row.domains.all()
        ],
        "redirect_uri": sign_in_callback(base, row.id),
        "created_at": rfc3339(row.created_at),
    }


def finding_json(found: Finding) -> dict[str, Any]:
    """Return what a provider answered."""
    return {
        "usable": not found.code,
        "problem": {"code": found.code, "detail": found.detail} if found.code else None,
        "signing_keys": found.keys,
        **{name: getattr(found.metadata, name, "") or None for name in _ENDPOINTS},
    }
