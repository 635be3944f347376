"""Writes that happen once: with an Idempotency-Key, the first answer is kept in the transaction of the work itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpResponse
from psycopg.types.json import Jsonb
from rest_framework.request import Request

from controlplane.api.auth import actor_of
from controlplane.api.queries import CLAIM, KEEP
from controlplane.kernel.errors import Refused

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Answer:
    """What a write answers with."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Claim:
    token: UUID
    key: str
    fingerprint: bytes


def once(request: Request, act: Callable[[], Answer]) -> HttpResponse:
    """Answer with what `act` does, or with what it did for the same key before.

    Raises Refused: idempotency_key_invalid 400, idempotency_key_reused 422, idempotency_in_progress 409.
    """
    key = request.headers.get("Idempotency-Key")
    token = actor_of(request).token_id
    if key is None or token is None:
        return _written(act())
    if not _KEY.fullmatch(key):
        detail = "Idempotency-Key must be 1 to 255 visible ASCII characters, for example a UUID."
        raise Refused("idempotency_key_invalid", detail, field="Idempotency-Key", status=400)
    claim = _Claim(token, key, _fingerprint(request))
    with transaction.atomic():
        kept = _kept(claim)
        if kept is not None:
            return kept
        response = _written(answer := act())
        _keep(claim, answer, response)
    return response


def _kept(claim: _Claim) -> HttpResponse | None:
    """Return the answer kept for this key, or None when the caller is the one to work."""
    with connection.cursor() as cursor:
        lock = f"idempotency:{claim.token}:{claim.key}"
        cursor.execute(CLAIM, {"lock": lock, "token": claim.token, "key": claim.key})
        held, fingerprint, status, headers, body = cursor.fetchone()
    if status is None:
        if not held:
            raise _in_progress()
        return None
    if bytes(fingerprint) != claim.fingerprint:
        raise Refused(
            "idempotency_key_reused",
            "This Idempotency-Key came with another request before; choose a new key for a new request.",
            field="Idempotency-Key",
        )
    found = headers if isinstance(headers, dict) else json.loads(headers)
    return HttpResponse(
        body,
        status=status,
        content_type="application/json",
        headers={**found, "Idempotent-Replayed": "true"},
    )


def _keep(claim: _Claim, answer: Answer, response: HttpResponse) -> None:
    row: dict[str, Any] = {
        "token": claim.token,
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "status": answer.status,
        "headers": Jsonb(dict(answer.headers)),
        "body": response.content.decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, row)
        if cursor.rowcount != 1:
            raise _in_progress()


def _written(answer: Answer) -> HttpResponse:
    body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(
        body, status=answer.status, content_type="application/json", headers=dict(answer.headers)
    )


def _fingerprint(request: Request) -> bytes:
    # Canonical, so that a client that writes its keys in another order still repeats the same request.
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).digest()


def _in_progress() -> Refused:
    return Refused(
        "idempotency_in_progress",
        "A request with this Idempotency-Key is being carried out; repeat this one in a second for its answer.",
        status=409,
        retry_after_seconds=1,
    )
