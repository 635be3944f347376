"""Webhooks of a tenant, or of the platform's own team."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    Shape,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.notices.webhook_filters import LONGEST, WORDS
from controlplane.notices.webhook_models import DeliveryState
from controlplane.notices.webhook_standing import NOTHING, Standing
from controlplane.notices.webhooks import KINDS

_KINDS = {
    **several(words(list(KINDS), "; ".join(f"{kind}: {told}" for kind, told in KINDS.items()))),
    "minItems": 1,
}
_FILTERS = {
    **record(
        {
            word: {**several({"type": "string", "maxLength": LONGEST}), "description": told}
            for word, told in WORDS.items()
        },
        optional=tuple(WORDS),
    ),
    "additionalProperties": False,
    "description": "Only events of which each of these words is one of the values; an event without the word is told.",
}
_FIELDS = {
    "id": ID,
    "tenant": {
        "type": ["string", "null"],
        "description": "Null: the platform's own team's; it hears of the whole fleet.",
    },
    "url": TEXT,
    "kinds": _KINDS,
    "filters": _FILTERS,
    "created_by": TEXT,
    "created_at": MOMENT,
    "disabled_at": {
        **MAYBE_MOMENT,
        "description": "When the address answered 410 Gone; a test tries it again.",
    },
    "deliveries": record(
        {
            "last_delivered_at": MAYBE_MOMENT,
            "failing_since": {
                **MAYBE_MOMENT,
                "description": "When the first event happened that doesn't arrive; null: nothing fails.",
            },
            "last_error": {
                **TEXT,
                "description": "Why the newest of these doesn't arrive; empty: nothing fails.",
            },
            "last_status": {
                "type": ["integer", "null"],
                "description": "What the address answered to it; null: it gave no answer, or nothing fails.",
            },
            "next_try_at": {**MAYBE_MOMENT, "description": "Null: nothing waits."},
            "waiting": COUNT,
            "given_up": {**COUNT, "description": "Dead letters of the days that events are kept."},
        },
        description="How deliveries to it stand.",
    ),
}
WEBHOOK = Shape(
    "Webhook", record(_FIELDS, description="An address that gets events, signed as Standard Webhooks has it.")
)
WEBHOOK_LIST = page_of(WEBHOOK)
WEBHOOK_MADE = Shape(
    "WebhookMade",
    record({**_FIELDS, "secret": {**TEXT, "description": "Checks signatures. Shown this once."}}),
)
WEBHOOK_CREATE = Shape(
    "WebhookCreate",
    {
        **record(
            {
                "url": {"type": "string", "maxLength": 2048},
                "kinds": _KINDS,
                "filters": _FILTERS,
                "tenant": TEXT,
            },
            optional=("filters", "tenant"),
        ),
        "additionalProperties": False,
    },
    {"url": "https://example.org/nesoi", "kinds": ["usage.daily", "statement.sealed"]},
)
DELIVERY = Shape(
    "WebhookDelivery",
    record({"id": ID, "kind": TEXT, "state": words(list(DeliveryState.values)), "created_at": MOMENT}),
)


def webhook_json(row: Webhook, standing: Standing = NOTHING) -> dict[str, Any]:
    """Return a webhook without its secret; one that was told nothing yet stands as new."""
    return {
        "id": str(row.id),
        "tenant": row.tenant.slug if row.tenant else None,
        "url": row.url,
        "kinds": list(row.kinds),
        "filters": row.filters,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "disabled_at": rfc3339(row.disabled_at),
        "deliveries": {
            "last_delivered_at": rfc3339(standing.delivered_at),
            "failing_since": rfc3339(standing.failing_since),
            "last_error": standing.last_error,
            "last_status": standing.last_status,
            "next_try_at": rfc3339(standing.next_try_at),
            "waiting": standing.waiting,
            "given_up": standing.given_up,
        },
    }


def delivery_json(row: WebhookDelivery) -> dict[str, Any]:
    """Return an event on its way."""
    return {"id": str(row.id), "kind": row.kind, "state": row.state, "created_at": rfc3339(row.created_at)}
