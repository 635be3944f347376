"""Brings bytes from an address in the catalog: https only, bounded, redirects looked at one by one, digests proved."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from controlplane.outbound.client import (
    Answer,
    NoAnswerError,
    OutboundRefusedError,
    Policy,
    Resolver,
    TooLargeError,
    fetch,
    resolve,
)

MOST_BYTES = 8 * 1024 * 1024  # as PostgreSQL bounds them
_REDIRECTS = 5
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_REMEDIES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "put credentials for this host into MODULE_SOURCE_CREDENTIALS",
    HTTPStatus.FORBIDDEN: "let these credentials read it (MODULE_SOURCE_CREDENTIALS)",
    HTTPStatus.NOT_FOUND: "look at the address and the digest",
}


class SourceUnavailableError(Exception):
    """A source that can't be had: `code` for machines, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        # Parts of it are a server's words, and it is shown on people's terminals.
        super().__init__("".join(one if one.isprintable() else " " for one in message))
        self.code = code


def read_credentials(path: str) -> dict[str, str]:
    """Return {host: "user:password"} of a file as container tools write it: {"auths": {host: {"auth": base64}}}.

    Raises ValueError with what is wrong; no secret is in it.
    """
    if not path:
        return {}
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
        return {_host(host): _pair(one) for host, one in said["auths"].items()}
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, binascii.Error):
        raise ValueError(
            f'{path} is not as container tools write it: {{"auths": {{host: {{"auth": …}}}}}}'
        ) from None


def check_authorities(path: str) -> None:
    """Raise ValueError where a file of certificates can't be used, before a connection would stumble over it."""
    if not path:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificates (PEM)") from None
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None


def _host(text: str) -> str:
    return text.partition("://")[2].partition("/")[0] if "://" in text else text.partition("/")[0]


def _pair(one: Mapping[str, str]) -> str:
    if "username" in one:
        return f"{one['username']}:{one['password']}"
    return base64.b64decode(one["auth"], validate=True).decode()


@dataclass(frozen=True)
class Downloader:
    """Calls addresses within a policy; `credentials` by host go to that host only, and to whom it names itself for tokens."""

    policy: Policy
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    resolver: Resolver = resolve

    def download(self, url: str) -> bytes:
        """Return what stands at an address; raises SourceUnavailableError."""
        return content_of(url, self.get(url, self.basic(url)))

    def basic(self, url: str) -> dict[str, str]:
        """Return the header with what is known for an address's host."""
        place = authority(url)
        known = {authority(f"https://{host}"): pair for host, pair in self.credentials.items()}
        if not place or place not in known:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(known[place].encode()).decode()}"}

    def get(self, url: str, headers: Mapping[str, str], *, accept: str = "*/*") -> Answer:
        """Return an answer, redirects followed; what authorizes stays with the host that it is for, and is not taken up again."""
        first, given = authority(url), {**headers, "Accept": accept}
        for _ in range(_REDIRECTS + 1):
            try:
                answer = fetch(
                    url, policy=self.policy, headers=given, resolver=self.resolver, tell_redirects=True
                )
            except OutboundRefusedError as error:
                said = f"{_shown(url)} is not fetched: {error} MODULE_SOURCE_NETWORKS lists private networks that may be."
                raise SourceUnavailableError("module_source_refused", said) from error
            except TooLargeError as error:
                said = f"{_shown(url)} has more than {self.policy.most_bytes} bytes, which are the most."
                raise SourceUnavailableError("module_source_too_large", said) from error
            except NoAnswerError as error:
                raise SourceUnavailableError(
                    "module_source_unreachable", f"{_shown(url)}: {error} Try again, or name a mirror."
                ) from error
            if answer.status not in _ELSEWHERE or "location" not in answer.headers:
                return answer
            url = _led(url, answer.headers["location"])
            if not first or authority(url) != first:
                given.pop("Authorization", None)
        said = f"{_shown(url)} leads on and on; name the address that it ends at."
        raise SourceUnavailableError("module_source_unreachable", said)


def authority(url: str) -> str:
    """Return "host:port" of an https address in lower case, as one is told from another; empty for everything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.scheme == "https" and parts.hostname else ""


def _led(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        said = f"{_shown(url)} leads to what is no address; name the one that it is to end at."
        raise SourceUnavailableError("module_source_refused", said) from None


def content_of(url: str, answer: Answer) -> bytes:
    """Return an answer's body; raises SourceUnavailableError for any status but 200."""
    if answer.status == HTTPStatus.OK:
        return answer.body
    remedy = _REMEDIES.get(answer.status, "try again later")
    led = (
        f" led to {authority(answer.url)}, which" if authority(answer.url) not in {"", authority(url)} else ""
    )
    if led and answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = "what is known for one host is not sent to another; name the address where it is"
    said = f"{_shown(url)}{led} answered {answer.status}; {remedy}."
    raise SourceUnavailableError("module_source_unreachable", said)


def prove(content: bytes, digest: str, what: str) -> bytes:
    """Return the content where it is what its digest says; raises SourceUnavailableError."""
    found = digest_of(content)
    if found != digest:
        said = (
            f"{what} has the digest {found}, not {digest}: it was changed since, or the digest was copied from elsewhere. "
            "Nothing of it is used; find out which of the two is right."
        )
        raise SourceUnavailableError("module_source_digest", said)
    return content


def digest_of(content: bytes) -> str:
    """Return what content is known by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def decoded(content: bytes, what: str) -> Any:
    """Return what JSON says; raises SourceUnavailableError."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise SourceUnavailableError("module_source_invalid", f"{what} is not JSON.") from None


def _shown(url: str) -> str:
    """Return an address without its query, in which storages carry their signatures."""
    return url.partition("?")[0]
