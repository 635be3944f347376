"""The authorization code flow with PKCE: where a person is sent, and what their return proves."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.common.security import generate_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client

from controlplane.identity.oidc.calls import GuardedSession, call, unusable
from controlplane.identity.oidc.discovery import Metadata, metadata_of
from controlplane.identity.oidc.tokens import read_id_token, untrusted
from controlplane.kernel.errors import Refused


@dataclass(frozen=True)
class Client:
    """Who we are at a provider; the secret is plain, for this moment only."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Client({self.client_id} at {self.issuer})"  # the secret stays out of logs and tracebacks


@dataclass(frozen=True)
class Question:
    """What is kept in the person's session until they come back: nobody else's return fits it."""

    state: str
    nonce: str
    verifier: str


def ask(client: Client) -> tuple[str, Question]:
    """Return the address to send a person to, and what to keep; raises Refused when the provider is unusable."""
    metadata = metadata_of(client.issuer)
    question = Question(generate_token(43), generate_token(43), generate_token(64))
    address, _ = _authlib(client, metadata).create_authorization_url(
        metadata.authorization_endpoint,
        state=question.state,
        code_verifier=question.verifier,
        nonce=question.nonce,
    )
    return str(address), question


def redeem(client: Client, question: Question, returned: Mapping[str, str]) -> dict[str, Any]:
    """Exchange what a person came back with for their claims; raises Refused: see the codes below."""
    metadata = metadata_of(client.issuer)
    _check_return(metadata, question, returned)
    try:
        token = _authlib(client, metadata).fetch_token(
            metadata.token_endpoint,
            grant_type="authorization_code",
            code=returned["code"],
            code_verifier=question.verifier,
            redirect_uri=client.redirect_uri,
        )
    except OAuth2Error as fault:
        raise Refused(
            "code_refused",
            "The identity provider did not accept the code that it had given: it is used up or too old. Sign in again.",
            status=403,
        ) from fault
    except (ValueError, AttributeError, TypeError) as fault:
        raise unusable("The identity provider's token endpoint did not answer as one does.") from fault
    access_token = str(token.get("access_token") or "")
    claims = read_id_token(
        str(token.get("id_token") or ""),
        metadata=metadata,
        client_id=client.client_id,
        nonce=question.nonce,
        access_token=access_token,
    )
    return {**_user_info(metadata, access_token, str(claims["sub"])), **claims}


def _check_return(metadata: Metadata, question: Question, returned: Mapping[str, str]) -> None:
    if not hmac.compare_digest(returned.get("state", "").encode(), question.state.encode()):
        raise untrusted("state")
    # RFC 9207: an answer of another provider than the one that was asked (mix-up). An error brings nothing that could be
    # mixed up, and many providers forget to name themselves in it: whoever said no is told that, and not to mistrust.
    named, error = returned.get("iss", ""), returned.get("error", "")
    if named != metadata.issuer and (named or (metadata.names_itself and not error)):
        raise untrusted("iss of the answer")
    if error:
        if error == "access_denied":
            detail = (
                "You did not agree to sign in, or the identity provider did not let you. Nothing was changed."
            )
            raise Refused("access_denied", detail, status=403)
        word = "".join(letter for letter in error if letter.isalnum() or letter in "_-.")[:60]
        raise Refused(
            "provider_refused",
            f"The identity provider refused the sign-in ({word}). Try again, or tell whoever runs the provider.",
            status=403,
        )
    if not returned.get("code"):
        raise untrusted("no code")


def _user_info(metadata: Metadata, access_token: str, subject: str) -> dict[str, Any]:
    """Return what else the provider tells about the subject; nothing when it tells it of somebody else."""
    if not metadata.userinfo_endpoint or not access_token or not access_token.isprintable():
        return {}
    answer = call(metadata.userinfo_endpoint, headers={"Authorization": f"Bearer {access_token}"})
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    told = answer.status == 200 and isinstance(found, dict) and found.get("sub") == subject  # noqa: PLR2004
    return dict(found) if told else {}


def _authlib(client: Client, metadata: Metadata) -> Any:
    if not client.client_secret:
        method = "none"
    elif (
        "client_secret_basic" in metadata.token_auth_methods
        or "client_secret_post" not in metadata.token_auth_methods
    ):
        method = "client_secret_basic"
    else:
        method = "client_secret_post"
    return OAuth2Client(
        GuardedSession(),
        client_id=client.client_id,
        client_secret=client.client_secret,
        token_endpoint_auth_method=method,
        scope=client.scopes,
        redirect_uri=client.redirect_uri,
        code_challenge_method="S256",
    )
