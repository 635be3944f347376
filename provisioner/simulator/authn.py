"""Who calls: the admin's bearer token, a service account's token, or a client certificate of this cluster."""

from __future__ import annotations

import base64
import hmac
import ssl
import time
from functools import lru_cache

import orjson
from aiohttp import web

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import ApiError, Json
from provisioner.simulator.identity import ANONYMOUS, MASTERS, User
from provisioner.simulator.tls import Authority, client_ca_name

AUTHENTICATED = "system:authenticated"


def unauthorized() -> ApiError:
    """Return the 401."""
    return ApiError(401, "Unauthorized", "Unauthorized")


class Authenticator:
    """Knows the secrets that prove a caller."""

    def __init__(self, authority: Authority, admin_token: str) -> None:
        self.authority = authority
        self.admin_token = admin_token

    def authenticate(self, request: web.Request, endpoint: Endpoint) -> User:
        """Return the caller, anonymous when nothing was shown; raises 401 for a proof that does not hold."""
        header = request.headers.get("Authorization", "")
        if header:
            kind, _, token = header.partition(" ")
            if kind.lower() != "bearer":
                raise unauthorized()
            return self._token_user(token.strip(), endpoint)
        certificate = request.get_extra_info("peercert")
        if certificate:
            return _certificate_user(certificate, endpoint)
        return ANONYMOUS

    def is_admin(self, request: web.Request) -> bool:
        """Say whether the request carries the admin's token."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        return hmac.compare_digest(given, self.admin_token.encode())

    def _token_user(self, token: str, endpoint: Endpoint) -> User:
        if not endpoint.name and hmac.compare_digest(token.encode(), self.admin_token.encode()):
            return User("nesoi:admin", (MASTERS, AUTHENTICATED))
        claims = self.claims(token)
        if not claims or claims.get("cluster") != endpoint.identity or claims.get("exp", 0) < time.time():
            raise unauthorized()
        account = endpoint.collection("", "serviceaccounts").get(claims["namespace"], claims["name"])
        if account is None or account.uid != claims["uid"]:
            raise unauthorized()
        namespace = claims["namespace"]
        return User(
            f"system:serviceaccount:{namespace}:{claims['name']}",
            ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED),
        )

    def issue(self, claims: Json) -> str:
        """Return a signed token."""
        body = base64.urlsafe_b64encode(orjson.dumps(claims))
        return f"{body.decode()}.{self.authority.sign_text(body)}"

    def claims(self, token: str) -> Json:
        """Return the claims of a token we signed, empty for any other."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self.authority.sign_text(body.encode()).encode()):
            return {}
        claims: Json = orjson.loads(base64.urlsafe_b64decode(body))
        return claims


# A connection shows the same certificate with each of its requests.
_seconds = lru_cache(maxsize=1_000)(ssl.cert_time_to_seconds)


def _certificate_user(certificate: Json, endpoint: Endpoint) -> User:
    issuer = {key: value for part in certificate["issuer"] for key, value in part}
    if issuer.get("commonName") != client_ca_name(endpoint.identity):
        raise unauthorized()
    # The handshake does not look at the clock (see tls.py), so this must.
    if _seconds(certificate["notAfter"]) <= time.time():
        raise unauthorized()
    name, groups = "", []
    for part in certificate["subject"]:
        for key, value in part:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                groups.append(value)
    return User(name, (*groups, AUTHENTICATED))
