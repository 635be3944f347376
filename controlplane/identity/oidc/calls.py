"""Calls a provider, through the guarded door, in the shape that Authlib expects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from controlplane.kernel.errors import Refused
from controlplane.outbound.client import Answer, NoAnswerError, OutboundRefusedError, Policy, fetch

BAD_GATEWAY = 502


def policy() -> Policy:
    """Return what this installation may call."""
    return Policy.read(
        private_networks=settings.OUTBOUND_PRIVATE_NETWORKS, plain_hosts=settings.OUTBOUND_PLAIN_HOSTS
    )


def unusable(detail: str) -> Refused:
    """A provider that does not do its part: tell the person, and whoever set it up."""
    return Refused("provider_unusable", detail, field="issuer", status=BAD_GATEWAY)


def call(url: str, **how: Any) -> Answer:
    """Call a provider; raises Refused (provider_address_refused, provider_unusable)."""
    try:
        return fetch(url, policy=policy(), **how)
    except OutboundRefusedError as fault:
        detail = f"The identity provider's address is not called: {fault}"
        raise Refused("provider_address_refused", detail, field="issuer") from fault
    except NoAnswerError as fault:
        detail = f"The identity provider can't be reached: {fault} Try again in a minute."
        raise unusable(detail) from fault


def read_object(url: str, **how: Any) -> dict[str, Any]:
    """Return the JSON object at an address; raises Refused like `call`."""
    answer = call(url, **how)
    found = _json(answer.body)
    if answer.status != 200 or not isinstance(found, dict):  # noqa: PLR2004
        raise unusable(f"The identity provider answered {answer.status} without a JSON object at {url}.")
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class Response:
    """What Authlib reads of an answer."""

    status_code: int
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded; raises ValueError."""
        return json.loads(self.body)

    def raise_for_status(self) -> None:
        """Raise for what is no success."""
        if self.status_code >= 400:  # noqa: PLR2004
            raise ValueError(f"The token endpoint answered {self.status_code}.")


class GuardedSession:
    """The session that Authlib's client posts with."""

    def post(self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: Any) -> Response:
        """Post a form, with what proves the client."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        answer = call(url, method="POST", headers=headers, body=body.encode())
        return Response(answer.status, answer.body)
