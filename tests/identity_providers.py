"""Identity providers of tests: a real one as a process, and one that lies on demand."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from controlplane.identity.models import IdentityProvider
from controlplane.identity.providers import Wish, add_provider
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Tenant

OPERATOR = Actor(name="operator:test")
CLIENT_ID, CLIENT_SECRET = "nesoi", "a-secret-that-only-both-sides-know"
GROUPS = {"ops": "developer", "boss": "admin"}


def allow(settings: Any, *issuers: str) -> None:
    """Let these issuers be called, though they answer over plain HTTP on this machine."""
    settings.OUTBOUND_PRIVATE_NETWORKS = ["127.0.0.1/32"]
    settings.OUTBOUND_PLAIN_HOSTS = [urlsplit(issuer).netloc for issuer in issuers]


def register(issuer: str, tenant: Tenant | None, **changes: Any) -> IdentityProvider:
    """A provider as an operator registers it."""
    wish = Wish(
        **{
            "name": "Archipel SSO",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "group_roles": GROUPS,
            **changes,
        }
    )
    return add_provider(actor=OPERATOR, tenant=tenant, issuer=issuer, wish=wish)


@contextmanager
def real_provider() -> Iterator[str]:
    """A provider in a process of its own; its issuer is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "oidc_provider_mock",
            "--port",
            str(port),
            "--require-nonce",
            "1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(issuer, timeout=1)
                break
            except requests.ConnectionError:
                assert process.poll() is None, "the provider did not start"
                assert time.monotonic() < deadline, "the provider did not start in time"
                time.sleep(0.1)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def introduce(issuer: str, subject: str, **claims: Any) -> None:
    """Tell the real provider about a person."""
    requests.put(f"{issuer}/users/{subject}", json=claims, timeout=5).raise_for_status()


def agree(address: str, subject: str, **more: str) -> str:
    """Sign in at the real provider, and return the address on our side that it sends the person back to."""
    answer = requests.post(address, data={"sub": subject, **more}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    return here(answer.headers["Location"])


def here(address: str) -> str:
    """Path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


@cache
def _first_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class LyingProvider:
    """Does all that a provider does, PKCE included; `lie` changes the claims, `sign` makes the token."""

    def __init__(self) -> None:
        self.key = _first_key()
        self.published = [self.key.as_dict(private=False)]
        self.person: dict[str, Any] = {"sub": "ada", "email": "ada@archipel.example", "groups": ["ops"]}
        self.lie: Mapping[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.honest
        self.metadata: dict[str, Any] = {}
        self.user_info: dict[str, Any] | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.issuer = ""

    def honest(self, claims: dict[str, Any]) -> str:
        """The token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)

    def send_back(self, address: str) -> str:
        """Take what our redirect carried and return the address on our side, with a code."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return here(asked["redirect_uri"]) + urlencode({"code": code, "state": asked["state"]})

    def document(self) -> dict[str, Any]:
        base = self.issuer
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "end_session_endpoint": f"{base}/bye",
            **({"userinfo_endpoint": f"{base}/userinfo"} if self.user_info is not None else {}),
            **self.metadata,
        }

    def claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
        }
        return {key: value for key, value in {**claims, **self.lie}.items() if value is not None}

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        known = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if (
            asked is None
            or challenge.decode().rstrip("=") != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
            or authorization != known
        ):
            return 400, {"error": "invalid_grant"}
        token = self.sign(self.claims(asked["nonce"]))
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """A provider of the test's own, in a thread."""
    provider = LyingProvider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Silence."""

        def say(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            provider.asked.append(self.path)
            known = {
                "/.well-known/openid-configuration": provider.document(),
                "/jwks": {"keys": provider.published},
                "/userinfo": provider.user_info,
            }
            self.say(200 if self.path in known else 404, known.get(self.path))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {key: values[0] for key, values in parse_qs(text).items()}
            self.say(*provider.token(form, self.headers.get("Authorization", "")))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
