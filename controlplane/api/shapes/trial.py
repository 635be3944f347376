"""Trials as strangers see them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from controlplane.api.links import PREFIX
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    record,
    words,
)
from controlplane.kernel.clock import rfc3339
from controlplane.trials.sign_up import LONGEST_COMPANY, Asked
from controlplane.trials.status import STATUSES, Status

TRIAL_CREATE = Shape(
    "TrialCreate",
    {
        **record(
            {
                "email": {
                    "type": "string",
                    "maxLength": 254,
                    "description": "The person's own; a link is sent to it, which must be opened within 24 hours.",
                },
                "company": {"type": "string", "minLength": 1, "maxLength": LONGEST_COMPANY},
                "region": {"type": "string", "maxLength": 64, "description": "Where the runtime will be."},
                "locale": {
                    "type": "string",
                    "maxLength": 35,
                    "description": "A language tag, for example `en`.",
                },
                "challenge": {
                    "type": "string",
                    "maxLength": 300,
                    "description": "The answer to the challenge of a problem `challenge_required`, where one is asked.",
                },
            },
            optional=("locale", "challenge"),
        ),
        "additionalProperties": False,
    },
    example={"email": "ada@example.org", "company": "Engine Works", "region": "eu-central-1"},
)
STATUS = words(STATUSES, "`pending_verification` until the link in the message is opened.")
TRIAL_CREATED = Shape(
    "TrialCreated",
    record(
        {
            "id": ID,
            "secret": {
                "type": "string",
                "description": "Sent as `X-Trial-Secret` to ask how it goes; shown only here.",
            },
            "status": STATUS,
            "status_url": URL,
        },
        description="The same whether or not the address is known.",
    ),
)
TRIAL = Shape(
    "Trial",
    record(
        {
            "id": ID,
            "status": STATUS,
            "detail": {"type": "string", "description": "A sentence for people."},
            "reason": {
                **MAYBE_TEXT,
                "description": "Of one that could not be built: `not_built`. Of a `rejected` one: `not_eligible`, "
                "`not_confirmed`, `trial_exists`, `organisation_has_trial`, "
                "`trials_closed`, `region_closed`, `withdrawn`, `tenant_closed`.",
            },
            "region": TEXT,
            "position": maybe({**COUNT, "description": "In the queue, from 1, while it is `waiting`."}),
            "runtime": maybe(record({"id": ID, "phase": TEXT})),
            "console_url": URL,
            "created_at": MOMENT,
            "confirm_until": MAYBE_MOMENT,
            "expires_at": MAYBE_MOMENT,
            "removes_at": MAYBE_MOMENT,
            "removed_at": MAYBE_MOMENT,
            "may_extend": {"type": "boolean"},
        }
    ),
)


def trial_url(base: str, trial_id: UUID) -> str:
    """Return where to ask how it goes."""
    return f"{base}{PREFIX}/trials/{trial_id}"


def created_json(asked: Asked, *, base: str) -> dict[str, Any]:
    """Return what the asker gets."""
    row = asked.sign_up
    return {
        "id": str(row.id),
        "secret": asked.secret,
        "status": "rejected" if row.state == "rejected" else "pending_verification",
        "status_url": trial_url(base, row.id),
    }


def trial_json(found: Status, *, base: str) -> dict[str, Any]:
    """Return how it goes."""
    runtime = {"id": str(found.runtime_id), "phase": found.runtime_phase} if found.runtime_id else None
    return {
        "id": str(found.id),
        "status": found.status,
        "detail": found.detail,
        "reason": found.reason or None,
        "region": found.region,
        "position": found.position,
        "runtime": runtime,
        "console_url": f"{base}/trial/sign-in",
        "created_at": rfc3339(found.created_at),
        "confirm_until": rfc3339(found.confirm_until),
        "expires_at": rfc3339(found.expires_at),
        "removes_at": rfc3339(found.removes_at),
        "removed_at": rfc3339(found.removed_at),
        "may_extend": found.may_extend,
    }
