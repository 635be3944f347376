"""Secrets that let somebody in without an account: only their digests are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from uuid import UUID

from django.utils.crypto import salted_hmac

PREFIX = "nst_"  # it marks a trial's secret for secret scanners


def new_token() -> str:
    """Return 256 random bits, for a link."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return what is kept of a token; its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def secret_of(sign_up_id: UUID) -> str:
    """Return the secret of a sign-up: made from its id with our key, so that a repeated request gets the same answer."""
    mac = salted_hmac("controlplane.trials.secret", str(sign_up_id), algorithm="sha256").digest()
    return PREFIX + urlsafe_b64encode(mac).decode().rstrip("=")


def is_secret(given: str, digest: bytes | memoryview) -> bool:
    """Whether this is the secret, in a time that says nothing about how close it came."""
    return hmac.compare_digest(digest_of(given), bytes(digest))
