"""What can be done with notices: announce one, send a dead letter again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import ONE_ADDRESS, Notice, State
from controlplane.notices.rendering import is_known
from controlplane.notices.transport import delivery
from controlplane.sealing import seal
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3
CONTEXT = "-|notices_notice|{id}|sealed"


def check_address(address: str) -> str:
    """Return an e-mail address that a header can carry; raises Refused email_invalid."""
    try:
        if len(address) > LONGEST_ADDRESS or not re.fullmatch(ONE_ADDRESS, address):
            raise ValidationError("")
        validate_email(address)
    except ValidationError as error:
        detail = "This is no e-mail address; write one, for example ada@example.org."
        raise Refused("email_invalid", detail, field="email") from error
    return address


@transaction.atomic
def notify(
    *, to: str, kind: str, context: Mapping[str, Any], tenant_id: UUID | None, dedupe_key: str = ""
) -> Notice:
    """Write a message into the outbox, in the caller's transaction; with a known `dedupe_key` return the earlier one.

    `context` holds JSON values for the templates of `kind`; it is sealed until the message has left. Raises Refused
    email_invalid, and LookupError for a kind without templates.
    """
    if not is_known(kind):
        raise LookupError(f"templates/mail has no words for the notice “{kind}”")
    now = utcnow()
    row_id = uuid7()
    words = json.dumps(dict(context), separators=(",", ":")).encode()
    row = Notice(
        id=row_id,
        tenant_id=tenant_id,
        to=check_address(to),
        kind=kind,
        sealed=seal(words, context=CONTEXT.format(id=row_id)),
        dedupe_key=dedupe_key,
        next_at=now,
        created_at=now,
    )
    if not dedupe_key:
        row.save(force_insert=True)
    else:
        Notice.objects.bulk_create([row], ignore_conflicts=True)
        row = Notice.objects.get(dedupe_key=dedupe_key)
    if row.id == row_id:
        delivery.send_on_commit()
    return row


@transaction.atomic
def send_again(*, actor: Actor, notice_id: UUID) -> None:
    """Queue a dead letter once more; raises Refused notice_not_failed."""
    again = Notice.objects.filter(pk=notice_id, state=State.FAILED)
    if again.update(state=State.QUEUED, attempts=0, next_at=utcnow(), last_error="") != 1:
        detail = "Only a message that could not be sent can be sent again."
        raise Refused("notice_not_failed", detail, status=409)
    audit.record("notice.send_again", actor=actor, tenant_id=None, target_type="notice", target_id=notice_id)
    delivery.send_on_commit()
