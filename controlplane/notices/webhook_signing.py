"""Signs events as Standard Webhooks 1.0 describes: HMAC-SHA256 over id, timestamp and body. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any

from controlplane.kernel.clock import rfc3339

PREFIX = "whsec_"
BYTES = 32
TYPE = "dev.nesoi."


def new_secret() -> str:
    """Return a fresh secret, as the specification writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers_of(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers; whoever has the secret can check that body, id and time came from us."""
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def envelope(*, message_id: str, kind: str, tenant: str | None, subject: str, at: datetime, data: Any) -> str:
    """Return an event as CloudEvents 1.0 in its structured JSON form; without a tenant it is the platform's."""
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": f"/tenants/{tenant}" if tenant else "/platform",
        "type": TYPE + kind,
        "subject": subject,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)
