"""Checks what a provider signed: signature, issuer, audience, nonce, time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from controlplane.identity.oidc.calls import read_object
from controlplane.identity.oidc.discovery import Metadata, remembered, seldom
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused

log = structlog.get_logger(__name__)

# Signatures by a provider's private key only: neither none nor a secret that both sides know.
ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
]  # fmt: skip
SKEW = timedelta(seconds=60)
OLDEST = timedelta(minutes=15)  # since a token was issued; it was asked for a moment ago
LONGEST_TOKEN = 100_000
LONGEST_SUBJECT = 255  # OpenID Connect Core, section 2
KEYS_PAUSE = timedelta(seconds=30)  # between two looks at a provider's keys
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def untrusted(reason: str) -> Refused:
    """A token that proves nothing: say so without a hint for whoever forged it, and log why."""
    log.warning("token_refused", reason=reason)
    return Refused(
        "token_untrusted",
        "What the identity provider sent can't be trusted, so you are not signed in. Try once more; if it stays so, "
        "tell whoever runs the provider.",
        status=403,
    )


def read_id_token(
    token: str, *, metadata: Metadata, client_id: str, nonce: str, access_token: str
) -> dict[str, Any]:
    """Return the claims of an ID token; raises Refused (token_untrusted) unless all of it holds."""
    found = _signed(token, metadata)
    options: Any = _options(metadata, client_id)
    claims = CodeIDToken(
        found.claims,
        found.header,
        options,
        {"nonce": nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        claims.validate(leeway=int(SKEW.total_seconds()))
    except (JoseError, ValueError, TypeError) as fault:
        raise untrusted(str(fault)) from fault
    if not nonce or claims.get("nonce") != nonce:
        raise untrusted("nonce")
    _check_subject(claims)
    _check_age(claims)
    return dict(claims)


def read_logout_token(token: str, *, metadata: Metadata, client_id: str) -> dict[str, Any]:
    """Return the claims of a logout token (Back-Channel Logout 1.0, 2.6); raises Refused (token_untrusted)."""
    found = _signed(token, metadata)
    claims = found.claims
    options: Any = {**_options(metadata, client_id), "jti": {"essential": True}}
    options.pop("sub")
    try:
        jwt.JWTClaimsRegistry(leeway=int(SKEW.total_seconds()), **options).validate(claims)
    except JoseError as fault:
        raise untrusted(str(fault)) from fault
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict) or "nonce" in claims:
        raise untrusted("not a logout token")
    if not any(isinstance(claims.get(key), str) and claims[key] for key in ("sub", "sid")):
        raise untrusted("a logout token names a subject or a session")
    _check_age(claims)
    if not seldom(f"logout-token:{metadata.issuer}:{claims['jti']}", OLDEST + SKEW):
        raise untrusted("a logout token that was used before")
    return dict(claims)


def _options(metadata: Metadata, client_id: str) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": metadata.issuer},
        "aud": {"essential": True, "value": client_id},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "sub": {"essential": True},
    }


def _signed(token: str, metadata: Metadata) -> jwt.Token:
    if not 0 < len(token) <= LONGEST_TOKEN:
        raise untrusted("no token, or a huge one")
    # Unknown header parameters are allowed (RFC 7515, 4); critical ones are still refused.
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        try:
            return jwt.decode(token, keys_of(metadata), registry=registry)
        except InvalidKeyIdError:
            if not seldom(f"oidc-keys-anew:{metadata.jwks_uri}", KEYS_PAUSE):
                raise
            return jwt.decode(token, keys_of(metadata, anew=True), registry=registry)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as fault:
        raise untrusted(f"{type(fault).__name__}: {fault}") from fault


def keys_of(metadata: Metadata, *, anew: bool = False) -> KeySet:
    """Return the public keys that a provider signs with; raises Refused (provider_unusable, provider_address_refused)."""
    found = remembered(f"oidc-keys:{metadata.jwks_uri}", lambda: read_object(metadata.jwks_uri), anew=anew)
    # Only public keys that sign: a provider's set may hold kinds that we do not know.
    keys = [
        key
        for key in found.get("keys", [])
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": keys})


def _check_subject(claims: dict[str, Any]) -> None:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise untrusted("sub")


def _check_age(claims: dict[str, Any]) -> None:
    if utcnow().timestamp() - float(claims["iat"]) > (OLDEST + SKEW).total_seconds():
        raise untrusted("issued long ago")
