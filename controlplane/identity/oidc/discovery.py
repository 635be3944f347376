"""What a provider says about itself, read from its discovery document and kept for ten minutes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from controlplane.identity.oidc.calls import policy, read_object, unusable
from controlplane.kernel.errors import Refused
from controlplane.outbound.client import OutboundRefusedError, check_url

log = structlog.get_logger(__name__)

KEPT = timedelta(minutes=10)
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Metadata:
    """The part of a discovery document that we use; addresses are checked, an empty one is not offered."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    names_itself: bool = False  # RFC 9207: answers carry `iss`
    token_auth_methods: tuple[str, ...] = ("client_secret_basic",)


def metadata_of(issuer: str, *, anew: bool = False) -> Metadata:
    """Return a provider's metadata, `anew` as it is now; raises Refused (provider_unusable, provider_address_refused)."""
    address = issuer.rstrip("/") + WELL_KNOWN
    found = remembered(f"oidc-metadata:{issuer}", lambda: read_object(address), anew=anew)
    if found.get("issuer") != issuer:
        raise unusable(
            f"The discovery document names another issuer ({str(found.get('issuer'))[:200]}); it must be exactly {issuer}."
        )
    methods = found.get("token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=issuer,
        authorization_endpoint=_address(found, "authorization_endpoint"),
        token_endpoint=_address(found, "token_endpoint"),
        jwks_uri=_address(found, "jwks_uri"),
        userinfo_endpoint=_address(found, "userinfo_endpoint", needed=False),
        end_session_endpoint=_address(found, "end_session_endpoint", needed=False),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        token_auth_methods=tuple(map(str, methods))
        if isinstance(methods, list)
        else Metadata.token_auth_methods,
    )


def _address(found: dict[str, Any], key: str, *, needed: bool = True) -> str:
    address = found.get(key)
    if not address and not needed:
        return ""
    try:
        check_url(str(address or ""), policy())
    except OutboundRefusedError as fault:
        raise unusable(f"The discovery document's {key} can't be used: {fault}") from fault
    return str(address)


def remembered(key: str, ask: Callable[[], dict[str, Any]], *, anew: bool = False) -> dict[str, Any]:
    """Return what is kept under a key, or ask and keep it; a cache that is away only costs a call."""
    digest = "identity:" + hashlib.sha256(key.encode()).hexdigest()
    try:
        kept = None if anew else cache.get(digest)
        if kept is not None:
            return dict(json.loads(kept))
    except RedisError as fault:
        log.warning("cache_away", reason=str(fault), consequence="the identity provider is asked again")
    found = ask()
    try:
        cache.set(digest, json.dumps(found), KEPT.total_seconds())
    except RedisError as fault:
        log.warning("cache_away", reason=str(fault), consequence="the identity provider is asked again")
    return found


def seldom(key: str, pause: timedelta) -> bool:
    """Whether this may happen now, and not again before the pause is over."""
    digest = "identity:" + hashlib.sha256(key.encode()).hexdigest()
    try:
        return bool(cache.add(digest, 1, pause.total_seconds()))
    except RedisError:
        return True


def try_metadata(issuer: str) -> Metadata | None:
    """Return a provider's metadata, or None when it can't be had now."""
    try:
        return metadata_of(issuer)
    except Refused as refusal:
        log.warning("provider_unusable", issuer=issuer, reason=refusal.detail)
        return None
