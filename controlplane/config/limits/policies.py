"""What a request is counted for: its address, its token or session, its tenant, and the few things that are dear."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from controlplane.config.limits.buckets import Limit

MOST, LONGEST = 1_000_000, 86_400
_WRITTEN = re.compile(r"([0-9]{1,7})/([0-9]{1,5})")
_EXEMPT = frozenset({"/healthz", "/readyz", "/metrics"})

# Dear requests by their address, which is all that is known before anything else is asked. A test walks the URL maps by it.
SIGN_IN = re.compile(r"/sign-in(/|$)|/join/|/trial/sign-in/")
TRIALS = re.compile(r"/api/v1/trials$|/trial(/sign-in)?$")
MINTING = re.compile(
    r"/(runtimes/[^/]+/kubeconfig|(tokens|service-accounts|broker)(/[^/]+/rotate)?/?)$|/service_bindings/[^/]+$"
)
INVITING = re.compile(
    r"(/api/v1/invitations|/team/invitations)/[^/]+/resend$|/api/v1/invitations$|/team/$"
    r"|(/api/v1|/fleet)/tenants(/[^/]+/owner)?$"
)
OF_A_CREDENTIAL = frozenset({"minting", "invitations"})
_WRITES = frozenset({"POST", "PUT"})


@dataclass(frozen=True)
class Policy:
    """A limit with the name that answers call it by, and the words for what it counts."""

    name: str
    limit: Limit
    words: str


WORDS = {
    "address": "Your address",
    "token": "This token or session",
    "tenant": "Your tenant",
    "sign-in": "Your address, for signing in,",
    "trials": "Your address, for trials,",
    "minting": "This token or session, for credentials,",
    "invitations": "This token or session, for invitations,",
}


def read_policies(written: Mapping[str, str]) -> dict[str, Policy]:
    """Return the policies that settings describe as `requests/seconds`; an empty one is switched off. Raises ValueError."""
    found = {}
    for name, text in written.items():
        if not text:
            continue
        match = _WRITTEN.fullmatch(text)
        quota, seconds = (int(match[1]), int(match[2])) if match else (0, 0)
        if not (1 <= quota <= MOST and 1 <= seconds <= LONGEST):
            raise ValueError(
                f"The rate limit of {name} is “{text}”; write requests/seconds, as 1000/10, or nothing to switch it off."
            )
        found[name] = Policy(name, Limit(quota, seconds), WORDS[name])
    return found


def is_counted(path: str) -> bool:
    """Whether requests to this path are counted: probes are not."""
    return path not in _EXEMPT


def credential_of(request: HttpRequest, cookie: str) -> str:
    """Return the token or the session that a request shows, unverified, or an empty text."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        return f"token {header.strip()}"
    session = request.COOKIES.get(cookie, "")
    return f"session {session}" if session else ""


def subjects_of(method: str, path: str, *, address: str, credential: str, tenant: str) -> dict[str, str]:
    """Return whom a request is counted for by the name of the policy; who is unknown is not counted."""
    found = {}
    if address:
        found["address"] = address
    if credential:
        found["token"] = credential
    if tenant:
        found["tenant"] = tenant
    dear = _dear(method, path)
    subject = credential or address if dear in OF_A_CREDENTIAL else address
    if dear and subject:
        found[dear] = subject
    return found


def _dear(method: str, path: str) -> str:
    if SIGN_IN.match(path) and (method in _WRITES or path.count("/") > 1):
        return "sign-in"
    if method not in _WRITES:
        return ""
    if TRIALS.match(path):
        return "trials"
    if INVITING.match(path):
        return "invitations"
    return "minting" if MINTING.search(path) else ""


def key_of(policy: str, subject: str, secret: bytes) -> str:
    """Return the key of a bucket: nobody who reads the cache learns an address or a token from it."""
    digest = hashlib.blake2b(subject.encode(errors="surrogatepass"), key=secret, digest_size=12).hexdigest()
    return f"limit:{policy}:{digest}"
