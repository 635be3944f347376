"""Tries out a provider as signing in would: asks who it is and which keys it signs with, now and not from memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from joserfc.errors import JoseError

from controlplane.identity.oidc.discovery import Metadata, metadata_of, seldom
from controlplane.identity.oidc.tokens import keys_of
from controlplane.identity.providers import find_provider
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.rights import require

PAUSE = timedelta(seconds=5)  # nobody makes us knock at somebody's door faster


@dataclass(frozen=True)
class Finding:
    """What a provider answered: `code` and `detail` say what is wrong, both empty when people can sign in."""

    metadata: Metadata | None = None
    keys: int = 0
    code: str = ""
    detail: str = ""


def probe_provider(*, actor: Actor, provider_id: UUID) -> Finding:
    """Ask a provider, outside of any transaction; raises Refused: provider_not_found 404, forbidden 403, tried_lately 429."""
    provider = find_provider(actor, provider_id)
    if provider.tenant_id is not None:
        require(actor, Permission.IDENTITY_MANAGE, tenant_id=provider.tenant_id)
    if not seldom(f"probe:{provider.pk}", PAUSE):
        wait = int(PAUSE.total_seconds())
        detail = f"This provider was tried a moment ago; try again in {wait} s."
        raise Refused("tried_lately", detail, status=429, retry_after_seconds=wait)
    metadata = None
    try:
        metadata = metadata_of(provider.issuer, anew=True)
        number = len(keys_of(metadata, anew=True).keys)
    except Refused as refusal:
        return Finding(metadata, code=refusal.code, detail=refusal.detail)
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        detail = f"The provider's keys can't be read: {type(fault).__name__}."
        return Finding(metadata, code="provider_unusable", detail=detail)
    if not number:
        return Finding(
            metadata, code="provider_unusable", detail="The provider names no key that it signs with."
        )
    return Finding(metadata, number)
