"""Quota, and the requests for more of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from controlplane.api.shapes.base import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.catalog.entitlements import Line
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota import DIMENSIONS
from controlplane.catalog.quota_models import RequestState
from controlplane.kernel.clock import rfc3339

STATES = list(RequestState.values)
AMOUNT = {"type": "number", "minimum": 0}
MOST = 1_000_000_000


def _pair(unit: str) -> Any:
    return record(
        {"used": AMOUNT, "granted": {**maybe(AMOUNT), "description": "null: without bound."}},
        description=unit,
    )


PLAN = {**MAYBE_TEXT, "description": "A plan's key; null stands for all plans together."}
QUOTA = Shape(
    "Quota",
    record(
        {
            "tenant": TEXT,
            "quota": several(
                record(
                    {
                        "plan": PLAN,
                        "runtimes": _pair("Runtimes that exist, suspended ones too."),
                        "vcpu": _pair("vCPUs of all pools at their largest; suspended runtimes count none."),
                        "memory_gib": _pair("GiB of memory, counted alike."),
                        "gpus": _pair("GPUs, counted alike."),
                        "regions": {
                            **several(TEXT),
                            "description": "Granted regions; none: every region of the plan.",
                        },
                    }
                )
            ),
        },
        description="What a tenant uses, and what it was granted.",
    ),
)
_WANTED = {
    "runtimes": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST},
    "vcpu": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST},
    "memory_gib": {"type": ["number", "null"], "minimum": 1, "maximum": MOST},
    "gpus": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST},
}
QUOTA_WISH = Shape(
    "QuotaWish",
    {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {
            "plan": {
                "type": ["string", "null"],
                "maxLength": 31,
                "description": "A plan's key; null or left out: all plans.",
            },
            **_WANTED,
            "regions": {"type": "array", "maxItems": 50, "items": {"type": "string", "maxLength": 64}},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
            "reply_to": {
                "type": "string",
                "maxLength": 254,
                "description": "Where the answer goes; a person's own address unless given.",
            },
            "tenant": {
                "type": "string",
                "maxLength": 64,
                "description": "Slug; for tokens of the platform's team, which belong to no tenant.",
            },
        },
    },
    example={"plan": "aws", "vcpu": 400, "reason": "The shop's peak season begins in November."},
)
QUOTA_GRANT = Shape(
    "QuotaGrant",
    {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {
            "plan": QUOTA_WISH.schema["properties"]["plan"],
            **{
                name: {**wanted, "minimum": 0, "description": "Left out: stays as it is; null: no bound."}
                for name, wanted in _WANTED.items()
            },
            "regions": {
                **QUOTA_WISH.schema["properties"]["regions"],
                "description": "Left out: stay as they are; none: every region of the plan.",
            },
            "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
        },
    },
    example={"plan": "aws", "vcpu": 100, "reason": "Agreed with their finance on 3 May."},
)
QUOTA_REQUEST = Shape(
    "QuotaRequest",
    record(
        {
            "id": ID,
            "url": URL,
            "tenant": TEXT,
            "plan": PLAN,
            **{name: maybe(AMOUNT) for name in DIMENSIONS},
            "regions": several(TEXT),
            "reason": TEXT,
            "state": words(STATES),
            "requested_by": TEXT,
            "created_at": MOMENT,
            "answered_by": TEXT,
            "answer": TEXT,
            "answered_at": MAYBE_MOMENT,
        },
        description="What a tenant asks for; null leaves a bound as it is.",
    ),
)
QUOTA_REQUEST_LIST = page_of(QUOTA_REQUEST)


def quota_json(tenant: str, lines: list[Line]) -> dict[str, Any]:
    """Return a tenant's quota as read."""
    return {"tenant": tenant, "quota": [_line(line) for line in lines]}


def request_json(row: QuotaRequest, *, base: str) -> dict[str, Any]:
    """Return a request as read; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "url": f"{base}/api/v1/quota-requests/{row.id}",
        "tenant": row.tenant.slug,
        "plan": row.plan or None,
        **{name: _number(getattr(row, name)) for name in DIMENSIONS},
        "regions": row.regions,
        "reason": row.reason,
        "state": row.state,
        "requested_by": row.requested_by,
        "created_at": rfc3339(row.created_at),
        "answered_by": row.answered_by,
        "answer": row.answer,
        "answered_at": rfc3339(row.answered_at),
    }


def _line(line: Line) -> dict[str, Any]:
    pairs = {
        name: {"used": _number(getattr(line.used, name)), "granted": _number(getattr(line.bounds, name))}
        for name in DIMENSIONS
    }
    return {"plan": line.plan or None, **pairs, "regions": list(line.bounds.regions)}


def _number(value: Decimal | int | None) -> float | int | None:
    if value is None or isinstance(value, int):
        return value
    return int(value) if value == int(value) else float(value)
