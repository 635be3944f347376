"""Checks what somebody typed about a provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from controlplane.identity.models import DOMAIN
from controlplane.identity.oidc.calls import policy
from controlplane.kernel.errors import FieldError, Refused
from controlplane.outbound.client import OutboundRefusedError, check_url
from controlplane.tenants.access import PlatformRole, Role

if TYPE_CHECKING:
    from controlplane.identity.providers import Wish

_ASCII = re.compile(r"[\x21-\x7e]+")
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")  # RFC 6749, 3.3
_TENANT_ROLES = [role.value for role in Role]
_PLATFORM_ROLES = [role.value for role in PlatformRole if role]
LONGEST_ISSUER = 500
LONGEST_SECRET = 1000
LONGEST_GROUP = 200
MOST_GROUPS = 200
MOST_DOMAINS = 50


def check_issuer(issuer: str) -> None:
    """Raise Refused (issuer_invalid) for an issuer that could never be asked."""
    try:
        parts = check_url(issuer, policy())
    except OutboundRefusedError as fault:
        raise Refused("issuer_invalid", f"issuer: {fault}", field="issuer") from fault
    if parts.query or len(issuer) > LONGEST_ISSUER:
        detail = f"issuer must be an address without a query, of at most {LONGEST_ISSUER} characters."
        raise Refused("issuer_invalid", detail, field="issuer")


def check_wish(wish: Wish, *, platform: bool) -> None:
    """Raise Refused (provider_invalid) that names every field which is wrong."""
    found = [*_texts(wish), *_groups(wish.group_roles or {}, platform=platform)]
    domains = wish.domains or ()
    if len(domains) > MOST_DOMAINS:
        found.append(FieldError("domains", "too_many", f"domains may hold at most {MOST_DOMAINS}."))
    found += [
        FieldError("domains", "domain_invalid", f"“{domain[:80]}” is not a domain such as example.com.")
        for domain in domains[:MOST_DOMAINS]
        if len(domain) > 253 or not re.fullmatch(DOMAIN, domain)  # noqa: PLR2004 - RFC 1035
    ]
    if found:
        raise Refused("provider_invalid", found[0].detail, errors=found)


def _texts(wish: Wish) -> list[FieldError]:
    rules = [
        ("name", 0 < len(wish.name) <= 80 and wish.name.isprintable(), "must have 1 to 80 characters."),  # noqa: PLR2004
        (
            "client_id",
            _ASCII.fullmatch(wish.client_id) and len(wish.client_id) <= 200,  # noqa: PLR2004
            "must have 1 to 200 letters, digits and signs.",
        ),
        (
            "client_secret",
            not wish.client_secret
            or (_ASCII.fullmatch(wish.client_secret) and len(wish.client_secret) <= LONGEST_SECRET),
            "must have letters, digits and signs only.",
        ),
        (
            "scopes",
            _SCOPES.fullmatch(wish.scopes)
            and len(wish.scopes) <= 200  # noqa: PLR2004
            and "openid" in wish.scopes.split(" "),
            "must be words with one blank between them, and openid among them.",
        ),
        (
            "groups_claim",
            _ASCII.fullmatch(wish.groups_claim) and len(wish.groups_claim) <= 100,  # noqa: PLR2004
            "must have 1 to 100 letters, digits and signs.",
        ),
        (
            "contact",
            len(wish.contact) <= 200 and (not wish.contact or wish.contact.isprintable()),  # noqa: PLR2004
            "may have at most 200 characters.",
        ),
    ]
    return [FieldError(name, f"{name}_invalid", f"{name} {words}") for name, fine, words in rules if not fine]


def _groups(group_roles: Mapping[str, str], *, platform: bool) -> list[FieldError]:
    known = _PLATFORM_ROLES if platform else _TENANT_ROLES
    found = []
    if len(group_roles) > MOST_GROUPS:
        found.append(
            FieldError("group_roles", "too_many", f"group_roles may hold at most {MOST_GROUPS} groups.")
        )
    for group, role in list(group_roles.items())[:MOST_GROUPS]:
        if not 0 < len(group) <= LONGEST_GROUP or not group.isprintable():
            detail = f"A group's name has 1 to {LONGEST_GROUP} characters."
            found.append(FieldError("group_roles", "group_invalid", detail))
        if role not in known:
            detail = f"“{role[:40]}” is no role; write one of {', '.join(known)}."
            found.append(FieldError("group_roles", "role_unknown", detail))
    return found
