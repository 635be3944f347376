"""Delivers events, outside any transaction: signed, tried again with growing pauses, at last a dead letter."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.redaction import redact
from controlplane.notices.webhook_models import DeliveryState, Webhook, WebhookDelivery
from controlplane.notices.webhook_signing import headers_of
from controlplane.notices.webhooks import CONTEXT, policy
from controlplane.outbound.client import NoAnswerError, OutboundRefusedError, fetch
from controlplane.sealing import KeyUnavailable, unseal

log = structlog.get_logger(__name__)

MOST = 20  # of one task: the next one goes on
CLAIM = timedelta(minutes=5)  # twenty addresses that answer at the last moment fit into it
ATTEMPTS = 12  # over about a day
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=4)
TYPE = "application/cloudevents+json; charset=utf-8"
# As for e-mails: what is due is claimed before it is sent, and a worker that dies leaves it to be found. By webhook_delivery_due.
CLAIM_DUE = """
UPDATE notices_webhook_delivery SET attempts = attempts + 1, next_at = %(claimed_until)s
WHERE id IN (
    SELECT id FROM notices_webhook_delivery WHERE state = 'queued' AND next_at <= %(now)s
    ORDER BY next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def deliver_webhooks() -> int:
    """Send what is due and return how many were tried; any number of copies may run."""
    claimed = _claim(utcnow())
    for delivery_id in claimed:
        _deliver(delivery_id)
    return len(claimed)


@transaction.atomic
def _claim(now: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_DUE, {"now": now, "claimed_until": now + CLAIM, "most": MOST})
        return [row[0] for row in cursor.fetchall()]


def _deliver(delivery_id: UUID) -> None:
    row = WebhookDelivery.objects.select_related("webhook").filter(pk=delivery_id).first()
    if row is None:  # its webhook was removed meanwhile
        return
    if row.webhook.disabled_at is not None:
        _note(row, None, "The address is disabled: it said 410 Gone.", final=True)
        return
    try:
        status = _send(row)
    except (NoAnswerError, OutboundRefusedError, KeyUnavailable) as fault:
        _note(row, None, str(fault), final=False)
        return
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        _mine(row).update(state=DeliveryState.SENT, sent_at=utcnow(), last_status=status, last_error="")
        return
    gone = status == HTTPStatus.GONE
    if gone:  # as the specification has it: the other side wants no more
        Webhook.objects.filter(pk=row.webhook_id).update(disabled_at=utcnow())
    _note(row, status, f"The address answered {status}.", final=gone)


def _send(row: WebhookDelivery) -> int:
    hook = row.webhook
    secret = unseal(bytes(hook.sealed), context=CONTEXT.format(tenant=hook.tenant_id, id=hook.id)).decode()
    body = row.body.encode()
    headers = {"Content-Type": TYPE, **headers_of(secret, str(row.id), utcnow(), body)}
    return fetch(hook.url, policy=policy(), method="POST", headers=headers, body=body).status


def _mine(row: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.QUEUED, attempts=row.attempts)


def _note(row: WebhookDelivery, status: int | None, reason: str, *, final: bool) -> None:
    dead = final or row.attempts >= ATTEMPTS
    wait = min(FIRST_WAIT * 2 ** (row.attempts - 1), LONGEST_WAIT)
    _mine(row).update(
        state=DeliveryState.FAILED if dead else DeliveryState.QUEUED,
        next_at=utcnow() + wait,
        last_status=status,
        last_error=redact(reason)[:300],
    )
    tell = log.error if dead else log.warning
    tell(
        "webhook_not_delivered",
        delivery=str(row.id),
        kind=row.kind,
        attempt=row.attempts,
        dead=dead,
        status=status,
    )
