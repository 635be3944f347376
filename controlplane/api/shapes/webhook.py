"""Webhooks of a tenant, or of the platform's own team."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
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


def webhook_json(row: Webhook) -> dict[str, Any]:
    """Return a webhook without its secret."""
    return {
        "id": str(row.id),
        "tenant": row.tenant.slug if row.tenant else None,
        "url": row.url,
        "kinds": list(row.kinds),
        "filters": row.filters,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "disabled_at": rfc3339(row.disabled_at),
    }


def delivery_json(row: WebhookDelivery) -> dict[str, Any]:
    """Return an event on its way."""
    return {"id": str(row.id), "kind": row.kind, "state": row.state, "created_at": rfc3339(row.created_at)}
